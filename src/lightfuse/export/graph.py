"""Writing an ONNX graph down, an operation at a time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

OPSET = 18
IR_VERSION = 9  # of ONNX 1.14, the oldest release whose opset 19 is complete: runtimes of 2023 read it


class Graph:
    """Nodes and constants; a value is its name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The first output of a new node."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def rename(self, value: str, name: str) -> None:
        """Give the last node's output the name of an output of the graph."""
        assert self._nodes[-1].output[0] == value
        self._nodes[-1].output[0] = name

    def constant(self, value: Any, dtype: type[np.generic] = np.float32, name: str = "constant") -> str:
        """A number or array; equal ones are kept once."""
        array = np.array(value, dtype)
        key = f"{name}_{array.dtype}_{array.shape}_{hash(array.tobytes()) & 0xFFFFFFFFFFFF:x}"
        key = key.replace(" ", "")
        self._constants.setdefault(key, numpy_helper.from_array(array, key))
        return key

    def integers(self, *values: int) -> str:
        """Whole numbers in one dimension, as shapes, axes and indices are given."""
        return self.constant(values, np.int64)

    def model(self, inputs: Sequence[onnx.ValueInfoProto], output: onnx.ValueInfoProto, about: str) -> onnx.ModelProto:
        """The whole, checked. Raises `onnx.checker.ValidationError` for a graph that is none."""
        graph = helper.make_graph(self._nodes, "lightfuse", inputs, [output], list(self._constants.values()), about)
        opsets = [helper.make_opsetid("", OPSET)]
        made = helper.make_model(graph, producer_name="lightfuse", opset_imports=opsets, ir_version=IR_VERSION)
        onnx.checker.check_model(made, full_check=True)
        return made


def convolution(
    graph: Graph, x: str, name: str, weight: NDArray[np.float32], bias: NDArray[np.float32] | None, **attributes: Any
) -> str:
    """A `Conv` of a tensor of weights as torch has it; ``group``, ``strides`` and ``pads`` are attributes."""
    tensors = [graph.constant(weight, name=f"{name}.weight")]
    if bias is not None:
        tensors.append(graph.constant(bias, name=f"{name}.bias"))
    return graph.op("Conv", x, *tensors, kernel_shape=list(weight.shape[2:]), **attributes)
