"""The results as JSON, a Markdown table and a figure."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.feature_speed.measure import FEWEST
from serenade._printable import format_table

if TYPE_CHECKING:
    from benchmarks.feature_speed.measure import Result

_PACKAGES = (
    *("serenade", "numpy", "scipy", "librosa", "torch", "kaldi_native_fbank"),
    *("python_speech_features", "pyAudioAnalysis", "opensmile", "transformers"),
    *("praat-parselmouth", "asrfront"),
)


@dataclasses.dataclass(frozen=True)
class Run:
    """What was measured on.

    Args:
        clips: number of recordings.
        seconds: their length together.
        source: what they are.
        repeats: rounds of each comparison, at most.
        absent: peers that are not installed.
        mel_share: share of Whisper's log-mel in the time of the bundled model's features.
    """

    clips: int
    seconds: float
    source: str
    repeats: int
    absent: tuple[str, ...]
    mel_share: float


def write_json(results: list[Result], path: Path) -> None:
    """Write `{feature: {peer: ratio}}`."""
    ratios: dict[str, dict[str, float]] = {}
    for row in results:
        ratios.setdefault(row.feature, {})[row.peer] = round(row.ratio, 3)
    path.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")


def processor() -> str:
    """Return the processor's model, and nothing that names the machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def versions() -> str:
    """Return the versions of Python and every package."""
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


_METHOD = (
    "A ratio is the other library's time over ours: above 1, ours is faster. Times are CPU time of"
    " one thread per clip, in rounds in which the implementations take turns; ratios and times are"
    " medians over the rounds, the spread is the middle half of the ratios. Before timing, the"
    " values of both sides were compared on every clip, and the last column says what held."
    " Reading, resampling and converting samples to a library's own type are not timed."
)
_NOTES = (
    "librosa's `melspectrogram` makes its filters in every call; “filters ready” is its transform"
    " with filters made before. kaldi-native-fbank's frames stay inside it: handing them over one"
    " by one is not timed. `HeLLD` has no peer."
)


_MEL = (
    "Whisper's log-mel takes {:.1%} of the processor's time of the bundled model's features, and"
    " the encoder almost all of the rest. asrfront, another library for log-mel features, is"
    " faster, but could save no more than this share, so Serenade does not use it."
)


_HEAD = ("Feature", "Against", "Ratio", "Spread", "Ours, ms", "Theirs, ms", "Rounds", "Values")


def write_markdown(results: list[Result], run: Run, path: Path) -> None:
    """Write the table and how it was made."""
    absent = f" Not installed: {', '.join(run.absent)}." if run.absent else ""
    lines = [
        "# Speed of the features",
        "",
        "Made by `python -m benchmarks.features --root CORPORA`; running it again overwrites it.",
        "",
        _METHOD,
        "",
        f"- Recordings: {run.source}; clips: {run.clips}; {run.seconds:.1f} s in all.",
        f"- Rounds: {run.repeats}, and fewer, but {FEWEST} or more, where one takes long.",
        f"- Processor: {processor()}, one thread; {platform.system()}.",
        f"- Versions: {versions()}.{absent}",
        "",
        _NOTES,
        "",
        _MEL.format(run.mel_share),
        "",
        "![Ratios](features.svg)",
        "",
        format_table(_HEAD, map(_format_row, results), "llrrrrrl"),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _format_row(row: Result) -> list[str]:
    return [
        row.feature,
        row.peer,
        f"**{number(row.ratio)}**",
        f"{number(row.low)} to {number(row.high)}",
        f"{row.ours * 1e3:.3g}",
        f"{row.theirs * 1e3:.3g}",
        str(row.rounds),
        row.agreement,
    ]


def number(value: float) -> str:
    """Format a ratio with as many digits as are meaningful."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def write_figure(results: list[Result], path: Path) -> None:
    """Draw ratios on a logarithmic axis, one row each, grouped by feature."""
    style: Any = {"svg.hashsalt": "features", "svg.fonttype": "none", "font.size": 8}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.5, 0.9 + 0.2 * _height(results)), layout="constrained")
        _draw(figure.add_subplot(), results)
        figure.savefig(path, metadata={"Date": None})


def _height(results: list[Result]) -> int:
    return len(results) + len({row.feature for row in results})


def _draw(axes: Any, results: list[Result]) -> None:
    label = {"textcoords": "offset points", "va": "center"}
    place, last = 0, ""
    for row in results:
        if row.feature != last:
            axes.annotate(row.feature, (1, place), xytext=(4, 0), weight="bold", **label)
            place, last = place + 1, row.feature
        axes.plot([1, row.ratio], [place, place], color="0.7", lw=1, zorder=1)
        axes.plot([row.low, row.high], [place, place], color="0.3", lw=3, zorder=2)
        axes.plot(row.ratio, place, "o", color="black", ms=4, zorder=3)
        end = max(1.0, row.ratio, row.high)
        axes.annotate(f"{row.peer}  {number(row.ratio)}x", (end, place), xytext=(6, 0), **label)
        place += 1
    axes.axvline(1, color="black", lw=0.8)
    axes.set_xscale("log")
    axes.set_xlim(
        min(0.7, *(row.low / 1.1 for row in results)), 8 * max(row.ratio for row in results)
    )
    axes.set_ylim(place, -1)
    axes.set_yticks([])
    axes.set_xlabel("time of the other library over ours (one thread); dark bar: middle half")
    axes.spines[["left", "right", "top"]].set_visible(False)
