"""Compare the speed of the bundled model with that of wav2vec2-base, on the same cores in one run.

    python -m benchmarks.realtime --cores 2 --output docs/benchmarks/realtime.md

wav2vec2-base (Baevski et al. 2020: 95 M parameters, the base of most published models of
speech emotion) has its published size and random weights, on which speed does not depend, and no
classifier on top. It runs in PyTorch (inference mode, weight normalisation folded) and, exported,
in onnxruntime. The bundled model runs as a user has it, features included, signal to
probabilities.

All hear the same signals of 2, 4 and 10 s, without silence (which the bundled model would leave
out), in two ways: one after the other, with every core for each; and as many at once as there are
cores, a thread each. The bundled model has one thread for a signal either way. Contenders take
turns in every round, so that all meet the same load of the machine; the fastest round counts. The
real time factor is seconds per second of speech, of the clock and of the processor: on a machine
with other work, only the second is the program's own. A table is written next to the JSON.

With `--folder`, recordings of a folder are also predicted as `serenade predict` does, a thread for
each core. Linux counts the time that each thread runs, and the time that it is ready to run but
waits for a core that has other work. Their share of the clock's time says how busy the threads
keep the cores, whatever else the machine does; the rest is time in which a thread waits for
others, for the disk or for Python's lock.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from torch.nn.utils import parametrize

from benchmarks.runner import format_page, format_versions, run_benchmark
from serenade._printable import format_table
from serenade.audio import find_active_part, read
from serenade.evaluation import list_versions
from serenade.inference import Model, find_recordings, predict_files
from serenade.inference._threads import map_in_threads
from serenade.runtime import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Call = Callable[[NDArray[np.float32]], Any]
    Contender = dict[str, Call]

RATE = 16000
LENGTHS = (2.0, 4.0, 10.0)
EVERY = 6  # of the recordings of a folder, one in so many is predicted
EXAMPLE = Path(__file__).parents[1] / "examples" / "example.flac"
ALL, EACH = "all cores for one signal", "one core per signal, in parallel"
KINDS = ("clock", "processor")
SUBJECT = "the bundled model"


def signals(seconds: float, count: int) -> list[NDArray[np.float32]]:
    """Cut speech without silence at its ends, at several levels, to an exact length."""
    speech = read(EXAMPLE, sampling_rate=RATE).signal
    speech = speech[find_active_part(speech, RATE)]
    size = round(seconds * RATE)
    looped = np.resize(speech, size + 1000 * count)
    return [looped[1000 * row :][:size].copy() for row in range(count)]


def ours(model: Model) -> Contender:
    """Return a model of Serenade as a contender."""
    return {ALL: model.probabilities, EACH: model.probabilities}


def wav2vec2(cores: int, scratch: Path) -> dict[str, Contender]:
    """Return wav2vec2-base with random weights in two runtimes."""
    torch.manual_seed(0)
    model = transformers.Wav2Vec2Model(
        transformers.Wav2Vec2Config()
    ).eval()  # the defaults are those of wav2vec2-base
    parametrize.remove_parametrizations(model.encoder.pos_conv_embed.conv, "weight")
    file = scratch / "wav2vec2.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(1, RATE),),
            file,
            dynamo=False,
            input_names=["signal"],
            output_names=["states"],
            opset_version=17,
            dynamic_axes={"signal": {1: "samples"}, "states": {1: "steps"}},
        )

    def in_onnxruntime(threads: int) -> Call:
        opened = open_session(file, threads=threads)
        return lambda signal: opened.run(["states"], {"signal": signal[None]})

    def in_pytorch(threads: int) -> Call:
        def call(signal: NDArray[np.float32]) -> Any:
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            with torch.inference_mode():
                return model(torch.from_numpy(signal)[None]).last_hidden_state

        return call

    # What is timed is the published network, and the exported one does the same.
    signal = signals(2.0, 1)[0]
    one, other = in_pytorch(cores)(signal).numpy(), in_onnxruntime(cores)(signal)[0]
    np.testing.assert_allclose(one, other, atol=1e-3)
    parameters = sum(each.numel() for each in model.parameters())
    print(f"wav2vec2-base: {parameters / 1e6:.1f} M parameters")
    return {
        "wav2vec2-base, PyTorch": {ALL: in_pytorch(cores), EACH: in_pytorch(1)},
        "wav2vec2-base, onnxruntime": {ALL: in_onnxruntime(cores), EACH: in_onnxruntime(1)},
    }


def measured(
    contenders: dict[str, Contender], cores: int, rounds: int, count: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Measure real time factors by contender, way and length."""
    best: dict[str, dict[str, dict[str, float]]] = {
        name: {way: {} for way in ways} for name, ways in contenders.items()
    }
    for seconds in LENGTHS:
        given = signals(seconds, count)
        for turn in range(rounds + 1):  # the first warms up
            for name, ways in contenders.items():
                for way, call in ways.items():
                    begun = np.array([time.perf_counter(), time.process_time()])
                    for _ in map_in_threads(call, given, cores if way == EACH else 1):
                        pass
                    spent = np.array([time.perf_counter(), time.process_time()]) - begun
                    if turn:
                        known = best[name][way]
                        for kind, factor in zip(KINDS, spent / (seconds * count), strict=True):
                            place = f"{seconds:g} s, {kind}"
                            known[place] = min(float(factor), known.get(place, np.inf))
    return best


def read_schedule() -> dict[str, NDArray[np.float64]]:
    """Return the seconds that each thread of this process has run, and waited for a core."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            run, wait, _ = (task / "schedstat").read_text().split()
            found[task.name] = np.array([float(run), float(wait)]) / 1e9
    return found


def measure_folder(model: Model, folder: Path, cores: int) -> dict[str, float]:
    """Predict a folder's recordings, and return how busy the threads keep the cores."""
    files = find_recordings([folder])[::EVERY]
    before, after = read_schedule(), {}
    begun = np.array([time.perf_counter(), time.process_time()])
    for _ in predict_files(model, files, jobs=cores):
        after |= read_schedule()
    clock, processor = np.array([time.perf_counter(), time.process_time()]) - begun
    # The thread that collects the results only waits.
    threads = sorted((sum(after[name]) for name in after.keys() - before.keys()), reverse=True)
    return {
        "recordings": len(files),
        "busy": float(sum(threads[:cores]) / (clock * cores)),
        "processor": float(processor / (clock * cores)),
    }


def measure(cores: int, rounds: int, count: int, folder: Path | None = None) -> dict[str, Any]:
    """Run the complete benchmark; the result is written to JSON."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    os.environ["OMP_NUM_THREADS"] = "1"  # of the bundled model: a thread for a signal
    model = Model.load()
    with tempfile.TemporaryDirectory() as scratch:
        contenders = {
            SUBJECT: ours(model),
            **wav2vec2(cores, Path(scratch)),
        }
        factors = measured(contenders, cores, rounds, count)
    known = list_versions() | {"transformers": transformers.__version__}
    result = {"cores": cores, "real_time_factors": factors, "versions": known}
    return result if folder is None else result | {"folder": measure_folder(model, folder, cores)}


def format_folder(found: dict[str, float], cores: int) -> list[str]:
    """Format the part of the page about a folder."""
    text = (
        f"{found['recordings']} recordings, predicted in {cores} threads as by\n"
        "`serenade predict FOLDER`: the threads run, or wait for a core that has other work, in\n"
        f"{found['busy']:.1%} of the time. Their own share of the cores was"
        f" {found['processor']:.0%}; other\nwork had the rest."
    )
    return ["## A folder of recordings", text]


def fastest(ways: dict[str, dict[str, float]], place: str) -> float:
    """Return the real time factor of the faster way."""
    return min(times[place] for times in ways.values())


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    lengths = [f"{seconds:g} s" for seconds in LENGTHS]
    factors = result["real_time_factors"]
    heads = [f"signals of {length}" for length in lengths]
    parts = []
    for kind, words in zip(KINDS, ("By the clock", "By the processor's time"), strict=True):
        places = [f"{length}, {kind}" for length in lengths]
        rows = [
            [name, way, *(f"{times[place]:.4f}" for place in places)]
            for name, ways in factors.items()
            for way, times in ways.items()
        ]
        ratios = [
            [name, *(f"{fastest(ways, e) / fastest(factors[SUBJECT], e):.1f}" for e in places)]
            for name, ways in factors.items()
            if name.startswith("wav2vec2")
        ]
        parts += [
            f"## {words}",
            format_table(["", "", *heads], rows),
            "How many times faster the bundled model is, each in the faster of its two ways:",
            format_table(["compared with", *heads], ratios),
        ]
    if "folder" in result:
        parts += format_folder(result["folder"], result["cores"])
    return format_page(
        "Real time factor",
        f"Seconds per second of speech on {result['cores']} cores of one machine, in one run: the\n"
        "bundled model (signal to probabilities) and wav2vec2-base, randomly initialised at its\n"
        "published size (signal to hidden states). Made by `benchmarks/realtime.py`, which says\n"
        "how. Where the clock's figures are far above the processor's, the machine also did other\n"
        "work.",
        *parts,
        format_versions(result["versions"]),
    )


if __name__ == "__main__":
    run_benchmark(
        __doc__,
        lambda options: measure(options.cores, options.rounds, options.signals, options.folder),
        format_result,
        {
            "--cores": {"type": int, "default": 2},
            "--folder": {"type": Path, "help": "recordings to predict as a folder"},
            "--rounds": {"type": int, "default": 5},
            "--signals": {"type": int, "default": 4, "help": "of each length in a round"},
        },
        corpora=False,
    )
