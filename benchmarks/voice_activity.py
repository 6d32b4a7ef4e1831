"""Speech detectors: silero-vad's network and our own detector by energy and spectrum.

    python -m benchmarks.voice_activity --root CORPORA --output docs/benchmarks/voice_activity.md

Clips are joined with silences of 0.4 to 3 s, at levels within 6 dB of each other, and five kinds of
noise are added at five signal-to-noise ratios (over the speech). The measure is F1 over frames of
32 ms. Both detectors' thresholds, pauses and, ours, constants are chosen by the mean F1 on half of
RAVDESS' actors; figures are of the other half, EMO-DB and nEMO.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.recordings import LEVEL, NOISES, RATE, join
from benchmarks.runner import format_page, format_versions, run_benchmark
from serenade import corpora
from serenade._printable import format_table
from serenade.corpora._corpus import mark_incomplete
from serenade.evaluation import list_versions
from serenade.voice_activity import DETECTOR_FRAME, VoiceActivity

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATIOS = (60, 20, 10, 5, 0)
CLIPS = 60
# Figures are of these: every other speaker from the given one on, or all; and a seed.
CORPORA: dict[str, tuple[int | None, int]] = {
    "ravdess": (1, 2),
    "emodb": (None, 3),
    "nemo": (None, 4),
}


def silero(signal: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the probability of speech in each complete frame."""
    return VoiceActivity().push(signal).astype(np.float64)


def bands(signal: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the power of 16 mel bands, 150 to 5000 Hz, over two frames, `(frames, 16)`."""
    padded = np.concatenate(
        [
            np.zeros(DETECTOR_FRAME, np.float32),
            signal[: signal.size // DETECTOR_FRAME * DETECTOR_FRAME],
        ]
    )
    rows = np.lib.stride_tricks.sliding_window_view(padded, 2 * DETECTOR_FRAME)[::DETECTOR_FRAME]
    power = np.abs(np.fft.rfft(rows * np.hanning(2 * DETECTOR_FRAME))) ** 2
    frequency = np.fft.rfftfreq(2 * DETECTOR_FRAME, 1 / RATE)
    low, high = (2595 * np.log10(1 + f / 700) for f in (150, 5000))
    edges = 700 * (10 ** (np.linspace(low, high, 17) / 2595) - 1)
    return np.stack(
        [
            power[:, (frequency >= a) & (frequency < b)].mean(axis=1)
            for a, b in itertools.pairwise(edges)
        ],
        axis=1,
    )


def ours(power: NDArray[np.float64], back: int, share: float) -> NDArray[np.float64]:
    """Compute the level of the twelve loudest bands above their own floor in dB.

    Args:
        power: of `bands`.
        back: frames that the floor is looked for in.
        share: quantile that is the floor.
    """
    level = np.log10(power + 1e-12)
    padded = np.concatenate([np.repeat(level[:1], back - 1, axis=0), level])
    past = np.lib.stride_tricks.sliding_window_view(padded, back, axis=0)
    above = 10 * (level - np.maximum(np.quantile(past, share, axis=-1), -8))
    return np.sort(np.clip(above, 0, 25), axis=1)[:, 4:].mean(axis=1)


def decided(
    score: NDArray[np.float64], on: float, off: float, before: int, pause: int
) -> NDArray[np.bool_]:
    """Find speech: from `before` frames before `on` to the last frame over `off` before a pause."""
    result = np.zeros(score.size, bool)
    speaking, below = False, 0
    for frame, value in enumerate(score):
        if speaking:
            below = below + 1 if value < off else 0
            if below > pause:
                speaking = False
                result[frame - below + 1 : frame + 1] = False
                continue
            result[frame] = True
        elif value >= on:
            speaking, below = True, 0
            result[max(0, frame - before) : frame + 1] = True
    return result


def f1(reference: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Compute the harmonic mean of precision and recall."""
    return float(2 * (reference & found).sum() / max(1, reference.sum() + found.sum()))


def material(
    root: Path, corpus: str, half: int | None, seed: int
) -> dict[tuple[str, str, int], tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Make noisy signals of a corpus or half of its speakers; also return the frames of speech."""
    rng = np.random.default_rng(seed)
    table = corpora.open(corpus, root, drop_duplicates=True).table
    if half is not None:
        table = table[table["speaker"].isin(sorted(table["speaker"].unique())[half::2])]
    files = rng.permutation(table.index.get_level_values("file").to_numpy(dtype=str))[:CLIPS]
    made = join(files.tolist(), (0.4, 3.0), rng, gain=6.0)
    count = made.signal.size // DETECTOR_FRAME
    truth = (made.clip[: count * DETECTOR_FRAME] >= 0).reshape(count, DETECTOR_FRAME).mean(
        axis=1
    ) > 0.5
    power = np.sqrt(np.mean(made.signal[made.clip >= 0] ** 2))
    result = {}
    for kind, ratio in itertools.product(NOISES, RATIOS):
        noise = NOISES[kind](made.signal.size, np.random.default_rng(seed + 1))
        noise *= power * 10 ** (-ratio / 20) / np.sqrt(np.mean(noise**2))
        result[corpus, kind, ratio] = (made.signal + noise).astype(np.float32), truth
    return result


def best(scores: dict[Any, Any], truth: dict[Any, Any], ons: Any, drops: Any) -> tuple[Any, ...]:
    """Return the highest mean F1 and the settings of `decided` that reach it."""
    tried = [
        (
            float(np.mean([f1(truth[k], decided(s, on, on - d, b, p)) for k, s in scores.items()])),
            (on, on - d, b, p),
        )
        for on, d, b, p in itertools.product(ons, drops, (0, 1, 2), (4, 8, 12))
    ]
    return max(tried)


def measure(root: Path) -> dict[str, Any]:
    """Measure the complete comparison; the result is written to JSON."""
    tuning = material(root, "ravdess", 0, 1)
    truth = {key: frames for key, (_, frames) in tuning.items()}
    begun = time.process_time()
    scores = {key: silero(signal) for key, (signal, _) in tuning.items()}
    spent = time.process_time() - begun
    seconds = sum(signal.size for signal, _ in tuning.values()) / RATE
    theirs = best(scores, truth, (0.05, 0.1, 0.2, 0.3, 0.5), (0.0, 0.04))
    power = {key: bands(signal) for key, (signal, _) in tuning.items()}
    own = max(
        (*best({k: ours(p, *s) for k, p in power.items()}, truth, (4, 5, 6), (1, 2)), s)
        for s in itertools.product((60, 100, 160), (0.05, 0.15))
    )
    rows = []
    for corpus, (half, seed) in CORPORA.items():
        for (name, kind, ratio), (signal, frames) in material(root, corpus, half, seed).items():
            found = {
                "silero": decided(silero(signal), *theirs[1]),
                "ours": decided(ours(bands(signal), *own[2]), *own[1]),
            }
            row = {"corpus": name, "noise": kind, "ratio": ratio}
            rows.append(row | {key: f1(frames, value) for key, value in found.items()})
    return {
        "level": LEVEL,
        "settings": {"silero": theirs, "ours": own},
        "silero_times_real_time": round(seconds / spent),
        "rows": rows,
        "incomplete": {name: corpora.open(name, root).incomplete for name in CORPORA},
        "versions": list_versions(),
    }


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    rows = []
    for column in ("corpus", "noise", "ratio"):
        for value in dict.fromkeys(row[column] for row in result["rows"]):
            name = f"{value} dB" if column == "ratio" else value
            name = mark_incomplete(name, result["incomplete"].get(value, ""))
            rows.append(
                [name, *format_means([row for row in result["rows"] if row[column] == value])]
            )
    on, _, before, pause = result["settings"]["silero"][1]
    return format_page(
        "Speech detection",
        "F1 over frames of 32 ms on joined clips in noise, thresholds chosen on other speakers.\n"
        "Made by `benchmarks/voice_activity.py`, which says how.",
        format_table(
            ["", "silero-vad", "ours (energy and spectrum)"],
            [*rows, ["all", *format_means(result["rows"])]],
        ),
        f"silero-vad: threshold {on}, from {before} frames before it, pauses of up to {pause}\n"
        f"frames within speech; {result['silero_times_real_time']} times real time on one core.",
        format_versions(result["versions"]),
    )


def format_means(rows: list[dict[str, Any]]) -> list[str]:
    """Format the mean F1 of both detectors."""
    return [f"{np.mean([row[key] for row in rows]):.3f}" for key in ("silero", "ours")]


if __name__ == "__main__":
    run_benchmark(__doc__, lambda options: measure(options.root), format_result)
