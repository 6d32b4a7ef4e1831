"""Smaller model folders: weights in eight bits or in half precision."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from serenade.encoders import fingerprint_whisper, locate_whisper
from serenade.errors import MissingExtraError, SerenadeError
from serenade.inference._model_folder import ENCODER, FILES
from serenade.inference._model_hub import open_folder
from serenade.systems import feature_to_json

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from serenade.inference._model_folder import Folder

    Precision = Literal["fp32", "fp16", "int8"]

PRECISIONS = ("fp32", "fp16", "int8")
_LEAST = 256  # values; what is smaller weighs nothing and is kept
_SHARED = 64  # values that share a scale at least, lest scales weigh too much


def convert_precision(
    source: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    precision: Precision,
    *,
    features_inside: bool = False,
) -> None:
    """Write a model folder again in another precision.

    - `fp32`: every weight of the heads in single precision;
    - `fp16`: matrices in half precision: half the size. Whisper's encoder has them so anyway;
    - `int8`: matrices of heads and encoder in eight bits with scales: a quarter of the size. Slim
      ones, such as a classifier's, as `fp16`.

    All are widened once, when the model is loaded, and computed with in single precision: the
    speed stays. Rounding what matrices are multiplied with to eight bits as well made Whisper's
    encoder a fifth faster, and cost 0.025 of UA on RAVDESS.

    Args:
        source: a model folder; None for the bundled model.
        out: the folder to write.
        precision: one of the three.
        features_inside: write one graph from the signal to the probabilities, which runs wherever
            onnxruntime does, without this package. It cannot be enrolled.

    Raises:
        ModelError: the folder cannot be used.
        SerenadeError: no such precision, `out` is the source, the source has its features inside
            already, or a feature cannot be inside.
        MissingExtraError: the extra "train" is not installed.
    """
    if precision not in PRECISIONS:
        raise SerenadeError(f"no precision {precision!r}; choose from {', '.join(PRECISIONS)}")
    folder, out = open_folder(source), Path(out)
    if out.exists() and out.samefile(folder.path):
        raise SerenadeError(f"{out}: is the model to export; write to another folder")
    if "features_inside" in folder.description:
        raise SerenadeError(
            f"{folder.path}: has its features inside its graph; export what it was made from"
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.json").unlink(missing_ok=True)  # until all the rest is whole
    for name in set(FILES) - {"MODEL_CARD.md"}:  # of what was there before
        (out / name).unlink(missing_ok=True)
    described = {key: value for key, value in folder.description.items() if key != "feature"}
    described |= {"format": 2, "precision": precision}
    copied = ["MODEL_CARD.md"]
    if features_inside:
        (out / "head.onnx").write_bytes(_whole(folder, precision))
        described.pop("enrolment", None)
        described["features_inside"] = True
        features = [feature_to_json(feature) for feature in folder.features]
    else:
        for name in ("head.onnx", "enrolled.onnx"):
            if (folder.path / name).is_file():
                (out / name).write_bytes(convert_graph(folder.path / name, precision))
        copied.append("speakers.npz")
        features = _own_encoders(folder, out, precision)
    for name in copied:
        if (folder.path / name).is_file():
            shutil.copyfile(folder.path / name, out / name)
    described["features"] = features
    (out / "model.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")


def _own_encoders(folder: Folder, out: Path, precision: Precision) -> list[dict[str, Any]]:
    """Statements of a folder's features, their encoders written where they are the folder's own."""
    features = [feature_to_json(feature) for feature in folder.features]
    for statement in _with_encoder(features):
        own = statement["parameters"]["encoder"]
        if precision == "int8":
            (out / ENCODER).write_bytes(convert_graph(locate_whisper(own), precision))
        elif Path(own).is_file():
            shutil.copyfile(own, out / ENCODER)
        else:
            continue
        statement["parameters"]["encoder"] = ENCODER
        statement["encoder"] = fingerprint_whisper(str(out / ENCODER))
    return features


def _whole(folder: Folder, precision: Precision) -> bytes:
    """One graph of a folder's features, encoder and head."""
    from serenade.inference._signal_graph import build_signal_graph

    onnx = _onnx()
    statements = _with_encoder([feature_to_json(feature) for feature in folder.features])
    names = {each["parameters"]["encoder"] for each in statements}
    parts = {
        name: onnx.load_from_string(convert_graph(locate_whisper(name), precision))
        for name in sorted(names)
    }
    head = onnx.load_from_string(convert_graph(folder.path / "head.onnx", precision))
    model = build_signal_graph(folder, head, parts)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def convert_graph(path: Path, precision: Precision) -> bytes:
    """A graph with its weights in another precision.

    Args:
        path: an ONNX file.
        precision: see `convert_precision`.

    Returns:
        The new file's content; metadata stay.

    Raises:
        MissingExtraError: the extra "train" is not installed.
    """
    onnx = _onnx()
    model = onnx.load(path)
    stated_facts = {each.key: each.value for each in model.metadata_props}
    _widen(onnx, model)
    if precision != "fp32":
        _narrow(onnx, model, precision)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, stated_facts)
    content: bytes = model.SerializeToString()
    return content


def _onnx() -> Any:
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("export in another precision", "train") from None
    return onnx


def measure_size(folder: str | os.PathLike[str] | None) -> int:
    """Bytes of a model with its encoder, wherever that lies."""
    model = open_folder(folder)
    files = {path for path in model.path.iterdir() if path.suffix in {".onnx", ".json", ".npz"}}
    if "features_inside" in model.description:
        return sum(path.stat().st_size for path in files)
    for statement in _with_encoder([feature_to_json(feature) for feature in model.features]):
        files.add(locate_whisper(statement["parameters"]["encoder"]))
    return sum(path.stat().st_size for path in files)


def _with_encoder(statements: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those of the features, and of features in their parameters, that have an encoder."""
    for statement in statements:
        if "encoder" in statement:
            yield statement
        inner = [each for each in statement["parameters"].values() if isinstance(each, dict)]
        yield from _with_encoder(inner)


def _widen(onnx: Any, model: Any) -> None:
    """Make single precision of weights that a cast widens when the model is loaded."""
    graph, kinds = model.graph, onnx.TensorProto
    halves = {each.name: each for each in graph.initializer if each.data_type == kinds.FLOAT16}
    casts = [
        node
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in halves and node.attribute[0].i == kinds.FLOAT
    ]
    for node in casts:
        values: NDArray[Any] = onnx.numpy_helper.to_array(halves[node.input[0]])
        wide = onnx.numpy_helper.from_array(values.astype(np.float32), node.output[0])
        graph.initializer.append(wide)
        graph.node.remove(node)
    _drop_unused(graph)


def _narrow(onnx: Any, model: Any, precision: Precision) -> None:
    """Keep large arrays in few bits, with nodes that widen them once, when the model is loaded."""
    graph, kinds = model.graph, onnx.TensorProto
    widening = []
    for tensor in list(graph.initializer):
        if tensor.data_type != kinds.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        # Vectors are biases and statistics: small, and in the case of statistics not to be rounded.
        if values.size < _LEAST or values.ndim < 2 or np.abs(values).max() > 6e4:
            continue
        graph.initializer.remove(tensor)
        name, narrow = tensor.name, f"{tensor.name}_narrow"
        scaled, scales = _eight_bits(values) if precision == "int8" else (None, None)
        kept = values.astype(np.float16) if scaled is None else scaled
        graph.initializer.append(onnx.numpy_helper.from_array(kept, narrow))
        wide = name if scales is None else f"{name}_wide"
        widening.append(onnx.helper.make_node("Cast", [narrow], [wide], to=kinds.FLOAT))
        if scales is not None:
            graph.initializer.append(onnx.numpy_helper.from_array(scales, f"{name}_scales"))
            widening.append(onnx.helper.make_node("Mul", [wide, f"{name}_scales"], [name]))
    nodes = [*widening, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _eight_bits(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]] | tuple[None, None]:
    """An array as whole numbers and what they are multiplied by; nothing where it is too slim.

    Scales are shared along the axis that loses least by it. A classifier's matrix, whose rows are
    of as many sizes as there are features, has no such axis.
    """
    axes = [axis for axis, size in enumerate(values.shape) if size >= _SHARED]
    if len(axes) < 2:
        return None, None
    best, least = None, np.inf
    for axis in axes:
        scales = np.abs(values).max(axis=axis, keepdims=True) / 127
        scales = np.maximum(scales, np.finfo(np.float32).tiny)
        whole = np.rint(values / scales)
        lost = float(np.square(whole * scales - values, dtype=np.float64).sum())
        if lost < least:
            best, least = (whole.astype(np.int8), scales.astype(np.float32)), lost
    return best if best is not None else (None, None)


def _drop_unused(graph: Any) -> None:
    """Arrays that no node takes any more."""
    used = {name for node in graph.node for name in node.input}
    for tensor in [each for each in graph.initializer if each.name not in used]:
        graph.initializer.remove(tensor)
