"""Bases of the protocols."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from serenade.errors import EvaluationError
from serenade.protocols._drawing import get_column
from serenade.protocols._folds import Fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class EvaluationProtocol(ABC):
    """Rule that divides a corpus into folds; a subclass is a frozen dataclass of its settings."""

    name: ClassVar[str]
    speaker_independent: ClassVar[bool]

    @property
    def label(self) -> str:
        """Name the protocol in reports; runs under equal names can be ranked."""
        return self.name

    @property
    @abstractmethod
    def description(self) -> str:
        """Describe the division and its settings in a phrase, for reports."""

    @abstractmethod
    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:
        """Divide a table into folds; the same table and seed give the same folds.

        Args:
            table: corpus table, indexed by `(file, start, end)`, with the columns `speaker` and
                `emotion`, and any other column that the protocol needs.
            seed: seed of random draws.

        Raises:
            EvaluationError: the table lacks a column, values or speakers that the protocol needs.
        """


@dataclasses.dataclass(frozen=True)
class SpeakerProtocol(EvaluationProtocol):
    """Base of the protocols that test whole speakers.

    Args:
        validation_speakers: training speakers to draw for validation: a number of speakers, or a
            share below 1 of them (at least one speaker); 0 for none.
    """

    validation_speakers: float = dataclasses.field(default=0, kw_only=True)

    speaker_independent: ClassVar[bool] = True

    @abstractmethod
    def _list_tests(self, table: pd.DataFrame) -> list[tuple[str, NDArray[np.bool_]]]:
        """Return the name and the mask of test rows of every fold."""

    def split(self, table: pd.DataFrame, seed: int = 0) -> list[Fold]:
        """Divide a table into folds; only the validation speakers depend on the seed."""
        speaker = get_column(table, "speaker", self.name)
        folds = []
        for number, (name, test) in enumerate(self._list_tests(table)):
            validation = (
                np.isin(speaker, self._draw_validation(speaker[~test], (seed, number))) & ~test
            )
            parts = (~test & ~validation, validation, test)
            folds.append(Fold(name, *(np.flatnonzero(part) for part in parts)))
        return folds

    def _draw_validation(self, speaker: NDArray[np.str_], seed: Sequence[int]) -> NDArray[np.str_]:
        """Draw the validation speakers from the speakers of the rows that are not tested."""
        names, wanted = np.unique(speaker), self.validation_speakers
        if wanted < 0 or (wanted >= 1 and wanted != int(wanted)):
            raise EvaluationError(
                f"validation_speakers={wanted}: must be a whole number of speakers, or a share "
                "between 0 and 1"
            )
        count = int(wanted) if wanted >= 1 else max(1, round(wanted * len(names)))
        count = count if wanted else 0
        if count >= len(names):
            raise EvaluationError(
                f"{self.name}: {count} validation speakers of {len(names)} leave no speaker for "
                "training; lower validation_speakers"
            )
        return np.random.default_rng(list(seed)).permutation(names)[:count]

    def _describe_validation(self) -> str:
        return f", {self.validation_speakers:g} validation speakers" * bool(
            self.validation_speakers
        )
