"""Protocols: how a corpus is divided so that a score means what it is said to mean."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from serenade._parameters import find_mismatch
from serenade.errors import EvaluationError
from serenade.protocols._drawing import (
    alternate_genders,
    cut_evenly,
    draw_stratified,
    get_column,
    list_groups,
)
from serenade.protocols._folds import Fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "devel", "development", "valid", "val", "validation"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


@dataclasses.dataclass(frozen=True)
class Protocol(ABC):
    """A way of dividing a corpus; subclasses are frozen dataclasses of their settings."""

    name: ClassVar[str]
    speaker_independent: ClassVar[bool]

    @property
    @abstractmethod
    def description(self) -> str:
        """What is trained and tested on what, in a phrase with the settings."""

    @abstractmethod
    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:
        """Divide a table; the same table and seed give the same folds.

        Args:
            table: indexed by `(file, start, end)`; columns `speaker` and `emotion`, and what the
                protocol needs.
            seed: of what is drawn at random.

        Raises:
            EvaluationError: the table lacks what the protocol needs; the message names it.
        """


@dataclasses.dataclass(frozen=True)
class _BySpeaker(Protocol):
    """Protocols whose test parts are whole speakers.

    Args:
        validation_speakers: training speakers set aside for validation, drawn by the seed: how
            many, or which share of them (at least one); 0 for none.
    """

    validation_speakers: float = dataclasses.field(default=0, kw_only=True)

    speaker_independent: ClassVar[bool] = True

    @abstractmethod
    def _tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        """Name and test rows, as a mask, of every fold."""

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:
        """Divide a table; see `Protocol.split`. Test parts do not depend on the seed."""
        speaker = get_column(table, "speaker", self.name)
        folds = []
        for number, (name, test) in enumerate(self._tests(table)):
            validation = np.isin(speaker, self._validation(speaker[~test], (seed, number))) & ~test
            parts = (~test & ~validation, validation, test)
            folds.append(Fold(name, *(np.flatnonzero(part) for part in parts)))
        return folds

    def _validation(self, speaker: NDArray[np.str_], seed: Sequence[int]) -> NDArray[np.str_]:
        """The speakers set aside, given the speaker of every row that is not for testing."""
        names, wanted = np.unique(speaker), self.validation_speakers
        if wanted < 0 or (wanted >= 1 and wanted != int(wanted)):
            raise EvaluationError(
                f"validation_speakers={wanted}: give a number of speakers or a share below 1"
            )
        count = int(wanted) if wanted >= 1 else max(1, round(wanted * len(names)))
        count = count if wanted else 0
        if count >= len(names):
            raise EvaluationError(
                f"{self.name}: {count} validation speakers of {len(names)} leave none to train "
                "on; set fewer aside"
            )
        return np.random.default_rng(list(seed)).permutation(names)[:count]

    def _and_validation(self) -> str:
        return f", {self.validation_speakers:g} validation speakers" * bool(
            self.validation_speakers
        )


@dataclasses.dataclass(frozen=True)
class LeaveOneSpeakerOut(_BySpeaker):
    """Each speaker is tested by a model of all the others."""

    name: ClassVar[str] = "loso"

    @property
    def description(self) -> str:
        """See `Protocol.description`."""
        return "leave one speaker out" + self._and_validation()

    def _tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        speaker = get_column(table, "speaker", self.name)
        return [
            (f"speaker {one}", speaker == one)
            for one in list_groups(speaker, 2, "speaker", self.name)
        ]


@dataclasses.dataclass(frozen=True)
class GroupKFold(_BySpeaker):
    """Groups of speakers that are tested in turn.

    Speakers are put in order, genders taking turns where the corpus knows them, and cut into
    consecutive groups of as equal numbers of rows as possible: RAVDESS in six gives actors 1-4,
    5-8 and so on, two of each gender.

    Args:
        validation_speakers: as in every protocol by speaker.
        groups: how many.
    """

    groups: int = 5

    name: ClassVar[str] = "groups"

    @property
    def description(self) -> str:
        """See `Protocol.description`."""
        return f"{self.groups} groups of speakers" + self._and_validation()

    def _tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        speaker = get_column(table, "speaker", self.name)
        if self.groups < 2:
            raise EvaluationError(f"{self.name}: groups={self.groups}; give two or more")
        list_groups(speaker, self.groups, "speaker", self.name)
        names = alternate_genders(speaker, list(table["gender"]) if "gender" in table else None)
        bounds = cut_evenly([int((speaker == one).sum()) for one in names], self.groups)
        return [
            (f"group {number}", np.isin(speaker, names[start:stop]))
            for number, (start, stop) in enumerate(bounds, 1)
        ]


@dataclasses.dataclass(frozen=True)
class SpeakerIndependent(_BySpeaker):
    """The default: leave one speaker out up to ten speakers, six groups of speakers beyond."""

    name: ClassVar[str] = "speaker-independent"

    @property
    def description(self) -> str:
        """See `Protocol.description`."""
        return (
            "leave one speaker out, or six groups of speakers where there are more than ten"
            + self._and_validation()
        )

    def _tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        count = len(list_groups(get_column(table, "speaker", self.name), 2, "speaker", self.name))
        chosen = LeaveOneSpeakerOut() if count <= 10 else GroupKFold(groups=6)
        return chosen._tests(table)  # noqa: SLF001 - a sibling's


@dataclasses.dataclass(frozen=True)
class LeaveOneSessionOut(_BySpeaker):
    """Each recording session is tested by a model of the others; sessions share no speaker."""

    name: ClassVar[str] = "session"

    @property
    def description(self) -> str:
        """See `Protocol.description`."""
        return "leave one session out" + self._and_validation()

    def _tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        session = get_column(table, "session", self.name)
        return [
            (f"session {one}", session == one)
            for one in list_groups(session, 2, "session", self.name)
        ]


@dataclasses.dataclass(frozen=True)
class RandomStratified(Protocol):
    """Rows drawn at random with the emotions' shares kept: test speakers are trained on too.

    Args:
        test: share of the rows.
        validation: share of the rows, 0 for none.
        repeats: how many draws, one fold each.
    """

    test: float = 0.2
    validation: float = 0.1
    repeats: int = 1

    name: ClassVar[str] = "random"
    speaker_independent: ClassVar[bool] = False

    @property
    def description(self) -> str:
        """See `Protocol.description`."""
        shares = (1 - self.test - self.validation, self.validation, self.test)
        listed = "/".join(f"{100 * share:.3g}" for share in shares)
        times = f", {self.repeats} times" if self.repeats > 1 else ""
        return f"random rows, train/validation/test {listed}% by emotion{times}"

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:
        """Divide a table; see `Protocol.split`."""
        if (
            not (0 < self.test < 1 and 0 <= self.validation < 1 - self.test - 1e-9)
            or self.repeats < 1
        ):
            raise EvaluationError(
                f"{self.name}: test={self.test}, validation={self.validation}, "
                f"repeats={self.repeats}; give shares that leave some to train on, and a repeat"
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
class FixedSplit(Protocol):
    """The corpus' own division, from its column `split`: train, dev or validation, test.

    Whether speakers are shared depends on the corpus; the report says what was found.
    """

    name: ClassVar[str] = "fixed"
    speaker_independent: ClassVar[bool] = False

    @property
    def description(self) -> str:
        """See `Protocol.description`."""
        return "the corpus' own split"

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:  # noqa: ARG002
        """Divide a table; see `Protocol.split`. Nothing is random."""
        split = get_column(table, "split", self.name)
        if strange := sorted({name for name in split if name.lower() not in _SPLITS}):
            raise EvaluationError(
                f"{self.name}: the column split holds {', '.join(strange)}; "
                f"name the parts {', '.join(_SPLITS)}"
            )
        part = np.array([_SPLITS[name.lower()] for name in split])
        if lacking := {"train", "test"} - set(part):
            raise EvaluationError(
                f"{self.name}: no row's split is {' or '.join(sorted(lacking))}; mark some"
            )
        rows = (np.flatnonzero(part == name) for name in ("train", "validation", "test"))
        return [Fold("test", *rows)]


@dataclasses.dataclass(frozen=True)
class Given(Protocol):
    """Folds made elsewhere, as `read_folds` gives them.

    Args:
        folds: of the table that is split.
    """

    folds: tuple[Fold, ...] = ()

    name: ClassVar[str] = "given"
    speaker_independent: ClassVar[bool] = False

    @property
    def description(self) -> str:
        """See `Protocol.description`."""
        return f"{len(self.folds)} given folds"

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:  # noqa: ARG002
        """The folds."""
        return list(self.folds)


PROTOCOLS: Mapping[str, type[Protocol]] = {
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
"""The protocols by name, the default first."""


def get(name: str = "speaker-independent", **settings: Any) -> Protocol:
    """A protocol by name.

    Args:
        name: a key of `PROTOCOLS`.
        settings: fields of the protocol.

    Raises:
        EvaluationError: no such protocol or setting, or a value of another type.

    >>> get("random", repeats=5)
    RandomStratified(test=0.2, validation=0.1, repeats=5)
    """
    if name not in PROTOCOLS:
        raise EvaluationError(f"no protocol {name!r}; choose from {', '.join(PROTOCOLS)}")
    fields = [field.name for field in dataclasses.fields(PROTOCOLS[name])]
    if strange := [setting for setting in settings if setting not in fields]:
        raise EvaluationError(
            f"{name}: no setting {', '.join(strange)}; it has {', '.join(fields) or 'none'}"
        )
    if problem := find_mismatch(PROTOCOLS[name], settings):
        raise EvaluationError(f"{name}: {problem}")
    return PROTOCOLS[name](**settings)
