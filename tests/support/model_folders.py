"""Model folders for tests: copies of the bundled model, and a model of another kind."""

import io
import json
import shutil

import numpy as np

from serenade.adaptation import Population
from serenade.encoders import WhisperPooled
from serenade.features import SpectralMeans
from serenade.inference._model_folder import BUNDLED
from serenade.runtime import Graph
from serenade.systems import feature_to_json

LABELS = ("angry", "happy", "neutral", "sad", "fear", "disgust", "surprise")


def copy_unchecked(folder):
    """Copy the bundled model without its checksums, so that a test can change its files."""
    shutil.copytree(BUNDLED, folder)
    path = folder / "model.json"
    description = json.loads(path.read_text("utf-8"))
    kept = {name: v for name, v in description.items() if name not in {"files", "checksum"}}
    path.write_text(json.dumps(kept), "utf-8")
    return folder


def make_probe(sampling_rate=16000, **settings):
    """Make a random model as version 0.1 wrote them, which enrols by the means of features.

    Args:
        sampling_rate: sampling rate in Hz; a model of another rate than 16 kHz takes spectral means
            and is of format 2.
        settings: settings of the feature, such as the encoder.

    Returns:
        The content of `model.json`, and the other files by name.
    """
    other = sampling_rate != 16000
    settings = {"layers": (1, 2), "deviation": False, **settings}
    feature = SpectralMeans() if other else WhisperPooled(**settings)
    entry = feature_to_json(feature)
    rng, width = np.random.default_rng(0), len(feature.names)
    rows = rng.standard_normal((60, width)) * 0.3
    speakers, labels = np.repeat(["a", "b", "c"], 20), np.tile(LABELS[:4], 15)
    statistics = io.BytesIO()
    Population.learn(rows.astype(np.float32), speakers, labels).save(statistics)
    description = {
        "format": 2 if other else 1,
        "system": "whisper-probe",
        "labels": list(LABELS),
        "sampling_rate": sampling_rate,
        **({"features": [entry]} if other else {"feature": entry}),
        "enrolment": {"temperature": 1.5, "neutral": True},
        "licence": "CC-BY-NC-SA-4.0",
    }
    files = {
        "head.onnx": _make_head(rng, width),
        "enrolled.onnx": _make_head(rng, width),
        "speakers.npz": statistics.getvalue(),
        "MODEL_CARD.md": b"# A model for tests\n",
    }
    return description, files


def write_probe(folder, **settings):
    """Write the model of `make_probe` without checksums."""
    description, files = make_probe(**settings)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "model.json").write_text(json.dumps(description), "utf-8")
    return folder


def _make_head(rng, width):
    graph = Graph()
    weights = graph.add_array(rng.standard_normal((width, len(LABELS))) * 0.02)
    scores = graph.add_node("MatMul", "features", weights)
    graph.name_output(graph.add_node("Softmax", scores, axis=-1), "probabilities")
    inputs, outputs = {"features": ["rows", width]}, {"probabilities": ["rows", len(LABELS)]}
    return graph.build_model("head", inputs, outputs).SerializeToString()
