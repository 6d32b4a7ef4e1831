"""Name, order and check the emotions of corpora."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from serenade.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LABELS = (
    "angry",
    "happy",
    "neutral",
    "sad",
    "fear",
    "disgust",
    "surprise",
    "calm",
    "boredom",
)
"""The toolkit's names of the emotions, in the order reports print them."""

_SYNONYMS = {
    "anger": "angry",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "fearful": "fear",
    "disgusted": "disgust",
    "surprised": "surprise",
    "bored": "boredom",
}
_MISSING = {"nan", "none", "null", "na", "n/a", "<na>", "nat"}  # as other programs write them


def order_labels(
    labels: Iterable[str], first: Sequence[str] = LABELS, *, keep_absent: bool = False
) -> tuple[str, ...]:
    """Return labels in the order of `first`, then the others sorted.

    >>> order_labels({"tired", "sad", "angry"})
    ('angry', 'sad', 'tired')
    """
    found = set(labels)
    known = [label for label in first if keep_absent or label in found]
    return (*known, *sorted(found - set(known)))


def list_labels(labels: Sequence[str] | None) -> Sequence[str] | None:
    """Return the names of one emotion or of several as a sequence; None stays.

    >>> list_labels("angry")
    ['angry']
    """
    return [labels] if isinstance(labels, str) else labels


def require_labels(name: str, wanted: Iterable[str], known: Sequence[str]) -> None:
    """Raise `CorpusError` if the corpus does not have a wanted label."""
    if strange := [label for label in wanted if label not in known]:
        raise CorpusError(
            f"{name}: no label {', '.join(map(repr, strange))}; it has {', '.join(known)}"
        )


def list_doubts(labels: Iterable[str]) -> list[str]:
    """Describe labels that look like missing values, or have another name in the toolkit.

    >>> print(*list_doubts(["sad", "Anger"]))
    some labels have another name in the toolkit; rename them: --map Anger=angry, or in Python ...
    """
    found, doubts = set(labels), []
    if doubtful := order_labels(label for label in found if label.lower() in _MISSING):
        doubts.append(
            f"labels that look like missing values: {', '.join(doubtful)}; they are used as "
            "emotions: leave these rows out if they are not"
        )
    renamed = {
        label: _SYNONYMS.get(label.lower(), label.lower())
        for label in order_labels(found - set(LABELS))
        if label.lower() in {*LABELS, *_SYNONYMS}
    }
    if renamed:
        options = " ".join(f"--map {shlex.quote(f'{old}={new}')}" for old, new in renamed.items())
        doubts.append(
            f"some labels have another name in the toolkit; rename them: {options}, or in Python "
            f"map_labels({renamed})"
        )
    return doubts
