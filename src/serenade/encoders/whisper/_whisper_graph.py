"""Whisper's encoder as an ONNX graph, written directly from its weights.

The architecture is that of Radford et al. 2023 (arXiv:2212.04356), section 2.2: two convolutions,
sinusoidal positions, pre-norm Transformer layers, a final norm. Building the graph here rather
than tracing a module keeps PyTorch out, and lets the time axis be as long as the clip instead of
the 30 s that Whisper pads to.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from serenade.errors import MissingExtraError, ModelError
from serenade.runtime import Graph

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

REVISION = 2
"""Raise when `export_encoder` writes another graph from the same weights."""

_PREFIXES = ("", "encoder.", "model.encoder.")


class _Graph(Graph):
    """Of an encoder's weights; every method but the last returns the name of its result."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], heads: int) -> None:
        super().__init__()
        self.weights = weights
        self.width = weights["layer_norm.bias"].size
        self.heads = heads
        if heads < 1 or self.width % heads:
            raise ValueError(f"{self.width} units do not divide into them")

    def constant(self, value: Any, dtype: type = np.int64) -> str:
        array: NDArray[Any] = np.asarray(value, dtype=dtype)
        name = f"{array.dtype}_{'_'.join(map(str, array.ravel()))}_{array.ndim}"
        return self.add_array(array, dtype, name)

    def weight(self, name: str, *shape: int, transpose: bool = False) -> str:
        """Add a weight in half precision; onnxruntime converts it when it loads the graph."""
        array = self.weights[name]
        if array.shape != shape:
            raise ValueError(f"{name} has the shape {array.shape} instead of {shape}")
        half = self.add_array(array.T if transpose else array, np.float16, name)
        return self.add_node("Cast", half, to=self.onnx.TensorProto.FLOAT)

    def linear(self, x: str, name: str, inputs: int, outputs: int) -> str:
        weight = self.weight(f"{name}.weight", outputs, inputs, transpose=True)
        result, bias = self.add_node("MatMul", x, weight), f"{name}.bias"
        return (
            self.add_node("Add", result, self.weight(bias, outputs))
            if bias in self.weights
            else result
        )

    def norm(self, x: str, name: str) -> str:
        scale, shift = (self.weight(f"{name}.{part}", self.width) for part in ("weight", "bias"))
        return self.add_node("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-5)

    def convolution(self, x: str, name: str, inputs: int, stride: int) -> str:
        scale = self.weight(f"{name}.weight", self.width, inputs, 3)
        shift = self.weight(f"{name}.bias", self.width)
        return self.add_node(
            "Gelu", self.add_node("Conv", x, scale, shift, pads=[1, 1], strides=[stride])
        )

    def positions(self, steps: str) -> str:
        """Return the positions of a number of steps: computed sinusoids, or the stored table."""
        table = self.weights["embed_positions.weight"]
        half = self.width // 2
        rates = 1e4 ** (-np.arange(half) / (half - 1))
        turns = np.arange(len(table))[:, None] * rates
        if not np.allclose(table, np.hstack([np.sin(turns), np.cos(turns)]), rtol=0, atol=1e-3):
            first, name = self.constant([0]), "embed_positions.weight"
            return self.add_node("Slice", self.weight(name, *table.shape), first, steps)
        # Whisper's own table: it is not stored, because it would be 5 to 10% of the file.
        kinds, zero, one = self.onnx.TensorProto, self.constant(0), self.constant(1)
        times = self.add_node("Range", zero, self.add_node("Squeeze", steps), one)
        times = self.add_node(
            "Cast", self.add_node("Unsqueeze", times, self.constant([1])), to=kinds.DOUBLE
        )
        angles = self.add_node("Mul", times, self.add_array(np.tile(rates, 2), np.float64))
        # A cosine is a sine a quarter of a turn later; older versions of onnxruntime have no cosine
        # in double precision.
        shifts = self.add_array(np.repeat([0.0, np.pi / 2], half), np.float64)
        waves = self.add_node("Sin", self.add_node("Add", angles, shifts))
        return self.add_node("Cast", self.add_node("Cast", waves, to=kinds.FLOAT16), to=kinds.FLOAT)

    def attention(self, x: str, name: str) -> str:
        size = self.width // self.heads
        split = self.constant([0, -1, self.heads, size])

        def head(part: str, order: list[int]) -> str:
            projected = self.linear(x, f"{name}.{part}", self.width, self.width)
            return self.add_node(
                "Transpose", self.add_node("Reshape", projected, split), perm=order
            )

        query, key = head("q_proj", [0, 2, 1, 3]), head("k_proj", [0, 2, 3, 1])
        scaled = self.add_node("Mul", query, self.constant(size**-0.5, np.float32))
        scores = self.add_node("Softmax", self.add_node("MatMul", scaled, key), axis=-1)
        mixed = self.add_node("MatMul", scores, head("v_proj", [0, 2, 1, 3]))
        joined = self.constant([0, -1, self.width])
        merged = self.add_node(
            "Reshape", self.add_node("Transpose", mixed, perm=[0, 2, 1, 3]), joined
        )
        return self.linear(merged, f"{name}.out_proj", self.width, self.width)

    def outputs(self, states: list[str]) -> None:
        """Stack the hidden states, and compute their mean and standard deviation over time."""
        one, two = self.constant([1]), self.constant([2])
        stacked = self.add_node(
            "Concat", *(self.add_node("Unsqueeze", s, one) for s in states), axis=1
        )
        mean = self.add_node("ReduceMean", stacked, two, keepdims=1)
        offset = self.add_node("Sub", stacked, mean)
        variance = self.add_node(
            "ReduceMean", self.add_node("Mul", offset, offset), two, keepdims=1
        )
        pooled = self.add_node("Concat", mean, self.add_node("Sqrt", variance), axis=2)
        self.name_output(pooled, "pooled")
        node = self.onnx.helper.make_node
        self.nodes.append(node("Transpose", [stacked], ["states"], perm=[1, 0, 2, 3]))


def export_encoder(
    weights: str | os.PathLike[str],
    heads: int,
    path: str | os.PathLike[str],
    *,
    layers: int | None = None,
) -> None:
    """Write the encoder as ONNX with half-precision weights.

    The graph takes `mel`, shape `(batch, mels, frames)`, all clips of one length, and gives
    `states`, `(layers + 1, batch, steps, width)`: the input of the first layer and the output of
    each, the last one normalised, as Hugging Face's `output_hidden_states` has them; and `pooled`,
    `(batch, layers + 1, 2, width)`: their mean and standard deviation over time.

    Args:
        weights: a safetensors file with Hugging Face's names of a Whisper encoder.
        heads: number of attention heads.
        path: the `.onnx` file to write.
        layers: number of first layers to keep; None for all. A shortened encoder has no final
            norm.

    Raises:
        ModelError: the weights are not those of a Whisper encoder with so many heads.
        MissingExtraError: the extra "train" is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("exporting an encoder", "train") from None

    tensors = _load(Path(weights))
    try:
        model = _build_model(_Graph(tensors, heads), layers)
        onnx.checker.check_model(model, full_check=True)
    except KeyError as error:
        raise ModelError(f"{weights}: not a whole Whisper encoder, {error} is missing") from None
    except (ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{weights}: not a Whisper encoder of {heads} heads ({reason})") from None
    onnx.save(model, str(path))


def _build_model(graph: _Graph, kept: int | None) -> Any:
    """Build the graph of an encoder from its weights, perhaps of its first layers alone."""
    weights, width = graph.weights, graph.width
    layers = 1 + max(int(n.split(".")[1]) for n in weights if n.startswith("layers."))
    if kept is not None and not 0 < kept < layers:
        raise ValueError(f"{kept} of its {layers} layers cannot be kept")
    layers = kept or layers
    positions = len(weights["embed_positions.weight"])
    n_mels = weights["conv1.weight"].size // (3 * width)

    x = graph.convolution("mel", "conv1", n_mels, 1)
    x = graph.add_node("Transpose", graph.convolution(x, "conv2", width, 2), perm=[0, 2, 1])
    steps = graph.add_node("Shape", x, start=1, end=2)
    x = graph.add_node("Add", x, graph.positions(steps))
    states = [x]
    for layer in (f"layers.{i}" for i in range(layers)):
        inner = graph.norm(x, f"{layer}.self_attn_layer_norm")
        x = graph.add_node("Add", x, graph.attention(inner, f"{layer}.self_attn"))
        inner, size = graph.norm(x, f"{layer}.final_layer_norm"), len(weights[f"{layer}.fc1.bias"])
        inner = graph.add_node("Gelu", graph.linear(inner, f"{layer}.fc1", width, size))
        x = graph.add_node("Add", x, graph.linear(inner, f"{layer}.fc2", size, width))
        states.append(x)
    if kept is None:
        states[-1] = graph.norm(states[-1], "layer_norm")
    graph.outputs(states)

    facts = {"states": layers + 1, "width": width, "mels": n_mels, "steps": positions}
    outputs: dict[str, list[int | str]] = {
        "states": [layers + 1, "batch", "steps", width],
        "pooled": ["batch", layers + 1, 2, width],
    }
    return graph.build_model(
        "whisper-encoder", {"mel": ["batch", n_mels, "frames"]}, outputs, facts
    )


def count_heads(config: str | os.PathLike[str]) -> int:
    """Return the number of attention heads in a Hugging Face `config.json`.

    Raises:
        ModelError: not the configuration of a Whisper model.
    """
    try:
        return int(json.loads(Path(config).read_text("utf-8"))["encoder_attention_heads"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise ModelError(
            f"{config}: not the configuration of a Whisper model; give its config.json"
        ) from None


def _load(path: Path) -> dict[str, NDArray[Any]]:
    """Return the weights of the encoder, without the prefix that whole models give their names."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            for prefix in _PREFIXES:
                if f"{prefix}conv1.weight" in names:
                    cut = len(prefix)
                    return {n[cut:]: file.get_tensor(n) for n in names if n.startswith(prefix)}
    except (OSError, SafetensorError):
        raise ModelError(f"{path}: not a safetensors file; give the encoder's weights") from None
    except (TypeError, KeyError, AttributeError):
        raise ModelError(f"{path}: its numbers are of a type NumPy lacks; save float32") from None
    raise ModelError(f"{path}: holds no Whisper encoder (no tensor named conv1.weight)")
