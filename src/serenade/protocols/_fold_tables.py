"""Find speakers that training and test share in a table of folds, which needs no audio.

A table of folds is a CSV file with a row for each file in each fold: `fold`, `split` (as in the
protocol `fixed`), `file` and optionally `corpus` and `speaker`.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from serenade.errors import EvaluationError
from serenade.protocols._protocols import list_parts

if TYPE_CHECKING:
    import os

    import pandas as pd

# Part of a file's path that names the speaker, by the corpus' own naming rule. EmoBox's other
# corpora have file names that do not tell the speaker.
_SPEAKERS = {
    "aesdd": r"\(0*(\d+)\)",
    "ased": r"-(\d+)\.wav$",
    "asvpesd": r"actor_(\d+)/",
    "cafe": r"/(\d\d)-[A-Z]-",
    "casia": r"^casia/([^/]+)/",
    "cremad": r"/(\d{4})_",
    "emodb": r"/(\d\d)[a-z]\d\d",
    "emovdb": r"^emovdb/([a-z]+)_",
    "emovo": r"^emovo/([mf]\d)/",
    "enterface": r"subject (\d+)/",
    "esd": r"^esd/(\d{4})/",
    "iemocap": r"(Ses\d\d)[MF]_.*_([MF])\d{3}\.wav$",
    "jlcorpus": r"/((?:fe)?male\d)_",
    "mead": r"^mead/([MW]\d+)/",
    "oreau": r"/([fm])/.*/(\d\d)[a-z]\d\d",
    "polish": r"^polish/([mf]\d)",
    "ravdess": r"Actor_(\d\d)/",
    "savee": r"^savee/([A-Z]{2})_",
    "shemo": r"/([MF]\d\d)[A-Z]",
    "subesco": r"/([MF]_\d\d)_",
    "tess": r"^tess/([OY]AF)_",
    "turevdb": r"/(\d{4})_",
    "urdu": r"/(S[MF]\d+)_",
}
_NEEDED = {"fold", "split", "file"}


@dataclasses.dataclass(frozen=True)
class FoldSpeakers:
    """Speakers of one fold.

    Args:
        corpus: name of the corpus; empty if the table has none.
        fold: name of the fold.
        trained: speakers of training and validation.
        tested: speakers of the test part.
        unknown: number of files whose speaker is unknown.
    """

    corpus: str
    fold: str
    trained: frozenset[str]
    tested: frozenset[str]
    unknown: int

    @property
    def shared(self) -> tuple[str, ...]:
        """Return the test speakers that are also trained on, sorted."""
        return tuple(sorted(self.trained & self.tested))

    def __str__(self) -> str:
        """Return one line.

        >>> two = frozenset(["a", "b"])
        >>> print(FoldSpeakers("emodb", "1", two, frozenset("a"), 0))
        leak: emodb, fold 1: 1 of 1 test speakers are also trained on: a
        """
        place = f"{self.corpus}, fold {self.fold}" if self.corpus else f"fold {self.fold}"
        if not self.trained or not self.tested:
            lacking = "training" if not self.trained else "test"
            return f"{place}: no {lacking} file with a known speaker"
        some = ", ".join(self.shared[:5]) + " and more" * (len(self.shared) > 5)
        found = f"{len(self.shared)} of {len(self.tested)} test speakers are also trained on"
        note = f"; {self.unknown} files of unknown speakers" if self.unknown else ""
        return f"{'leak: ' if some else ''}{place}: {found}{': ' if some else ''}{some}{note}"


def is_fold_table(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a CSV file (also compressed) with the columns of a fold table."""
    if not str(path).endswith((".csv", ".csv.gz")) or not Path(path).is_file():
        return False
    import gzip

    read = gzip.open if str(path).endswith(".gz") else open
    try:
        with read(path, "rt", encoding="utf-8-sig", newline="") as file:
            return set(next(csv.reader(file), [])) >= _NEEDED
    except (OSError, UnicodeDecodeError, EOFError, csv.Error):
        return False


def list_fold_speakers(path: str | os.PathLike[str], pattern: str = "") -> list[FoldSpeakers]:
    """List the speakers of every fold of a table.

    Args:
        path: table of folds, see this module.
        pattern: regular expression whose groups are the speaker's name within the path of a file;
            the whole match if it has no groups. By default the column `speaker`, or the naming rule
            of a corpus of EmoBox.

    Raises:
        EvaluationError: the file is no table of folds, has an unknown value in `split`, or speakers
            are unknown for all files.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        expression = re.compile(pattern) if pattern else None
    except (OSError, ValueError, re.error) as error:
        raise EvaluationError(f"{path}: cannot read folds ({error}); give a CSV file") from error
    if lacking := _NEEDED - set(table):
        raise EvaluationError(
            f"{path}: no column {', '.join(sorted(lacking))}; folds need fold, split and file"
        )
    if "corpus" not in table:
        table = table.assign(corpus="")
    table = table.assign(split=list_parts(table["split"], str(path)))
    found = []
    for (corpus, fold), rows in table.groupby(["corpus", "fold"], sort=False):
        rule = re.compile(_SPEAKERS[corpus]) if corpus in _SPEAKERS else None
        speaker = _name_speakers(rows, expression or rule)
        if any(speaker):
            both = set(zip(speaker, rows["split"] == "test", strict=True))
            tested = frozenset(name for name, test in both if name and test)
            trained = frozenset(name for name, test in both if name and not test)
            unknown = speaker.count("")
            found.append(FoldSpeakers(str(corpus), str(fold), trained, tested, unknown))
    if not found:
        raise EvaluationError(
            f"{path}: no speaker is known; add a column speaker, or give a pattern that finds the "
            "speaker in the path of a file"
        )
    return found


def _name_speakers(rows: pd.DataFrame, expression: re.Pattern[str] | None) -> list[str]:
    """Return the speaker of each row; "" if it is unknown."""
    if "speaker" in rows:
        return list(rows["speaker"])
    if expression is None:
        return [""] * len(rows)
    matches = (expression.search(file) for file in rows["file"])
    return [_join_groups(match) if match else "" for match in matches]


def _join_groups(match: re.Match[str]) -> str:
    """Return the groups of a match, which may be alternatives; the whole of one without groups."""
    return "".join(match.groups("")) if match.re.groups else match[0]
