"""Compare the speed of the features with that of other libraries, in one run.

    python -m benchmarks.features --root CORPORA --json result.json

One thread: the environment says so before NumPy is imported, and PyTorch is told. Needs the extras
"train" and "opensmile"; of librosa, pyAudioAnalysis, python_speech_features, kaldi-native-fbank,
praat-parselmouth, asrfront and transformers, those that are not installed are left out and named.
"""

import os

for _variable in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR", "NUMBA"):
    os.environ[f"{_variable}_NUM_THREADS"] = "1"

# NumPy reads the environment as it is imported.
import argparse  # noqa: E402
import contextlib  # noqa: E402
from pathlib import Path  # noqa: E402

from benchmarks.feature_speed import cepstra, descriptors, spectra  # noqa: E402
from benchmarks.feature_speed.measure import compare, files, measure_mel_share, signals  # noqa: E402
from benchmarks.feature_speed.model import library  # noqa: E402
from benchmarks.feature_speed.report import Run, write_figure, write_json, write_markdown  # noqa: E402

_REPOSITORY = Path(__file__).parents[1]
_EXAMPLE = _REPOSITORY / "examples" / "example.flac"

COMPARISONS = (*spectra.COMPARISONS, *cepstra.COMPARISONS, *descriptors.COMPARISONS)


def main() -> None:
    """Measure every comparison, print it, write the report."""
    options = _options()
    with contextlib.suppress(ModuleNotFoundError):
        library("torch").set_num_threads(1)
    paths = files(options.root, _EXAMPLE, options.clips)
    clips = {rate: signals(paths, rate) for rate in (16000, 48000)}
    results, absent = [], []
    for comparison in COMPARISONS:
        if options.only not in comparison.feature:
            continue
        rows, missing = compare(comparison, clips[comparison.rate], options.repeats)
        results += rows
        absent += missing
        for row in rows:
            print(f"{row.feature}, {row.peer}: {row.ratio:.2f}", flush=True)
    if not results:
        raise SystemExit(f"no comparison of {options.only!r}, or none of its peers is installed")
    if options.json:
        write_json(results, options.json)
    source = "the synthetic example" if paths == [_EXAMPLE] else "RAVDESS speech"
    seconds = sum(map(len, clips[16000])) / 16000
    share = measure_mel_share(clips[16000])
    absent = list(dict.fromkeys(absent))
    run = Run(len(paths), seconds, source, options.repeats, tuple(absent), share)
    options.out.mkdir(parents=True, exist_ok=True)
    write_markdown(results, run, options.out / "features.md")
    write_figure(results, options.out / "features.svg")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compare the features' speed with other libraries."
    )
    parser.add_argument("--root", type=Path, help="folder of the corpora; else the example")
    parser.add_argument("--clips", type=int, default=24, help="recordings to take")
    parser.add_argument("--repeats", type=int, default=31, help="rounds of each comparison")
    parser.add_argument("--only", default="", help="comparisons whose name contains this")
    parser.add_argument("--json", type=Path, help="file for the ratios")
    parser.add_argument(
        "--out",
        type=Path,
        default=_REPOSITORY / "docs" / "benchmarks",
        help="folder for the table and the figure",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
