"""The paper's model as an ONNX graph."""

import numpy as np

from lightfuse.export.graph import Graph, convolution
from lightfuse.models import Weights

_STRIDE = 8


def respond(graph: Graph, weights: Weights, under: str, over: str) -> str:
    """The fused picture, 1×3×H×W in [0, 1], of two such, under first: see `lightfuse.models.paper`."""
    one, two = graph.constant(1.0), graph.constant(2.0)
    stretched = graph.op("Concat", _stretched(graph, under), _stretched(graph, over), axis=1)
    x = graph.op("Sub", graph.op("Mul", stretched, two), one)
    sides = graph.op("Slice", graph.op("Shape", x), graph.integers(2), graph.integers(4))
    context = _context(graph, weights, x, sides)
    for i in range(3):
        x = graph.op("Relu", _layer(graph, weights, x, f"combining.layers.{i}"))
    answer = graph.op("Tanh", graph.op("Add", x, context))
    return graph.op("Div", graph.op("Add", answer, one), two)


def _stretched(graph: Graph, picture: str) -> str:
    """A picture stretched to [0, 1]; a flat one as it is."""
    axes, nothing = graph.integers(1, 2, 3), graph.constant(0.0)
    low = graph.op("ReduceMin", picture, axes, keepdims=1)
    span = graph.op("Sub", graph.op("ReduceMax", picture, axes, keepdims=1), low)
    flat = graph.op("Equal", span, nothing)
    lowest = graph.op("Where", flat, nothing, low)
    return graph.op("Div", graph.op("Sub", picture, lowest), graph.op("Where", flat, graph.constant(1.0), span))


def _context(graph: Graph, weights: Weights, x: str, sides: str) -> str:
    """FilteringNet on the picture padded to multiples of 8, each value repeated over its 8×8 pixels."""
    stride = graph.constant(_STRIDE, np.int64)
    missing = graph.op("Mod", graph.op("Sub", stride, graph.op("Mod", sides, stride)), stride)
    x = graph.op("Pad", x, graph.op("Concat", graph.integers(0, 0, 0, 0, 0, 0), missing, axis=0), mode="edge")
    for layer in ("down1", "down2", "down3"):
        x = _layer(graph, weights, x, f"filtering.{layer}", group=6, strides=[2, 2], pads=[0, 0, 1, 1])
    x = _layer(graph, weights, x, "filtering.mix")
    repeated = graph.op(
        "Resize", x, "", graph.constant([1, 1, _STRIDE, _STRIDE]), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    return graph.op("Slice", repeated, graph.integers(0, 0), sides, graph.integers(2, 3))


def _layer(graph: Graph, weights: Weights, x: str, name: str, **attributes: object) -> str:
    tensors = weights.tensors
    return convolution(graph, x, name, tensors[f"{name}.weight"], tensors.get(f"{name}.bias"), **attributes)
