"""Make the model of arousal again: head, description and card.

    python -m scripts.make_arousal_model --root CORPORA --features FOLDER

CORPORA and FOLDER are those of `make_adaptive_model.py`. The regression of `benchmarks/arousal.py`
is fitted on all three corpora, with labels that are derived from the emotions. The figures are
those of its page, from regressions that did not hear the tested speakers or the tested corpus.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.adaptation_study import features as kept_features
from benchmarks.arousal import (
    AROUSAL,
    NORMAL,
    SYSTEMS,
    derive_arousal,
    describe_order,
    fit,
    list_labels,
    tabulate_scores,
)
from benchmarks.runner import read_results
from scripts.make_adaptive_model import describe_form, read_card

from serenade._model_files import write_model_files
from serenade.runtime import Graph

if TYPE_CHECKING:
    from benchmarks.arousal import Floats

ROOT = Path(__file__).parents[1]
OUT = ROOT / "src" / "serenade" / "inference" / "arousal"
DERIVED = (
    "mean arousal of the word for the acted emotion (Russell & Mehrabian 1977), not ratings of "
    "listeners"
)


def make_head(coefficients: Floats, constant: float) -> bytes:
    """Write a regression as a graph from features to one value."""
    graph = Graph()
    arrays = graph.add_array(coefficients[:, None]), graph.add_array(np.array([constant]))
    graph.name_output(graph.add_node("Gemm", "features", *arrays), "values")
    inputs: dict[str, list[int | str]] = {"features": ["rows", len(coefficients)]}
    outputs: dict[str, list[int | str]] = {"values": ["rows", 1]}
    content: bytes = graph.build_model("head", inputs, outputs).SerializeToString()
    return content


def list_measured(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the figures that `model.json` states, by what was tested."""
    names = {corpus: f"{corpus}, never heard" for corpus in kept_features.CORPORA}
    names["speakers"] = "all three, unseen speakers"
    return {
        name: {
            f"ccc{end}": round(result[key][SYSTEMS[0]]["ccc"][part], 3)
            for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
        }
        for key, name in names.items()
    }


def main() -> None:
    """Fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=Path, required=True, help="folder of kept features")
    parser.add_argument("--root", type=Path, required=True, help="folder of the three corpora")
    parser.add_argument("--out", type=Path, default=OUT, help="model folder to write")
    options = parser.parse_args()
    table = kept_features.list_clips(options.root)
    states = kept_features.load(options.features).states[:, 0].astype(np.float64)
    coefficients, constant, penalty = fit(
        states, derive_arousal(table), table, np.arange(len(table))
    )
    result = read_results(ROOT / "docs" / "benchmarks")["arousal"]
    heard = kept_features.record_training(options.root, kept_features.CORPORA, list(AROUSAL))
    description = describe_form("whisper-ridge", {"penalty": penalty}, len(table)) | {
        "labels": [],
        "dimensions": ["arousal"],
        "derived": DERIVED,
        "measured": list_measured(result),
        "heard": heard,
    }
    card = read_card("arousal").format(
        labels=list_labels(),
        normal=NORMAL,
        penalty=penalty,
        recordings=len(table),
        speakers=table["speaker"].nunique(),
        scores=tabulate_scores(result),
        order=describe_order(result),
    )
    files = {"head.onnx": make_head(coefficients, constant), "MODEL_CARD.md": card.encode()}
    write_model_files(options.out, description, files)


if __name__ == "__main__":
    main()
