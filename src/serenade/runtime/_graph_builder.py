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

ROUND = "round"
"""Name of the number of the round, `()`, in the body of a loop."""


class Graph:
    """ONNX graph under construction; methods that add a node return the name of its result.

    Args:
        prefix: put before all names, which must differ between a loop's body and its graph.

    Raises:
        ImportError: onnx is not installed.
    """

    def __init__(self, prefix: str = "") -> None:
        import onnx

        self.onnx = onnx
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.arrays: dict[str, Any] = {}
        self.domains = {"": OPSET}

    def add_node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one result, and return the name of the result."""
        name = f"{self.prefix}{kind}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def name_output(self, result: str, name: str) -> None:
        """Give a result the name of one of the graph's outputs."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [result], [name]))

    def add_array(self, values: Any, kind: Any = np.float32, name: str = "") -> str:
        """Add a constant array, and return its name."""
        name = name or f"{self.prefix}array_{len(self.arrays)}"
        content: NDArray[Any] = np.asarray(values, dtype=kind, order="C")
        self.arrays[name] = self.onnx.numpy_helper.from_array(content, name)
        return name

    def add_axis(self, values: str, place: int = 0) -> str:
        """Add an axis of length 1."""
        return self.add_node("Unsqueeze", values, self.add_array([place], np.int64))

    def add_ones(self, rows: str) -> str:
        """Add a mask `(1, rows)` of ones for values `(rows, dims)`."""
        column = self.add_axis(self.add_node("Shape", rows, start=0, end=1))
        one = self.onnx.numpy_helper.from_array(np.ones(1, dtype=bool))
        shape = self.add_node("Concat", self.add_array([[1]], np.int64), column, axis=1)
        flat = self.add_node("Reshape", shape, self.add_array([-1], np.int64))
        return self.add_node("ConstantOfShape", flat, value=one)

    def add_slice(self, values: str, start: Any, end: Any, axis: int = 0, step: int = 1) -> str:
        """Slice an axis between numbers or named results `(1,)`."""
        ends = [
            each if isinstance(each, str) else self.add_array([each], np.int64)
            for each in (start, end)
        ]
        last = [self.add_array([each], np.int64) for each in (axis, step)]
        return self.add_node("Slice", values, *ends, *last)

    def add_sorting(self, values: str, size: str) -> str:
        """Sort values `(size,)` in ascending order."""
        name = f"{self.prefix}sorted_{len(self.nodes)}"
        outputs = [name, f"{name}_places"]
        self.nodes.append(self.onnx.helper.make_node("TopK", [values, size], outputs, largest=0))
        return name

    def add_loop(
        self,
        body: Graph,
        count: str,
        carried: tuple[str, str, str] | None = None,
        stacked: str = "",
    ) -> str:
        """Add a loop with one result.

        Args:
            body: graph of a round. It may use results of this graph, and `ROUND`.
            count: number of rounds, `(1,)`.
            carried: an input of the body, its value before the first round, and the result of the
                body that replaces it after each round; the last one is the loop's result.
            stacked: instead, result of the body whose values of all rounds are stacked.
        """
        make, kinds = self.onnx.helper.make_tensor_value_info, self.onnx.TensorProto
        taken, before, given = carried or ("", "", stacked)
        going = f"{body.prefix}going"
        inputs = [make(ROUND, kinds.INT64, []), make(going, kinds.BOOL, [])]
        inputs += [make(taken, kinds.FLOAT, None)] if carried else []
        outputs = [make(f"{going}_on", kinds.BOOL, []), make(given, kinds.FLOAT, None)]
        body.name_output(going, f"{going}_on")
        _name_nodes(body.nodes)
        graph = self.onnx.helper.make_graph(
            body.nodes, f"{body.prefix}body", inputs, outputs, list(body.arrays.values())
        )
        self.domains |= body.domains
        return self.add_node("Loop", count, "", *([before] if carried else []), body=graph)

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
        if any(node.op_type == "Loop" for node in self.nodes):
            _name_nodes(self.nodes)
        model = helper.make_model(
            helper.make_graph(self.nodes, name, *infos, initializer=list(self.arrays.values())),
            opset_imports=[helper.make_opsetid(*each) for each in self.domains.items()],
            ir_version=_IR,
            producer_name="serenade",
        )
        if facts:
            helper.set_model_props(model, {key: str(value) for key, value in facts.items()})
        return model


def _name_nodes(nodes: Sequence[Any]) -> None:
    """Name nodes after their results: onnxruntime 1.18 joins nodes around loops by their names."""
    for node in nodes:
        node.name = node.name or node.output[0]
