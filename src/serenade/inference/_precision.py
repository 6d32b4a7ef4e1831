"""Convert model folders to half precision or to eight bits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from serenade._model_files import write_model_files
from serenade.encoders import fingerprint_content, locate_whisper
from serenade.errors import MissingExtraError, SerenadeError
from serenade.inference._model_folder import ENCODER
from serenade.inference._model_hub import open_folder
from serenade.systems import feature_to_json

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from serenade.inference._model_folder import Folder

    Precision = Literal["fp32", "fp16", "int8"]

PRECISIONS = ("fp32", "fp16", "int8")
_SMALLEST = 256  # values; smaller arrays are kept as they are
_SHARED = 64  # least number of values per scale; with fewer, the scales take too much space


def convert_precision(
    source: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    precision: Precision | None,
    *,
    features_inside: bool = False,
) -> None:
    """Convert a model folder to another precision.

    - `fp32`: all weights of the heads in single precision;
    - `fp16`: matrices in half precision, half the size. Whisper's encoder is stored so in any
      case;
    - `int8`: matrices of the heads and the encoder in eight bits with scales, a quarter of the
      size. Narrow matrices, such as a classifier's, are stored as `fp16`.

    Weights are widened once, when the model is loaded, and computed with in single precision, so
    the speed does not change. docs/benchmarks/precision.md has measurements.

    Args:
        source: model folder; None for the bundled model.
        out: folder to write.
        precision: one of the three; with `features_inside`, None to keep the weights as they are.
        features_inside: whether to write one graph from the signal to the probabilities, which
            onnxruntime runs without this package. It does not support enrolment.

    Raises:
        ModelError: the folder cannot be used, or a file in it is a link.
        SerenadeError: the precision is unknown, `out` is the source, the source has its features
            inside already, or a feature cannot be part of a graph.
        MissingExtraError: the extra "train" is not installed.
    """
    if precision not in PRECISIONS and not (features_inside and precision is None):
        raise SerenadeError(f"no precision {precision!r}; choose from {', '.join(PRECISIONS)}")
    folder, out = open_folder(source), Path(out)
    _check_source(folder, out)
    description = {key: value for key, value in folder.description.items() if key != "feature"}
    description["format"] = 2
    if precision is not None:
        description["precision"] = precision
    copied, files = ["MODEL_CARD.md", "places.npz"], {}
    if features_inside:
        files["head.onnx"] = _join_graphs(folder, precision)
        description.pop("enrolment", None)
        description["features_inside"] = True
        features = [feature_to_json(feature) for feature in folder.features]
    elif precision is not None:
        for name in ("head.onnx", "enrolled.onnx"):
            if (folder.path / name).is_file():
                files[name] = convert_graph(folder.path / name, precision)
        copied.append("speakers.npz")
        features, encoders = _convert_encoders(folder, precision)
        files |= encoders
    for name in copied:
        if (folder.path / name).is_file():
            files[name] = (folder.path / name).read_bytes()
    description["features"] = features
    write_model_files(out, description, files)


def _check_source(folder: Folder, out: Path) -> None:
    """Check that a model can be exported to a folder."""
    if out.exists() and out.samefile(folder.path):
        raise SerenadeError(f"{out}: is the model to export; name another folder")
    if "features_inside" in folder.description:
        raise SerenadeError(
            f"{folder.path}: has its features inside its graph; export the original model"
        )
    folder.require_own_files()


def _convert_encoders(
    folder: Folder, precision: Precision
) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Return a folder's features as JSON data, and the files of encoders not in the package."""
    files: dict[str, bytes] = {}
    features = [feature_to_json(feature) for feature in folder.features]
    for entry in _list_encoders(features):
        own = entry["parameters"]["encoder"]
        if precision == "int8":
            files[ENCODER] = convert_graph(locate_whisper(own), precision)
        elif Path(own).exists():
            files[ENCODER] = locate_whisper(own).read_bytes()
        else:
            continue
        entry["parameters"]["encoder"] = ENCODER
        entry["encoder"] = fingerprint_content(files[ENCODER])
    return features, files


def _join_graphs(folder: Folder, precision: Precision | None) -> bytes:
    """Join a folder's features, encoder and head to one graph."""
    from serenade.inference._signal_graph import build_signal_graph

    onnx = _import_onnx()
    entries = _list_encoders([feature_to_json(feature) for feature in folder.features])
    names = {each["parameters"]["encoder"] for each in entries}

    def load(path: Path) -> Any:
        return onnx.load_from_string(
            path.read_bytes() if precision is None else convert_graph(path, precision)
        )

    parts = {name: load(locate_whisper(name)) for name in sorted(names)}
    model = build_signal_graph(folder, load(folder.path / "head.onnx"), parts)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def convert_graph(path: Path, precision: Precision) -> bytes:
    """Convert the weights of a graph to another precision.

    Args:
        path: ONNX file.
        precision: see `convert_precision`.

    Returns:
        The content of the new file, with the metadata of the old one.

    Raises:
        MissingExtraError: the extra "train" is not installed.
    """
    onnx = _import_onnx()
    model = onnx.load(path)
    metadata = {each.key: each.value for each in model.metadata_props}
    _widen(onnx, model)
    if precision != "fp32":
        _narrow(onnx, model, precision)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    content: bytes = model.SerializeToString()
    return content


def _import_onnx() -> Any:
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("exporting a model", "train") from None
    return onnx


def measure_size(folder: str | os.PathLike[str] | None) -> int:
    """Return the bytes of a model with its encoder, in the folder or in the package."""
    model = open_folder(folder)
    files = {path for path in model.path.iterdir() if path.suffix in {".onnx", ".json", ".npz"}}
    if "features_inside" in model.description:
        return sum(path.stat().st_size for path in files)
    for entry in _list_encoders([feature_to_json(feature) for feature in model.features]):
        files.add(locate_whisper(entry["parameters"]["encoder"]))
    return sum(path.stat().st_size for path in files)


def _list_encoders(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the features that have an encoder, among them features inside parameters."""
    for entry in entries:
        if "encoder" in entry:
            yield entry
        inner = [each for each in entry["parameters"].values() if isinstance(each, dict)]
        yield from _list_encoders(inner)


def _widen(onnx: Any, model: Any) -> None:
    """Convert weights that a cast widens at loading to single precision."""
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
    """Store large arrays in few bits, with nodes that widen them when the model is loaded."""
    graph, kinds = model.graph, onnx.TensorProto
    widening = []
    for tensor in list(graph.initializer):
        if tensor.data_type != kinds.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        # Vectors are biases and statistics: small, and statistics must not be rounded.
        if values.size < _SMALLEST or values.ndim < 2 or np.abs(values).max() > 6e4:
            continue
        graph.initializer.remove(tensor)
        name, narrow = tensor.name, f"{tensor.name}_narrow"
        scaled, scales = _quantise(values) if precision == "int8" else (None, None)
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


def _quantise(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32]] | tuple[None, None]:
    """Return an array as integers with their scales, or None for both if it is too narrow.

    Scales are shared along the axis with the smallest error. A classifier's matrix has no such
    axis, because each feature has its own range.
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
    """Remove arrays that no node takes."""
    used = {name for node in graph.node for name in node.input}
    for tensor in [each for each in graph.initializer if each.name not in used]:
        graph.initializer.remove(tensor)
