"""Protocols: rules that divide a corpus into folds for training, validation and testing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from serenade._parameters import find_mismatch
from serenade._registry import explain_unknown
from serenade.errors import EvaluationError
from serenade.protocols._drawing import (
    alternate_genders,
    cut_evenly,
    draw_stratified,
    get_column,
    list_groups,
)
from serenade.protocols._evaluation_protocol import EvaluationProtocol, SpeakerProtocol
from serenade.protocols._folds import Fold, FoldOrigin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "val", "validation"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


def list_parts(split: Iterable[str], place: str) -> list[str]:
    """Return `train`, `validation` or `test` for each cell of a column `split`.

    Args:
        split: cells in any case.
        place: name of the protocol or table, for the error.

    Raises:
        EvaluationError: a cell has an unknown value.
    """
    cells = list(split)
    if unknown := sorted({cell for cell in cells if cell.lower() not in _SPLITS}):
        raise EvaluationError(
            f"{place}: unknown values in the column split: {', '.join(unknown)}; "
            f"use {', '.join(_SPLITS)}"
        )
    return [_SPLITS[cell.lower()] for cell in cells]


@dataclasses.dataclass(frozen=True)
class LeaveOneSpeakerOut(SpeakerProtocol):
    """Test each speaker with a model that is trained on all others."""

    name: ClassVar[str] = "loso"

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        return "leave one speaker out" + self._describe_validation()

    def _list_tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        speaker = get_column(table, "speaker", self.name)
        return [
            (f"speaker {one}", speaker == one)
            for one in list_groups(speaker, 2, "speaker", self.name)
        ]


@dataclasses.dataclass(frozen=True)
class GroupKFold(SpeakerProtocol):
    """Test groups of speakers in turn.

    Speakers are sorted, with the genders alternating if the corpus states them, and cut into
    consecutive groups with numbers of rows that are as equal as possible. Six groups of RAVDESS
    are actors 1-4, 5-8 and so on, two of each gender.

    Args:
        validation_speakers: training speakers to draw for validation: a number or a share.
        groups: number of groups.
    """

    groups: int = 5

    name: ClassVar[str] = "groups"

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        return f"{self.groups} groups of speakers" + self._describe_validation()

    def _list_tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        speaker = get_column(table, "speaker", self.name)
        if self.groups < 2:
            raise EvaluationError(f"{self.name}: groups={self.groups}; must be at least 2")
        list_groups(speaker, self.groups, "speaker", self.name)
        names = alternate_genders(speaker, list(table["gender"]) if "gender" in table else None)
        bounds = cut_evenly([int((speaker == one).sum()) for one in names], self.groups)
        return [
            (f"group {number}", np.isin(speaker, names[start:stop]))
            for number, (start, stop) in enumerate(bounds, 1)
        ]


@dataclasses.dataclass(frozen=True)
class SpeakerIndependent(SpeakerProtocol):
    """Test each of up to ten speakers in turn, or six groups of more speakers; the default."""

    name: ClassVar[str] = "speaker-independent"

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        return (
            "leave one speaker out, or six groups of speakers where there are more than ten"
            + self._describe_validation()
        )

    def _list_tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        count = len(list_groups(get_column(table, "speaker", self.name), 2, "speaker", self.name))
        protocol = LeaveOneSpeakerOut() if count <= 10 else GroupKFold(groups=6)
        return protocol._list_tests(table)  # noqa: SLF001 - a class of this module


@dataclasses.dataclass(frozen=True)
class LeaveOneSessionOut(SpeakerProtocol):
    """Test each recording session with a model that is trained on the others.

    Sessions must not share a speaker.

    Args:
        validation_speakers: training speakers to draw for validation: a number or a share.
        only: the only session to test; empty to test each in turn.
    """

    only: str = ""

    name: ClassVar[str] = "session"

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        tested = f"test session {self.only}" if self.only else "leave one session out"
        return tested + self._describe_validation()

    def _list_tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        session = get_column(table, "session", self.name)
        return [(f"session {one}", session == one) for one in self._list_sessions(session)]

    def _list_sessions(self, session: NDArray[np.str_]) -> list[str]:
        """Return the sessions to test."""
        found = list_groups(session, 2, "session", self.name)
        if self.only and self.only not in found:
            raise EvaluationError(
                f"{self.name}: no session {self.only!r}; choose from {', '.join(found)}"
            )
        return [self.only] if self.only else list(found)


@dataclasses.dataclass(frozen=True)
class RandomStratified(EvaluationProtocol):
    """Draw test rows at random, stratified by emotion; test speakers also occur in training.

    Args:
        test: share of the rows to test.
        validation: share of the rows for validation; 0 for none.
        repeats: number of draws; each gives one fold.
    """

    test: float = 0.2
    validation: float = 0.1
    repeats: int = 1

    name: ClassVar[str] = "random"
    speaker_independent: ClassVar[bool] = False

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        shares = (1 - self.test - self.validation, self.validation, self.test)
        listed = "/".join(f"{100 * share:.3g}" for share in shares)
        times = f", {self.repeats} times" if self.repeats > 1 else ""
        return f"random rows, train/validation/test {listed}% by emotion{times}"

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:
        """Divide a table into one fold for each repeat."""
        if (
            not (0 < self.test < 1 and 0 <= self.validation < 1 - self.test - 1e-9)
            or self.repeats < 1
        ):
            raise EvaluationError(
                f"{self.name}: test={self.test}, validation={self.validation}, "
                f"repeats={self.repeats}; test + validation must be below 1, and repeats at least 1"
            )
        emotion = get_column(table, "emotion", self.name)
        folds = []
        for repeat in range(self.repeats):
            rng = np.random.default_rng([seed, repeat])
            rest, test = draw_stratified(emotion, np.arange(len(emotion)), self.test, rng)
            share = self.validation / (1 - self.test)
            train, validation = draw_stratified(emotion, rest, share, rng)
            name = f"repeat {repeat + 1}" if self.repeats > 1 else "random"
            folds.append(Fold(name, train, validation, test))
        return folds


@dataclasses.dataclass(frozen=True)
class FixedSplit(EvaluationProtocol):
    """Use the corpus' own split, from its column `split`: train, dev or validation, test.

    The report states whether the parts share speakers.
    """

    name: ClassVar[str] = "fixed"
    speaker_independent: ClassVar[bool] = False

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        return "the corpus' own split"

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:  # noqa: ARG002
        """Return the split of the corpus as one fold; the seed has no effect."""
        part = np.array(list_parts(get_column(table, "split", self.name), self.name))
        if lacking := {"train", "test"} - set(part):
            raise EvaluationError(
                f"{self.name}: no row has the split {' or '.join(sorted(lacking))}; label some rows"
            )
        rows = (np.flatnonzero(part == name) for name in ("train", "validation", "test"))
        return [Fold("test", *rows)]


@dataclasses.dataclass(frozen=True)
class GivenFolds(EvaluationProtocol):
    """Use folds that were made elsewhere, such as those that `read_folds` returns.

    Args:
        folds: folds of the table that is evaluated.
        origin: protocol that made them, if it is known: results are then those of this protocol.
    """

    folds: tuple[Fold, ...] = ()
    origin: FoldOrigin | None = None

    name: ClassVar[str] = "given"
    speaker_independent: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """Name the protocol that made the folds."""
        return self.name if self.origin is None else self.origin.label

    @property
    def description(self) -> str:
        """Describe the division in a phrase."""
        if self.origin is not None:
            return self.origin.description
        return f"{len(self.folds)} given folds"

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:  # noqa: ARG002
        """Return the given folds."""
        return list(self.folds)


PROTOCOLS: Mapping[str, type[EvaluationProtocol]] = {
    protocol.name: protocol
    for protocol in (
        SpeakerIndependent,
        LeaveOneSpeakerOut,
        LeaveOneSessionOut,
        GroupKFold,
        RandomStratified,
        FixedSplit,
    )
}
"""Protocols by name; the first is the default."""


def names() -> tuple[str, ...]:
    """Return the names of all protocols; the first is the default.

    >>> names()
    ('speaker-independent', 'loso', 'session', 'groups', 'random', 'fixed')
    """
    return tuple(PROTOCOLS)


def describe(name: str) -> str:
    """Describe a protocol with its default settings in a phrase.

    Args:
        name: one of `names()`.

    Raises:
        EvaluationError: no protocol has this name.

    >>> describe("loso")
    'leave one speaker out'
    """
    return get(name).description


def get(name: str = "speaker-independent", **settings: Any) -> EvaluationProtocol:
    """Return a protocol by its name.

    Args:
        name: one of `names()`.
        settings: fields of the protocol that differ from their defaults.

    Raises:
        EvaluationError: no protocol has this name, or a setting is unknown or of a wrong type.

    >>> get("random", repeats=5)
    RandomStratified(test=0.2, validation=0.1, repeats=5)
    """
    if name not in PROTOCOLS:
        raise EvaluationError(explain_unknown("protocol", name, PROTOCOLS))
    fields = [field.name for field in dataclasses.fields(PROTOCOLS[name])]
    if unknown := [setting for setting in settings if setting not in fields]:
        raise EvaluationError(
            f"{name}: no setting {', '.join(unknown)}; choose from {', '.join(fields) or 'none'}"
        )
    if problem := find_mismatch(PROTOCOLS[name], settings):
        raise EvaluationError(f"{name}: {problem}")
    return PROTOCOLS[name](**settings)
