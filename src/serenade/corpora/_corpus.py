"""Corpus: facts about it, a checked table of its recordings, and its problems."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from serenade._deprecation import MovedMethod
from serenade._printable import to_printable
from serenade._targets import VOTES
from serenade.corpora._labels import list_doubts, list_labels, order_labels, require_labels
from serenade.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Counts:
    """Published numbers of recordings and speakers.

    Args:
        files: recordings in all.
        speakers: distinct speakers.
        per_label: recordings of each label.
    """

    files: int
    speakers: int
    per_label: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Archive:
    """A public download of a corpus.

    Args:
        url: address of a zip file.
        checksum: `"md5:<hex>"` or `"sha256:<hex>"`, as its publisher states it.
    """

    url: str
    checksum: str


@dataclasses.dataclass(frozen=True)
class CorpusInfo:
    """Facts about a corpus that do not depend on its files.

    Args:
        name: the name that opens it.
        title: its full name.
        licence: of its publisher.
        citation: the publication to cite.
        url: its home.
        languages: ISO 639-1 codes of the spoken languages.
        labels: its emotions, in the toolkit's names.
        expected: the published counts, or None.
        layout: the folder layout the loader reads, as a phrase.
        obtain: instructions to get it, as a clause.
        archive: a download whose checksum is known, or None.
        folders: usual names of its folder, searched inside a parent folder.
        warning: remark that results on it need, or "".
    """

    name: str
    title: str
    licence: str
    citation: str
    url: str
    languages: tuple[str, ...]
    labels: tuple[str, ...]
    expected: Counts | None = None
    layout: str = ""
    obtain: str = ""
    archive: Archive | None = None
    folders: tuple[str, ...] = ()
    warning: str = ""


@dataclasses.dataclass(frozen=True)
class Problem:
    """Problem of a corpus on disk.

    Args:
        kind: a word to filter by: `missing`, `count`, `name`, `label`, `duplicate`, `stereo`,
            `empty`, `unreadable`, `twice`, `excluded`, `mac`, `row`, `time`, `speaker`,
            `contradiction`, `text`, `paired`, `synthetic`, `unusable`, `warning`.
        message: the problem and its consequence.
        files: all files concerned; paths below the root of the corpus are relative to it.
    """

    kind: str
    message: str
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the problem on one line, with its first three files.

        >>> print(Problem("stereo", "2 channels", ("a.wav", "b.wav", "c.wav", "d.wav")))
        stereo: 2 channels (a.wav, b.wav, c.wav and 1 more)
        """
        if not self.files:
            return f"{self.kind}: {self.message}"
        more = f" and {len(self.files) - 3} more" if len(self.files) > 3 else ""
        return f"{self.kind}: {self.message} ({', '.join(map(to_printable, self.files[:3]))}{more})"


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Open corpus with a checked table of its recordings.

    Args:
        info: facts about it.
        root: its folder.
        table: one row per recording or segment. Index `(file, start, end)` as audformat's
            segmented tables have it: absolute path, start and end as time differences; NaT is the
            end of the file. Columns `speaker` and `emotion`, and if known `session`, `gender`,
            `text`, `language`, `split`, ratings (`arousal`, `valence`, `dominance`), votes of
            raters (`votes_happy` and so on) and columns that only this corpus has.
        problems: problems that the checks found.
        incomplete: label for results if recordings are missing, also of emotions that are not
            kept, such as `incomplete EMO-DB, 342 of 535`; "" if none is missing.
        targets: columns of numbers that are learnt in place of the emotions, see
            `select_targets`; empty for the emotions.
    """

    info: CorpusInfo
    root: Path
    table: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    incomplete: str = ""
    targets: tuple[str, ...] = ()

    to_csv = MovedMethod("Corpus.to_csv", "serenade.corpora.write_manifest")
    from_csv = MovedMethod("Corpus.from_csv", "serenade.corpora.load_manifest")
    to_audformat = MovedMethod("Corpus.to_audformat", "serenade.corpora.to_audformat")
    from_audformat = MovedMethod("Corpus.from_audformat", "serenade.corpora.from_audformat")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that occur, in the order of `info.labels`, others after them.

        Of targets, their names, without the prefix of votes.
        """
        if self.targets:
            return tuple(name.removeprefix(VOTES) for name in self.targets)
        return order_labels(self.table["emotion"].unique(), self.info.labels)

    @property
    def has_values(self) -> bool:
        """Whether the targets are values, such as arousal, not emotions or votes for them."""
        return bool(self.targets) and not self.targets[0].startswith(VOTES)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The known speakers, sorted."""
        return tuple(sorted(self.table["speaker"].dropna().unique()))

    def select(
        self,
        mask: pd.Series[bool] | NDArray[np.bool_] | Sequence[bool] | None = None,
        *,
        labels: Sequence[str] | None = None,
    ) -> Self:
        """Keep some rows.

        Args:
            mask: True where a row is kept, shape `(rows,)`.
            labels: the emotions that are kept; with a mask, both must hold.

        Returns:
            A corpus with the rows left, in their order.

        Raises:
            CorpusError: a mask of the wrong length, or a label the corpus does not have.
        """
        import numpy as np

        keep = np.ones(len(self), dtype=bool)
        if mask is not None:
            given = np.asarray(mask, dtype=bool)
            if given.shape != keep.shape:
                raise CorpusError(
                    f"{self.info.name}: a mask of shape {given.shape} for {len(self)} rows; "
                    "give one truth value per row"
                )
            keep &= given
        if labels is not None:
            labels = list_labels(labels) or ()
            require_labels(self.info.name, labels, self.labels)
            keep &= self.table["emotion"].isin(list(labels)).to_numpy(dtype=bool)
        return dataclasses.replace(self, table=self.table[keep])

    def map_labels(self, mapping: Mapping[str, str | None]) -> Self:
        """Rename or merge emotions; None drops an emotion, unnamed ones stay.

        Args:
            mapping: from labels the corpus has to new ones.

        Returns:
            A corpus whose `info.labels` are the new labels in the old order. Problems about
            labels that were renamed or dropped are gone.

        Raises:
            CorpusError: a label that the corpus does not have.
        """
        known = order_labels(self.labels, self.info.labels, keep_absent=True)
        require_labels(self.info.name, mapping, known)
        renamed = {label: mapping.get(label, label) for label in known}
        table = self.table.assign(emotion=self.table["emotion"].map(renamed).astype(object))
        labels = tuple(dict.fromkeys(new for new in renamed.values() if new is not None))
        return dataclasses.replace(
            self,
            info=dataclasses.replace(self.info, labels=labels, expected=None),
            table=table[table["emotion"].notna()],
            problems=self._renew_doubts(label for label in known if label not in mapping),
        )

    def label_by(self, column: str) -> Self:
        """Take the labels of another column, such as gender, in place of the emotions.

        Args:
            column: of the table. Rows without a value are left out.

        Returns:
            A corpus whose name ends with the column, so that its results are not taken for those
            of emotions.

        Raises:
            CorpusError: the table has no such column, or the column has no values.
        """
        if column not in self.table or self.table[column].isna().all():
            columns = ", ".join(self.table.columns[self.table.notna().any()])
            raise CorpusError(f"{self.info.name}: no column {column} with labels; it has {columns}")
        table = self.table[self.table[column].notna()]
        table = table.assign(emotion=table[column].astype(str).astype(object))
        name, labels = f"{self.info.name}-{column}", tuple(sorted(table["emotion"].unique()))
        info = dataclasses.replace(self.info, name=name, labels=labels, expected=None)
        return dataclasses.replace(self, info=info, table=table, problems=self._renew_doubts([]))

    def select_targets(self, *names: str) -> Self:
        """Take columns of numbers, or the votes of raters, as targets in place of the emotions.

        Args:
            names: columns, such as `arousal`; or `votes` alone, for the columns `votes_EMOTION`.

        Returns:
            A corpus of the rows that have these numbers, whose name ends with theirs; a problem
            states how many rows are left out. Of votes, the numbers are shares that add up to
            one, and the emotion is the one with most votes, the first of several.

        Raises:
            CorpusError: the table has no such column of numbers, or it has the votes for one
                emotion alone.
        """
        import numpy as np

        voted = [VOTES + label for label in self._list_voted()]
        votes = voted if names == ("votes",) else []
        columns = votes or list(dict.fromkeys(names))
        table = self.table
        numbers = [name for name in map(str, table) if table[name].dtype.kind in "iuf"]
        if lacking := [one for one in columns if one not in numbers]:
            raise CorpusError(
                f"{self.info.name}: no column of numbers {', '.join(lacking)}; it has "
                f"{', '.join(numbers) or 'none'}"
            )
        if not votes and (single := [one for one in columns if one in voted]):
            raise CorpusError(
                f"{self.info.name}: {', '.join(single)} are votes for one emotion; all votes "
                "together are the target votes"
            )
        finite = np.isfinite(table[columns].to_numpy(dtype=np.float64)).all(axis=1)
        table = table.loc[finite]
        if votes:
            table = table[(table[votes] >= 0).all(axis=1) & (table[votes].sum(axis=1) > 0)]
            shares = table[votes].div(table[votes].sum(axis=1), axis=0)
            most = shares.to_numpy().argmax(axis=1)
            chosen = [votes[place].removeprefix(VOTES) for place in most]
            table = table.assign(**{name: shares[name] for name in votes}, emotion=chosen)
        if table.empty:
            raise CorpusError(f"{self.info.name}: no row has {' and '.join(names)}")
        problems = list(self.problems)
        if left := len(self) - len(table):
            message = f"{left} of {len(self)} rows without {' and '.join(names)}; left out"
            problems.append(Problem("excluded", message))
        name = "-".join([self.info.name, *(["votes"] if votes else columns)])
        info = dataclasses.replace(self.info, name=name, expected=None)
        return dataclasses.replace(
            self, info=info, table=table, problems=tuple(problems), targets=tuple(columns)
        )

    def _list_voted(self) -> tuple[str, ...]:
        """Return the emotions that raters could vote for, in the toolkit's order."""
        return order_labels(
            name.removeprefix(VOTES) for name in map(str, self.table) if name.startswith(VOTES)
        )

    def _renew_doubts(self, labels: Iterable[str]) -> tuple[Problem, ...]:
        """Return the problems; doubts about labels are stated again for the labels given."""
        old = [Problem("label", doubt) for doubt in list_doubts(self.info.labels)]
        others = tuple(problem for problem in self.problems if problem not in old)
        if len(others) == len(self.problems):
            return others
        return (*others, *(Problem("label", doubt) for doubt in list_doubts(labels)))


@dataclasses.dataclass(frozen=True)
class Loader:
    """Entry of the registry of corpora.

    Args:
        info: the facts about the corpus.
        load: opens it, as `load(root, **options)`.
    """

    info: CorpusInfo
    load: Callable[..., Corpus]


def mark_incomplete(name: str, incomplete: str) -> str:
    """Append the label of an incomplete corpus, if it has one, to the corpus' name.

    >>> mark_incomplete("emodb", "incomplete EMO-DB, 342 of 535")
    'emodb (incomplete EMO-DB, 342 of 535)'
    """
    return f"{name} ({incomplete})" if incomplete else name
