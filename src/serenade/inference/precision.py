"""Smaller model folders: weights in eight bits or in half precision."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from serenade.encoders.whisper.source import fingerprint, locate
from serenade.errors import MissingExtraError, SerenadeError
from serenade.inference.folder import ENCODER, FILES, read_folder
from serenade.systems.named import stated

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from serenade.inference.folder import Folder

    Precision = Literal["fp32", "fp16", "int8"]

PRECISIONS = ("fp32", "fp16", "int8")
_QUANTISED = ("MatMul", "Gemm", "LSTM")
_LEAST = 256  # values; what is smaller weighs nothing and is kept


def export(
    source: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    precision: Precision,
    *,
    features_inside: bool = False,
) -> None:
    """Write a model folder again in another precision.

    - `fp32`: every weight of the heads in single precision;
    - `fp16`: matrices in half precision, widened once when the model is loaded: half the size,
      the same speed. Whisper's encoder has them so anyway;
    - `int8`: matrices of heads and encoder in eight bits with a scale for each column, what they
      are multiplied with rounded to eight bits by its range in each call; the rest as `fp16`, as
      are convolutions and products that give fewer values than they take.

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
    folder, out = read_folder(source), Path(out)
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
        features = [stated(feature) for feature in folder.features]
    else:
        for name in ("head.onnx", "enrolled.onnx"):
            if (folder.path / name).is_file():
                (out / name).write_bytes(rewritten(folder.path / name, precision))
        copied.append("speakers.npz")
        features = _own_encoders(folder, out, precision)
    for name in copied:
        if (folder.path / name).is_file():
            shutil.copyfile(folder.path / name, out / name)
    described["features"] = features
    (out / "model.json").write_text(json.dumps(described, indent=2) + "\n", "utf-8")


def _own_encoders(folder: Folder, out: Path, precision: Precision) -> list[dict[str, Any]]:
    """Statements of a folder's features, their encoders written where they are the folder's own."""
    features = [stated(feature) for feature in folder.features]
    for statement in _with_encoder(features):
        own = statement["parameters"]["encoder"]
        if precision == "int8":
            (out / ENCODER).write_bytes(rewritten(locate(own), precision))
        elif Path(own).is_file():
            shutil.copyfile(own, out / ENCODER)
        else:
            continue
        statement["parameters"]["encoder"] = ENCODER
        statement["encoder"] = fingerprint(str(out / ENCODER))
    return features


def _whole(folder: Folder, precision: Precision) -> bytes:
    """One graph of a folder's features, encoder and head."""
    from serenade.inference.signal_graph import signal_graph

    onnx = _onnx()
    statements = _with_encoder([stated(feature) for feature in folder.features])
    names = {each["parameters"]["encoder"] for each in statements}
    parts = {
        name: onnx.load_from_string(rewritten(locate(name), precision)) for name in sorted(names)
    }
    head = onnx.load_from_string(rewritten(folder.path / "head.onnx", precision))
    model = signal_graph(folder, head, parts)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def rewritten(path: Path, precision: Precision) -> bytes:
    """A graph with its weights in another precision.

    Args:
        path: an ONNX file.
        precision: see `export`.

    Returns:
        The new file's content; metadata stay.

    Raises:
        MissingExtraError: the extra "train" is not installed.
    """
    onnx = _onnx()
    model = onnx.load(path)
    stated_facts = {each.key: each.value for each in model.metadata_props}
    _widen(onnx, model)
    if precision == "int8":
        model = _quantised(onnx, model)
    if precision != "fp32":
        _halve(onnx, model)
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


def size(folder: str | os.PathLike[str] | None) -> int:
    """Bytes of a model with its encoder, wherever that lies."""
    model = read_folder(folder)
    files = {path for path in model.path.iterdir() if path.suffix in {".onnx", ".json", ".npz"}}
    if "features_inside" in model.description:
        return sum(path.stat().st_size for path in files)
    for statement in _with_encoder([stated(feature) for feature in model.features]):
        files.add(locate(statement["parameters"]["encoder"]))
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


def _halve(onnx: Any, model: Any) -> None:
    """Keep large arrays in half precision, with a cast that widens them when they are loaded."""
    graph, kinds = model.graph, onnx.TensorProto
    casts = []
    for tensor in list(graph.initializer):
        if tensor.data_type != kinds.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        # Vectors are biases and statistics: small, and in the case of statistics not to be rounded.
        if values.size < _LEAST or values.ndim < 2 or np.abs(values).max() > 6e4:
            continue
        name = f"{tensor.name}_half"
        graph.initializer.remove(tensor)
        graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(onnx.helper.make_node("Cast", [name], [tensor.name], to=kinds.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _quantised(onnx: Any, model: Any) -> Any:
    """Matrices in eight bits; those of double precision stay as they are."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # advice on preparing graphs, which these do not need
    try:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "graph.onnx"
            quantize_dynamic(
                model,
                file,
                op_types_to_quantize=list(_QUANTISED),
                nodes_to_exclude=_narrowing(model),
                per_channel=True,
                # Signed weights are faster, but sums of pairs overflow on processors without VNNI.
                weight_type=QuantType.QUInt8,
                extra_options={"MatMulConstBOnly": True},
            )
            return onnx.load(file)
    finally:
        logging.disable(before)


def _narrowing(model: Any) -> list[str]:
    """Names of the products that give fewer values than they take; all nodes are named.

    What they take are mostly activations behind ReLU or GELU, a few of them far larger than the
    rest: in eight bits of their range little is left of the others.
    """
    shapes = {each.name: each.dims for each in model.graph.initializer}
    found = []
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
        if node.op_type in {"MatMul", "Gemm"} and node.input[1] in shapes:
            turned = any(each.name == "transB" and each.i for each in node.attribute)
            inputs, outputs = shapes[node.input[1]][:: -1 if turned else 1]
            if outputs < inputs:
                found.append(node.name)
    return found


def _drop_unused(graph: Any) -> None:
    """Arrays that no node takes any more."""
    used = {name for node in graph.node for name in node.input}
    for tensor in [each for each in graph.initializer if each.name not in used]:
        graph.initializer.remove(tensor)
