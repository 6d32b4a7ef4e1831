"""Recordings, agreement and time."""

from __future__ import annotations

import dataclasses
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import serenade
from benchmarks.feature_speed.model import Check, Side
from serenade import audio
from serenade.features import log_mel_whisper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.feature_speed.model import Comparison, Peer

_BUDGET = 10.0  # seconds of rounds per comparison, beyond the fewest
FEWEST = 5


@dataclasses.dataclass(frozen=True)
class Result:
    """One peer's row.

    Args:
        feature: with its setting.
        peer: its name.
        ours: median time per clip in seconds.
        theirs: median time of the peer per clip in seconds.
        ratio: theirs over ours, the median of the rounds' ratios.
        low: their lower quartile.
        high: their upper quartile.
        rounds: how many there were.
        agreement: comparison that both sides' values passed, or the reason why there is none.
    """

    feature: str
    peer: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    rounds: int
    agreement: str


class DisagreementError(Exception):
    """Two sides that should be equal are not, so their times say nothing."""


def files(root: Path | None, example: Path, clips: int) -> list[Path]:
    """Choose clips of RAVDESS spread over its speakers, or the example if there is no RAVDESS."""
    found = sorted((root / "ravdess").rglob("03-01-*.*")) if root is not None else []
    if not found:
        return [example]
    picked = np.linspace(0, len(found) - 1, min(clips, len(found))).round().astype(int)
    return [found[index] for index in picked]


def signals(paths: Sequence[Path], rate: int) -> list[NDArray[np.float32]]:
    """Read recordings at a sampling rate."""
    return [audio.read(path, sampling_rate=rate).signal for path in paths]


def compare(
    comparison: Comparison, clips: list[NDArray[np.float32]], repeats: int
) -> tuple[list[Result], list[str]]:
    """Measure against the peers that are installed; also return the names of the others."""
    sides, peers, absent = [Side(comparison.ours)], [], []
    for peer in comparison.peers:
        try:
            sides.append(peer.build())
            peers.append(peer)
        except ModuleNotFoundError:
            absent.append(peer.name)
    inputs = [[side.prepare(clip) for clip in clips] for side in sides]
    seconds = _agree(comparison.feature, sides, peers, inputs)
    rounds = min(repeats, max(FEWEST, int(_BUDGET / max(seconds, 1e-9))))
    times = np.array([_round(sides, inputs, turn) for turn in range(rounds)]) / len(clips)
    return [_result(comparison.feature, peer, times, i) for i, peer in enumerate(peers, 1)], absent


def measure_mel_share(clips: list[NDArray[np.float32]]) -> float:
    """Return the share of Whisper's log-mel in the time of the bundled model's features."""
    model = serenade.load()
    sides = [Side(log_mel_whisper), Side(model.features)]
    for side in sides:
        side.call(clips[0])
    mel, features = np.median([_round(sides, [clips] * 2, turn) for turn in range(FEWEST)], axis=0)
    return float(mel / features)


def _agree(feature: str, sides: list[Side], peers: list[Peer], inputs: list[list[Any]]) -> float:
    """Assert what each peer's check says of every clip; the time of one round comes with it."""
    seconds, values = 0.0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peers deprecate in each other
        for side, prepared in zip(sides, inputs, strict=True):
            side.call(prepared[0])  # compiles, fills tables
            begun = time.process_time()
            found = [side.call(clip) for clip in prepared]
            seconds += time.process_time() - begun
            values.append([side.matrix(value) for value in found])
    for peer, theirs in zip(peers, values[1:], strict=True):
        if isinstance(peer.check, Check):
            for ours, other in zip(values[0], theirs, strict=True):
                _assert_close(f"{feature}, {peer.name}", peer.check, ours, other)
    return seconds


def _assert_close(what: str, check: Check, ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    distance = check.measure(ours, theirs)
    if not distance <= check.tolerance:
        shapes = f"shapes {ours.shape} and {theirs.shape}"
        raise DisagreementError(f"{what}: not {check.text}, but {distance:.2g} apart, {shapes}")


def _round(sides: list[Side], inputs: list[list[Any]], turn: int) -> list[float]:
    """Measure the CPU time of each side over all clips; each round begins with another side."""
    spent = [0.0] * len(sides)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(len(sides)):
            index = (turn + step) % len(sides)
            call = sides[index].call
            begun = time.process_time()
            for clip in inputs[index]:
                call(clip)
            spent[index] = time.process_time() - begun
    return spent


def _result(feature: str, peer: Peer, times: NDArray[np.float64], index: int) -> Result:
    ours, theirs = np.median(times[:, [0, index]], axis=0)
    low, ratio, high = np.percentile(times[:, index] / times[:, 0], [25, 50, 75])
    agreement = peer.check.text if isinstance(peer.check, Check) else peer.check
    return Result(feature, peer.name, ours, theirs, ratio, low, high, len(times), agreement)
