"""Recordings as batches for pre-training, read when a step needs them.

The crops in the batch of a step and their alterations follow from the seed and the step alone.
Any number of processes may prepare batches, and a run that resumes from a checkpoint gets the
batches of an uninterrupted run.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from serenade.audio import measure_duration, read
from serenade.encoders import FRONT_END_HOP, FRONT_END_RATE
from serenade.errors import AudioError, ModelError, NotAudioError, TooShortError
from serenade.extraction import Cache, FileContent, get_size_limit, make_entry_key
from serenade.pretraining._alteration import alter_utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from serenade.encoders import EncoderSettings, PretrainingSettings

STRETCH = 15.0
"""Seconds of a recording that are read and standardised together, at most."""

_SHORTEST = 0.2  # seconds
_VALIDATION = 96  # crops at most: the curve needs no more
_HELD_OUT, _ORDER, _CROP = 1, 2, 3  # purposes of random generators


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A part of a recording: its path, its first and last second (None: the end), its length."""

    file: str
    start: float
    end: float | None
    seconds: float


@dataclasses.dataclass(frozen=True)
class Batch:
    """Crops as tensors, with what could not be read on the way.

    Attributes:
        values: standardised energies, shape `(clips, frames, dims)`; a shorter crop is repeated.
        altered: input of the network, of the same shape.
        chosen: cells of the loss, of the same shape, False beyond a crop's end.
        mask: True where real, shape `(clips, frames)`.
        problems: a line for each file that could not be used.
    """

    values: Tensor
    altered: Tensor
    chosen: Tensor
    mask: Tensor
    problems: tuple[str, ...] = ()

    def to(self, device: Any) -> Batch:
        """Return the batch on a device."""
        names = ("values", "altered", "chosen", "mask")
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        return dataclasses.replace(self, **moved)


@dataclasses.dataclass(frozen=True)
class Recordings:
    """Recordings to train on and held-out recordings, cut into stretches.

    Attributes:
        stretches: of the training files.
        held_out: of the others.
        folders: names of the folders, without their parents.
        files: how many recordings there are in all.
        listing: hash of the files' names and lengths, for telling one run from another.
    """

    stretches: tuple[Stretch, ...]
    held_out: tuple[Stretch, ...]
    folders: tuple[str, ...]
    files: int
    listing: str

    @property
    def hours(self) -> float:
        """Return the hours of training audio."""
        return sum(stretch.seconds for stretch in self.stretches) / 3600


def gather_recordings(
    files: Sequence[str],
    folders: Sequence[str],
    training: PretrainingSettings,
    problem: Callable[[str], None],
) -> Recordings:
    """Divide recordings into training and validation by the lengths in their headers.

    Args:
        files: paths.
        folders: they were found in; the names in the model card.
        training: seed and share of the validation.
        problem: called with a line for each file that cannot be used.

    Raises:
        ModelError: fewer than two usable recordings.
    """
    lengths = {}
    for file in sorted(set(files)):
        try:
            lengths[file] = _measure_length(file)
        except AudioError as error:
            problem(str(error))
    usable = list(lengths)
    if len(usable) < 2:
        raise ModelError(
            f"{', '.join(folders) or 'nothing'}: {len(usable)} usable recordings; pre-training "
            "needs two at least, one of them to validate on"
        )
    rng = np.random.default_rng([training.seed, _HELD_OUT])
    count = min(max(1, round(len(usable) * training.validation)), len(usable) - 1)
    apart = set(rng.permutation(len(usable))[:count].tolist())
    listed = [f"{Path(file).parent.name}/{Path(file).name} {lengths[file]:.3f}" for file in usable]
    return Recordings(
        tuple(s for n, file in enumerate(usable) if n not in apart for s in _cut(file, lengths)),
        tuple(s for n, file in enumerate(usable) if n in apart for s in _cut(file, lengths)),
        tuple(Path(folder).resolve().name for folder in folders),
        len(usable),
        hashlib.blake2b("\n".join(listed).encode(), digest_size=16).hexdigest(),
    )


def _measure_length(file: str) -> float:
    """Return the length of a recording in seconds."""
    seconds = measure_duration(file)
    if seconds < _SHORTEST:
        raise TooShortError(file, f"lasts {seconds:.3f} s", "left out")
    return seconds


def _cut(file: str, lengths: dict[str, float]) -> list[Stretch]:
    """Cut a file into equal stretches of at most 15 s."""
    seconds = lengths[file]
    count = int(-(-seconds // STRETCH))
    edges = [seconds * n / count for n in range(count)]
    ends: list[float | None] = [*edges[1:], None]
    return [
        Stretch(file, start, end, seconds / count) for start, end in zip(edges, ends, strict=True)
    ]


class Crops(torch.utils.data.Dataset[Batch]):
    """Batches by the number of their step.

    In an epoch every stretch gives as many crops as its length has room for, each at a random
    place; crops are in random order.

    Args:
        recordings: recordings to train on.
        settings: input and alterations.
        training: sizes and seed.
        rank: which of the processes that train together this is.
        world: how many they are.
        cached: whether energies are kept in the user's cache of features. None: where those of all
            recordings take no more than half of it.
    """

    def __init__(
        self,
        recordings: Recordings,
        settings: EncoderSettings,
        training: PretrainingSettings,
        *,
        rank: int = 0,
        world: int = 1,
        cached: bool | None = None,
    ) -> None:
        self.settings, self.training = settings, training
        self.rank, self.world = rank, world
        self.stretches, self.held_out = recordings.stretches, recordings.held_out
        self.places = np.repeat(
            np.arange(len(self.stretches)), _count_crops(self.stretches, training)
        )
        size = recordings.hours * 3600 * FRONT_END_RATE / FRONT_END_HOP * settings.front.dims * 4
        wanted = size < get_size_limit() / 2 if cached is None else cached
        self.cache = Cache() if wanted else None
        self._order: tuple[int, NDArray[np.int64]] | None = None

    @property
    def steps(self) -> float:
        """Return the number of steps of an epoch."""
        return len(self.places) / (self.training.clips * self.world)

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of a step.

        Raises:
            ModelError: no recording can be read.
        """
        clips = self.training.clips
        first = (step * self.world + self.rank) * clips
        crops, problems = [], []
        for number in range(first, first + clips):
            rng = np.random.default_rng([self.training.seed, _CROP, number])
            # In the place of a file that cannot be used comes one drawn at random.
            for attempt in range(20):
                place = self._place(number) if attempt == 0 else int(rng.choice(self.places))
                try:
                    crops.append(self._crop(self.stretches[place], rng))
                    break
                except AudioError as error:
                    problems.append(str(error))
            else:
                raise ModelError(f"{problems[-1]}; nor could the files before it be used")
        return self._make_batch(crops, tuple(problems))

    def validation(self) -> tuple[list[Batch], list[str]]:
        """Return the batches of held-out recordings, the same at each call, and the problems."""
        counts = _count_crops(self.held_out, self.training)
        places = np.repeat(np.arange(len(self.held_out)), counts)
        rng = np.random.default_rng([self.training.seed, _HELD_OUT, 1])
        crops, problems = [], []
        for place in rng.permutation(places)[:_VALIDATION]:
            try:
                crops.append(self._crop(self.held_out[place], rng))
            except AudioError as error:
                problems.append(str(error))
        clips = self.training.clips
        cuts = [crops[start : start + clips] for start in range(0, len(crops), clips)]
        return [self._make_batch(cut, ()) for cut in cuts], problems

    def _place(self, number: int) -> int:
        """Return the number of the stretch of a crop; crops are counted over all epochs."""
        epoch, position = divmod(number, len(self.places))
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng([self.training.seed, _ORDER, epoch])
            self._order = epoch, rng.permutation(self.places)
        return int(self._order[1][position])

    def _crop(
        self, stretch: Stretch, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Return the energies of a random crop, the altered copy and the cells of the loss."""
        matrix = self._compute_energies(stretch)
        longest = self.training.frames
        start = int(rng.integers(max(1, len(matrix) - longest + 1)))
        values = matrix[start : start + longest]
        return values, *alter_utterance(values, self.settings.alterations, rng)

    def _compute_energies(self, stretch: Stretch) -> NDArray[np.float32]:
        front, key, content = self.settings.front, None, None
        if self.cache is not None:
            try:
                content = FileContent.take(stretch.file)
            except OSError as error:
                raise NotAudioError(stretch.file, str(error), "left out") from None
            key = make_entry_key(
                content.digest, stretch.start, stretch.end, FRONT_END_RATE, front.identity()
            )
            if key is not None and (found := self.cache.get(key)) is not None:
                return found
        audio = read(
            stretch.file, sampling_rate=FRONT_END_RATE, start=stretch.start, end=stretch.end
        )
        matrix = front(audio.signal, FRONT_END_RATE)
        if self.cache is not None and key is not None and content and content.is_current():
            self.cache.put(key, matrix)
        return matrix

    def _make_batch(
        self,
        crops: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]],
        problems: tuple[str, ...],
    ) -> Batch:
        lengths = np.array([len(values) for values, _, _ in crops])
        frames = int(lengths.max())

        def stack_parts(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
            # Repeating a crop gives convolutions speech to see beyond its end, not nothing.
            return np.stack([np.resize(part, (frames, part.shape[1])) for part in parts])

        mask = np.arange(frames) < lengths[:, None]
        chosen = stack_parts(chosen for _, _, chosen in crops) & mask[:, :, None]
        return Batch(
            torch.from_numpy(stack_parts(values for values, _, _ in crops)),
            torch.from_numpy(stack_parts(given for _, given, _ in crops)),
            torch.from_numpy(chosen),
            torch.from_numpy(mask),
            problems,
        )


def _count_crops(stretches: Sequence[Stretch], training: PretrainingSettings) -> list[int]:
    """Return the number of crops of each stretch in an epoch."""
    return [max(1, round(stretch.seconds / training.crop)) for stretch in stretches]
