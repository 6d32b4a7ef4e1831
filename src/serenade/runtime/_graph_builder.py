"""ONNX graphs, built node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

OPSET = 20
"""Operator set of every graph that Serenade writes: the first with an exact Gelu."""

_IR = 9


class Graph:
    """ONNX graph under construction; methods that add a node return the name of its result.

    Raises:
        ImportError: onnx is not installed.
    """

    def __init__(self) -> None:
        import onnx

        self.onnx = onnx
        self.nodes: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.domains = {"": OPSET}

    def add_node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one result, and return the name of the result."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def name_output(self, result: str, name: str) -> None:
        """Give a result the name of one of the graph's outputs."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [result], [name]))

    def add_array(self, values: Any, kind: Any = np.float32, name: str = "") -> str:
        """Add a constant array, and return its name."""
        name = name or f"array_{len(self.arrays)}"
        content: NDArray[Any] = np.asarray(values, dtype=kind, order="C")
        self.arrays[name] = self.onnx.numpy_helper.from_array(content, name)
        return name

    def include(self, model: Any, prefix: str, inputs: Mapping[str, str]) -> list[str]:
        """Add all nodes of another graph.

        Args:
            model: an ONNX model.
            prefix: put before all of its names.
            inputs: results of this graph by the names of its inputs.

        Returns:
            Names of its outputs.
        """
        if next(each.version for each in model.opset_import if not each.domain) < OPSET:
            model = self.onnx.version_converter.convert_version(model, OPSET)
        model = self.onnx.compose.add_prefix(model, prefix)
        for name, given in inputs.items():
            self.name_output(given, prefix + name)
        self.nodes.extend(model.graph.node)
        self.arrays |= {each.name: each for each in model.graph.initializer}
        self.domains |= {each.domain: each.version for each in model.opset_import if each.domain}
        return [each.name for each in model.graph.output]

    def build_model(
        self,
        name: str,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, Sequence[int | str]],
        facts: Mapping[str, object] | None = None,
    ) -> Any:
        """Build the ONNX model.

        Args:
            name: name of the graph.
            inputs: shapes by name, all float32; a size that is open has a name.
            outputs: shapes by name, as for `inputs`.
            facts: metadata.
        """
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        infos = [
            [helper.make_tensor_value_info(each, kind, shape) for each, shape in shapes.items()]
            for shapes in (inputs, outputs)
        ]
        model = helper.make_model(
            helper.make_graph(self.nodes, name, *infos, initializer=list(self.arrays.values())),
            opset_imports=[helper.make_opsetid(*each) for each in self.domains.items()],
            ir_version=_IR,
            producer_name="serenade",
        )
        if facts:
            helper.set_model_props(model, {key: str(value) for key, value in facts.items()})
        return model
