r"""Fairness and robustness of the models of the package.

    python -m benchmarks.robustness --root CORPORA --features FOLDER \
        --output docs/benchmarks/robustness.md

The tests of `serenade stress` on RAVDESS, EMO-DB and nEMO, for the commercial model, for the
bundled model, and for models that are made like the bundled one without the corpus that they are
tested on, from the features of `benchmarks/adaptation.py` in FOLDER. All models have the same
feature, which is computed once for equal samples.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scripts.make_adaptive_model import make_head, order_labels

from benchmarks.adaptation import train
from benchmarks.adaptation_study import features as kept_features
from benchmarks.recordings import LABELS
from benchmarks.runner import format_page, run_benchmark
from serenade import corpora
from serenade._model_files import write_model_files
from serenade.evaluation import StressReport, stress_model
from serenade.evaluation._stress_page import INTRODUCTION, format_results
from serenade.inference import Model

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

CORPORA = ("ravdess", "emodb", "nemo")
PER_SPEAKER = 6
_TITLES = {
    "unheard": "The bundled model without the tested corpus",
    "bundled": "The bundled model as it is",
    "commercial": "The commercial model",
}
_REMARKS = {
    "unheard": "Three models, each trained like the bundled one, without the corpus that it is "
    "tested on. These figures say what to expect of the bundled model elsewhere.",
    "bundled": "It was trained on all three corpora, also on these speakers and recordings: UA is "
    "far too good, and only the changes say something.",
    "commercial": "It was trained on EMO-DB alone, and never heard RAVDESS and nEMO.",
}


class Remembered:
    """Feature that keeps its values of each signal."""

    def __init__(self, feature: Any) -> None:
        self.feature = feature
        self.known: dict[bytes, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.feature, name)

    def __call__(self, signal: NDArray[np.float32], sampling_rate: int) -> Any:
        """Return the feature of the signal."""
        key = signal.tobytes()
        if key not in self.known:
            self.known[key] = self.feature(signal, sampling_rate)
        return self.known[key]


def write_unheard(data: kept_features.Features, tested: str, out: Path) -> None:
    """Write a model folder like the bundled one that did not hear a corpus."""
    bundled = Model.load().description
    emotion, corpus = (data.table[name].to_numpy(str) for name in ("emotion", "corpus"))
    y = np.where(emotion == "calm", "neutral", emotion)
    rows = np.flatnonzero(np.isin(y, LABELS) & (corpus != tested))
    labels = tuple(np.unique(y[rows]))
    head, _ = train(data, y, rows, labels)
    same = ("format", "system", "sampling_rate", "features", "temperature", "licence")
    description = {name: bundled[name] for name in same} | {
        "labels": order_labels(labels),
        "trained_on": [name for name in CORPORA if name != tested],
        "recordings": len(rows),
    }
    graph = make_head(head, labels, description["temperature"])
    write_model_files(out, description, {"head.onnx": graph, "MODEL_CARD.md": b""})


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Test all models."""
    data = kept_features.load(options.features)
    opened = {name: corpora.open(name, options.root) for name in CORPORA}
    shared = Remembered(Model.load().feature)

    def test(place: str | Path | None, names: tuple[str, ...], command: str = "") -> StressReport:
        folder = dataclasses.replace(Model.load(place).folder, features=(shared,))
        found = stress_model(
            Model(folder),
            [opened[name] for name in names],
            per_speaker=PER_SPEAKER,
            command=command,
        )
        print(format_results(found), flush=True)
        return found

    words = f"{' '.join(CORPORA)} --root CORPORA --per-speaker {PER_SPEAKER}"
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        parts = []
        for name in CORPORA:
            write_unheard(data, name, Path(scratch) / name)
            parts.append(test(Path(scratch) / name, (name,)))
    found["unheard"] = dataclasses.replace(
        parts[0], corpora=tuple(one for part in parts for one in part.corpora)
    )
    for model, place in {"commercial": "commercial", "bundled": None}.items():
        found[model] = test(place, CORPORA, f"serenade stress {model} {words}")
    return {name: found[name].to_dict() | {"page": format_results(found[name])} for name in _TITLES}


def format_result(result: dict[str, Any]) -> str:
    """Format the page of a result."""
    parts = []
    for name, title in _TITLES.items():
        page = result[name]["page"].replace("\n#", "\n##")
        parts += [f"## {title}", _REMARKS[name], f"#{page.strip()}"]
    return format_page("Fairness and robustness", INTRODUCTION, *parts)


def main() -> None:
    """Measure, and write the page."""
    options = {"--features": {"type": Path, "required": True, "help": "folder of kept features"}}
    run_benchmark(__doc__, measure, format_result, options)


if __name__ == "__main__":
    main()
