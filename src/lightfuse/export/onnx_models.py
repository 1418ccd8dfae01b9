"""The models as ONNX: order, thumbnail and all inside, any height and width."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from lightfuse.export.onnx_graph import Graph, context_model, convolution, thumbnails
from lightfuse.models import ContextConfig, Weights

_ABOUT = "LightFuse, model {}: fuses an under- and an over-exposed picture of one scene, given in either order."
_PAPER_STRIDE = 8


def float_model(weights: Weights) -> onnx.ModelProto:
    """``first`` and ``second``, float32 1×3×height×width, RGB in [0, 1], to ``fused``, the same."""
    graph = Graph()
    fused = _fused(graph, weights, ("first", "second"), None)
    graph.rename(fused, "fused")
    return _model(graph, weights, TensorProto.FLOAT, [1, 3, "height", "width"])


def eight_bit_model(weights: Weights) -> onnx.ModelProto:
    """``first`` and ``second``, uint8 height×width×3, RGB as decoders give it, to ``fused``, the same."""
    graph = Graph()
    planes = [graph.op("Transpose", name, perm=[2, 0, 1]) for name in ("first", "second")]
    first, second = (graph.op("Unsqueeze", plane, graph.integers(0)) for plane in planes)
    fused = _fused(graph, weights, (first, second), 255.0)
    levels = graph.op("Round", graph.op("Mul", fused, graph.constant(255.0)))
    whole = graph.op("Squeeze", graph.op("Cast", levels, to=TensorProto.UINT8), graph.integers(0))
    graph.rename(graph.op("Transpose", whole, perm=[1, 2, 0]), "fused")
    return _model(graph, weights, TensorProto.UINT8, ["height", "width", 3])


def _model(graph: Graph, weights: Weights, kind: int, shape: list[int | str]) -> onnx.ModelProto:
    first, second, fused = (helper.make_tensor_value_info(n, kind, shape) for n in ("first", "second", "fused"))
    return graph.model([first, second], fused, _ABOUT.format(weights.model))


def _fused(graph: Graph, weights: Weights, pictures: tuple[str, str], top: float | None) -> str:
    """Order the pictures and fuse them; with ``top`` they are integers up to it, else float32 in [0, 1]."""
    config = weights.config
    if isinstance(config, ContextConfig):
        summed = pictures if top is None else _each(graph, pictures, TensorProto.INT32)
        small = thumbnails(graph, config, summed, top or 1.0)
        swap = _is_brighter(graph, *small)
        under, over = _as_floats(graph, _ordered(graph, swap, pictures), top)
        return context_model(graph, weights, under, over, _ordered(graph, swap, small))
    floats = _as_floats(graph, pictures, top)
    return _paper_model(graph, weights, *_ordered(graph, _is_brighter(graph, *floats), floats))


def _is_brighter(graph: Graph, first: str, second: str) -> str:
    means = [graph.op("ReduceMean", x, graph.integers(0, 1, 2, 3), keepdims=0) for x in (first, second)]
    return graph.op("Greater", *means)


def _ordered(graph: Graph, swap: str, pair: tuple[str, str]) -> tuple[str, str]:
    first, second = pair
    return graph.op("Where", swap, second, first), graph.op("Where", swap, first, second)


def _each(graph: Graph, pair: tuple[str, str], kind: int) -> tuple[str, str]:
    return graph.op("Cast", pair[0], to=kind), graph.op("Cast", pair[1], to=kind)


def _as_floats(graph: Graph, pair: tuple[str, str], top: float | None) -> tuple[str, str]:
    if top is None:
        return pair
    first, second = _each(graph, pair, TensorProto.FLOAT)
    scale = graph.constant(np.float32(top))
    return graph.op("Div", first, scale), graph.op("Div", second, scale)


def _paper_model(graph: Graph, weights: Weights, under: str, over: str) -> str:
    """The fused picture, 1×3×H×W in [0, 1], of two such, under first: see `models.paper`."""
    one, two = graph.constant(1.0), graph.constant(2.0)
    stretched = graph.op("Concat", _stretched(graph, under), _stretched(graph, over), axis=1)
    x = graph.op("Sub", graph.op("Mul", stretched, two), one)
    sides = graph.op("Slice", graph.op("Shape", x), graph.integers(2), graph.integers(4))
    context = _paper_context(graph, weights, x, sides)
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


def _paper_context(graph: Graph, weights: Weights, x: str, sides: str) -> str:
    """FilteringNet on the picture padded to multiples of 8, each value repeated over its 8×8 pixels."""
    stride = graph.constant(_PAPER_STRIDE, np.int64)
    missing = graph.op("Mod", graph.op("Sub", stride, graph.op("Mod", sides, stride)), stride)
    x = graph.op("Pad", x, graph.op("Concat", graph.integers(0, 0, 0, 0, 0, 0), missing, axis=0), mode="edge")
    for layer in ("down1", "down2", "down3"):
        x = _layer(graph, weights, x, f"filtering.{layer}", group=6, strides=[2, 2], pads=[0, 0, 1, 1])
    x = _layer(graph, weights, x, "filtering.mix")
    repeated = graph.op(
        "Resize", x, "", graph.constant([1, 1, _PAPER_STRIDE, _PAPER_STRIDE]), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    return graph.op("Slice", repeated, graph.integers(0, 0), sides, graph.integers(2, 3))


def _layer(graph: Graph, weights: Weights, x: str, name: str, **attributes: object) -> str:
    tensors = weights.tensors
    return convolution(graph, x, name, tensors[f"{name}.weight"], tensors.get(f"{name}.bias"), **attributes)
