"""Make the speaker encoder of the package again, from the wheel of Resemblyzer.

    pip download --no-deps resemblyzer==0.1.4
    python -m scripts.make_speaker_encoder Resemblyzer-0.1.4-py3-none-any.whl --root ../corpora

The three recurrent layers and the linear layer are written as an ONNX graph, with weights in half
precision that are widened when the graph is loaded. The same wheel gives the same file.

With --root, the projection against emotions is learned on RAVDESS, EMO-DB and nEMO as well. It
keeps the directions in which speakers differ and emotions do not.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg
import torch
from benchmarks.recordings import load_rows

from serenade.audio import find_active_part, read
from serenade.runtime import Graph
from serenade.speakers import VOICE_RATE, VoiceEncoder

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LAYERS, WIDTH, BANDS = 3, 256, 40
EACH = 60  # recordings of a speaker from which the projection is learned
DIRECTIONS = 32  # in which speakers differ most
WITHIN, BETWEEN = 0.85, 0.1  # shrinkage of covariances towards a multiple of the identity
FOLDER = Path(__file__).parents[1] / "src" / "serenade" / "speakers"


def read_weights(wheel: Path) -> dict[str, NDArray[np.float32]]:
    """Read the weights of the network from the wheel.

    Args:
        wheel: file of Resemblyzer 0.1.4, as PyPI has it.
    """
    with zipfile.ZipFile(wheel) as archive:
        content = io.BytesIO(archive.read("resemblyzer/pretrained.pt"))
    state = torch.load(content, map_location="cpu", weights_only=True)["model_state"]
    return {name: values.numpy() for name, values in state.items()}


def build_graph(weights: dict[str, NDArray[np.float32]]) -> Any:
    """Build the graph from mel spectrograms to outputs of the network.

    Args:
        weights: see `read_weights`.
    """
    graph = Graph()
    states = graph.add_node("Transpose", "mels", perm=[1, 0, 2])
    for layer in range(LAYERS):
        into, within = (
            _add_matrix(graph, _order_gates(weights[f"lstm.weight_{kind}_l{layer}"])[None])
            for kind in ("ih", "hh")
        )
        biases = [_order_gates(weights[f"lstm.bias_{kind}_l{layer}"]) for kind in ("ih", "hh")]
        bias = graph.add_array(np.concatenate(biases)[None])
        states = graph.add_node("LSTM", states, into, within, bias, hidden_size=WIDTH)
        states = graph.add_node("Squeeze", states, graph.add_array([1], np.int64))
    last = graph.add_node("Gather", states, graph.add_array(-1, np.int64), axis=0)
    linear = _add_matrix(graph, np.ascontiguousarray(weights["linear.weight"].T))
    raw = graph.add_node("MatMul", last, linear)
    raw = graph.add_node("Add", raw, graph.add_array(weights["linear.bias"]))
    positive = graph.add_node("Relu", raw)
    graph.name_output(graph.add_node("LpNormalization", positive, axis=1, p=2), "embedding")
    return graph.build_model(
        "speaker-encoder",
        {"mels": ["windows", "frames", BANDS]},
        {"embedding": ["windows", WIDTH]},
        {"source": "Resemblyzer 0.1.4 (Apache-2.0), weights changed to half precision"},
    )


def _order_gates(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Order the gates of an LSTM as ONNX does: input, output, forget, cell."""
    into, forget, cell, out = np.split(values, 4)
    return np.concatenate([into, out, forget, cell])


def _add_matrix(graph: Graph, values: NDArray[np.float32]) -> str:
    """Add a matrix in half precision; eight bits would change the embedding too much."""
    half = graph.add_array(values, np.float16)
    return graph.add_node("Cast", half, to=graph.onnx.TensorProto.FLOAT)


def choose_recordings(rows: pd.DataFrame) -> pd.DataFrame:
    """Choose at most `EACH` recordings of each speaker at random, seed 0."""
    rng = np.random.default_rng(0)
    places = rows.reset_index(drop=True).groupby("speaker").indices
    chosen = [rng.permutation(places[name])[:EACH] for name in sorted(places)]
    return rows.iloc[np.sort(np.concatenate(chosen))]


def embed_recordings(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the mean of the embeddings of the windows of each recording."""
    encoder = VoiceEncoder(projected=False)
    return np.stack(
        [
            encoder.embed_recording(signal[find_active_part(signal, VOICE_RATE)])
            for signal in (read(file).signal for file, *_ in rows.index)
        ]
    ).astype(np.float64)


def learn_projection(
    voices: NDArray[np.float64], speakers: NDArray[np.str_], corpora: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Learn the mean and the matrix of the projection.

    The matrix has two parts of equal power: all directions, whitened by the covariance within
    speakers, and those of a linear discriminant analysis of the speakers.

    Args:
        voices: embeddings `(recordings, dims)`.
        speakers: speaker of each.
        corpora: corpus of each; speakers are compared with those of their corpus.
    """
    names, numbers = np.unique(speakers, return_inverse=True)
    centres = np.stack([voices[numbers == number].mean(axis=0) for number in range(len(names))])
    apart = voices - centres[numbers]
    weights = 1 / np.bincount(numbers)[numbers]  # each speaker counts once
    within = _shrink((apart * weights[:, None]).T @ apart / len(names), WITHIN)
    homes = np.array([corpora[numbers == number][0] for number in range(len(names))])
    for home in np.unique(homes):
        centres[homes == home] -= centres[homes == home].mean(axis=0)
    between = _shrink(centres.T @ centres / len(names), BETWEEN)
    values, vectors = np.linalg.eigh(within)
    whitening = vectors / np.sqrt(values)
    values, vectors = scipy.linalg.eigh(between, within)
    discriminant = vectors[:, np.argsort(-values)[:DIRECTIONS]]
    mean = voices.mean(axis=0)
    parts = [
        part / np.sqrt(((voices - mean) @ part).var(axis=0).sum())
        for part in (whitening, discriminant)
    ]
    return mean, np.concatenate(parts, axis=1)


def _shrink(covariance: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """Shrink a covariance towards the identity with the same trace."""
    round_ = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return (1 - amount) * covariance + amount * round_


def main() -> None:
    """Read the arguments, and write the encoder and the projection."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="Resemblyzer-0.1.4-py3-none-any.whl")
    parser.add_argument("--root", type=Path, help="folder of the corpora, for the projection")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    graph = build_graph(read_weights(options.wheel)).SerializeToString()
    (options.out / "speaker-encoder.onnx").write_bytes(graph)
    if options.root:
        rows = choose_recordings(load_rows(options.root))
        speakers, corpora = (rows[name].to_numpy(dtype=str) for name in ("speaker", "corpus"))
        mean, matrix = learn_projection(embed_recordings(rows), speakers, corpora)
        stored = {"mean": mean.astype(np.float16), "matrix": matrix.astype(np.float16)}
        np.savez(options.out / "emotion-projection.npz", licence="CC-BY-NC-SA-4.0", **stored)


if __name__ == "__main__":
    main()
