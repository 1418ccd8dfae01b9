"""A model as one ONNX graph: order, thumbnail and all inside, any height and width."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from lightfuse.export import onnx_context, onnx_paper
from lightfuse.export.graph import Graph
from lightfuse.models import ContextConfig, Weights

_ABOUT = "LightFuse, model {}: fuses an under- and an over-exposed picture of one scene, given in either order."


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
    """Order the pictures and fuse them; with ``top`` they are whole numbers up to it, else float32 in [0, 1]."""
    config = weights.config
    if isinstance(config, ContextConfig):
        summed = pictures if top is None else _each(graph, pictures, TensorProto.INT32)
        small = onnx_context.thumbnails(graph, config, summed, top or 1.0)
        swap = _is_brighter(graph, *small)
        under, over = _as_floats(graph, _ordered(graph, swap, pictures), top)
        return onnx_context.respond(graph, weights, under, over, _ordered(graph, swap, small))
    floats = _as_floats(graph, pictures, top)
    return onnx_paper.respond(graph, weights, *_ordered(graph, _is_brighter(graph, *floats), floats))


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
