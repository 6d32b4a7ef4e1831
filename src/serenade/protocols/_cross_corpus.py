"""Cross-corpus protocol: train on some corpora and test on another one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from serenade.corpora import Corpus, order_labels
from serenade.errors import EvaluationError
from serenade.protocols._drawing import get_column
from serenade.protocols._evaluation_protocol import EvaluationProtocol
from serenade.protocols._folds import Fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

Classes = Literal["shared", "all"]
"""Emotions of an evaluation on other data than those of training: shared ones, or all."""


@dataclasses.dataclass(frozen=True)
class CrossCorpus(EvaluationProtocol):
    """Test one corpus with a model that is trained on others; `join_corpora` makes the table.

    Args:
        train: names of the training corpora.
        test: name of the tested corpus.
        left_out: emotions that were left out because only one side has them.
    """

    train: tuple[str, ...] = ()
    test: str = ""
    left_out: tuple[str, ...] = ()

    name: ClassVar[str] = "cross-corpus"
    speaker_independent: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Name the protocol and the training corpora."""
        return f"{self.name} from {'+'.join(self.train)}"

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        left = f"; left out, because only one side has them: {', '.join(self.left_out)}"
        trained = f"trained on {', '.join(self.train)}, tested on {self.test}"
        return trained + left * bool(self.left_out)

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:  # noqa: ARG002
        """Return one fold: the rows of the training corpora, and those of the tested one."""
        test = get_column(table, "corpus", self.name) == self.test
        none = np.zeros(0, dtype=np.int64)
        return [Fold(self.test, np.flatnonzero(~test), none, np.flatnonzero(test))]


def join_corpora(
    train: Sequence[Corpus], test: Corpus, classes: Classes = "shared"
) -> tuple[Corpus, CrossCorpus]:
    """Join training corpora and a tested one to one table with a column `corpus`.

    Speakers get the name of their corpus before theirs. Only columns that all corpora have are
    kept.

    Args:
        train: corpora to train on.
        test: corpus to test.
        classes: `shared` keeps the emotions that training and test data share; `all` keeps all, so
            that tested emotions without training rows are always wrong.

    Returns:
        The joined corpus, which has the facts and the folder of the tested one, and the protocol.

    Raises:
        EvaluationError: two corpora have one name, fewer than two emotions are shared, or
            targets differ.
    """
    import pandas as pd

    corpora = [*train, test]
    names = [corpus.info.name for corpus in corpora]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise EvaluationError(
            f"{', '.join(repeated)}: given twice for training and test; give each corpus once"
        )
    every, kept = _choose_labels(train, test, classes)
    tables = [_label_rows(corpus, kept) for corpus in corpora]
    licences = dict.fromkeys(corpus.info.licence for corpus in corpora)
    warnings = [*(corpus.info.warning for corpus in corpora), *_list_other_scales(corpora)]
    info = dataclasses.replace(
        test.info,
        licence="; ".join(licences),
        labels=tuple(kept) if test.targets else order_labels(kept),
        expected=None,
        warning="; ".join(filter(None, dict.fromkeys(warnings))),
    )
    incomplete = "; ".join(filter(None, (corpus.incomplete for corpus in corpora)))
    rows = pd.concat(tables, join="inner")
    joined = Corpus(info, test.root, rows, incomplete=incomplete, targets=test.targets)
    left_out = tuple(label for label in every if label not in kept)
    return joined, CrossCorpus(tuple(names[:-1]), test.info.name, left_out)


def _choose_labels(
    train: Sequence[Corpus], test: Corpus, classes: Classes
) -> tuple[Sequence[str], Sequence[str]]:
    """Return all labels, and those that are kept; of targets, all names of both sides.

    Raises:
        EvaluationError: see `join_corpora`.
    """
    if test.targets or any(corpus.targets for corpus in train):
        if any(corpus.targets != test.targets for corpus in train):
            named = "; ".join(", ".join(corpus.labels) for corpus in (*train, test))
            raise EvaluationError(f"training and test data have other targets: {named}")
        return test.labels, test.labels
    known = {label for corpus in train for label in corpus.labels}
    shared = [label for label in test.labels if label in known]
    if len(shared) < 2:
        raise EvaluationError(
            f"training and test data share {', '.join(shared) or 'no emotion'}, and two are "
            "needed; rename emotions with --map OLD=NEW"
        )
    for corpus in train if classes != "all" else ():
        if set(shared).isdisjoint(corpus.labels):
            raise EvaluationError(
                f"{corpus.info.name}: has none of the emotions that are kept "
                f"({', '.join(shared)}); leave it out, or rename emotions with --map OLD=NEW"
            )
    every = order_labels({*known, *test.labels})
    return every, every if classes == "all" else shared


def _list_other_scales(corpora: Sequence[Corpus]) -> list[str]:
    """Return a warning for each target of numbers whose range differs between corpora.

    Ranges differ if one is more than twice as wide as another, or if two do not overlap.
    """
    found = []
    for name in corpora[0].targets if corpora[0].has_values else ():
        values = [corpus.table[name] for corpus in corpora]
        lows = [float(one.min()) for one in values]
        highs = [float(one.max()) for one in values]
        widths = [high - low for low, high in zip(lows, highs, strict=True)]
        if max(widths) > 2 * min(widths) or max(lows) >= min(highs):
            ranges = ", ".join(
                f"{low:g} to {high:g} in {corpus.info.name}"
                for corpus, low, high in zip(corpora, lows, highs, strict=True)
            )
            found.append(
                f"{name} has other scales ({ranges}), which lowers CCC; rescale the column"
            )
    return found


def _label_rows(corpus: Corpus, kept: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some emotions, with their corpus and unambiguous speakers."""
    table, name = corpus.table, corpus.info.name
    known = table["speaker"].notna()
    speaker = (f"{name}/" + table["speaker"].astype(str)).where(known, None)
    used = table["emotion"].isin(list(kept)) | corpus.has_values
    return table.assign(speaker=speaker, corpus=name)[used]
