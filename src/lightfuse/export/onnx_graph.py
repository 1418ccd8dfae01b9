"""Writing an ONNX graph, an operation at a time, and the context models (small, base) as such."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lightfuse.models import ContextConfig, Weights
from lightfuse.models.config import OUTPUTS

OPSET = 18
IR_VERSION = 9  # of ONNX 1.14, the oldest release whose opset 19 is complete: runtimes of 2023 read it
_LUMA = (0.299, 0.587, 0.114)


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
        """Integers in one dimension, as shapes, axes and indices are given."""
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


def _thumbnail_sides(graph: Graph, config: ContextConfig, height: str, width: str) -> tuple[str, str]:
    """(rows, columns) as :meth:`ContextConfig.thumbnail_size` has them, from int64 scalars."""

    def double(value: float) -> str:
        return graph.constant(value, np.float64)

    multiple = 2**config.levels
    pixels = graph.op("Cast", graph.op("Mul", height, width), to=TensorProto.DOUBLE)
    scale = graph.op("Sqrt", graph.op("Div", double(config.thumbnail_cells), pixels))
    most = max(1, config.thumbnail_cells // multiple**2)

    def side(pixels: str) -> str:
        steps = graph.op("Mul", graph.op("Cast", pixels, to=TensorProto.DOUBLE), scale)
        steps = graph.op("Floor", graph.op("Add", graph.op("Div", steps, double(multiple)), double(0.5)))
        steps = graph.op("Min", graph.op("Max", steps, double(1)), double(most))
        return graph.op("Mul", graph.op("Cast", steps, to=TensorProto.INT64), graph.constant(multiple, np.int64))

    return side(height), side(width)


def _averaged(graph: Graph, planes: str, axis: int, side: str, cells: str) -> str:
    """Means along one axis over ``cells`` equal parts of its ``side`` pixels, as `adaptive_avg_pool2d` takes them.

    Cell i covers pixels floor(i·side/cells) to ceil((i+1)·side/cells), so neighbours may share one. The sum of a cell
    is a difference of running sums: one pass over the pixels, whatever the sizes.
    """
    one = graph.constant(1, np.int64)
    i = graph.op("Range", graph.constant(0, np.int64), cells, one)
    first = graph.op("Div", graph.op("Mul", i, side), cells)
    ahead = graph.op("Add", graph.op("Mul", graph.op("Add", i, one), side), graph.op("Sub", cells, one))
    last = graph.op("Sub", graph.op("Div", ahead, cells), one)
    count = graph.op("Cast", graph.op("Add", graph.op("Sub", last, first), one), to=TensorProto.FLOAT)
    if axis == 2:
        count = graph.op("Unsqueeze", count, graph.integers(1))

    running = graph.op("CumSum", planes, graph.constant(axis, np.int64))
    whole = graph.op("Sub", graph.op("Gather", running, last, axis=axis), graph.op("Gather", running, first, axis=axis))
    total = graph.op("Add", whole, graph.op("Gather", planes, first, axis=axis))
    return graph.op("Div", graph.op("Cast", total, to=TensorProto.FLOAT), count)


@dataclass(frozen=True)
class _Model:
    graph: Graph
    weights: Weights
    config: ContextConfig

    def layer(self, x: str, name: str, *, relu: bool, **attributes: object) -> str:
        tensors = self.weights.tensors
        made = convolution(self.graph, x, name, tensors[f"{name}.weight"], tensors.get(f"{name}.bias"), **attributes)
        return self.graph.op("Relu", made) if relu else made

    def separable(self, x: str, depthwise: str, pointwise: str, stride: int) -> str:
        """A 3×3 depthwise layer, edges repeated, then a pointwise one and ReLU."""
        g = self.graph
        padded = g.op("Pad", x, g.integers(0, 0, 1, 1, 0, 0, 1, 1), mode="edge")
        channels = self.weights.tensors[f"{depthwise}.weight"].shape[0]
        filtered = self.layer(padded, depthwise, relu=False, group=channels, strides=[stride, stride])
        return self.layer(filtered, pointwise, relu=True)

    def block(self, x: str, kind: str, level: int, stride: int) -> str:
        """The block of a level; the first one's where levels share."""
        own = f"filtering.{kind}.{0 if self.config.shared else level}"
        return self.separable(x, f"{own}.dw", f"{own}.pw", stride)


def thumbnails(graph: Graph, config: ContextConfig, pictures: tuple[str, str], top: float) -> tuple[str, str]:
    """Each picture, 1×3×H×W of values 0 to ``top``, whole or not, area-averaged: 1×3×h×w in [0, 1]."""
    shape = graph.op("Shape", pictures[0])
    height, width = (graph.op("Gather", shape, graph.constant(axis, np.int64)) for axis in (2, 3))
    rows, columns = _thumbnail_sides(graph, config, height, width)

    def reduced(picture: str) -> str:
        by_rows = _averaged(graph, picture, 2, height, rows)
        return graph.op("Div", _averaged(graph, by_rows, 3, width, columns), graph.constant(top))

    return reduced(pictures[0]), reduced(pictures[1])


def context_model(graph: Graph, weights: Weights, under: str, over: str, thumbnail: tuple[str, str]) -> str:
    """The fused picture, 1×3×H×W in [0, 1], of two such and their thumbnails, under first."""
    config = weights.config
    assert isinstance(config, ContextConfig)
    model = _Model(graph, weights, config)
    cells = _scene_weights(graph, *thumbnail)
    seen = graph.op("Concat", *thumbnail, axis=1)
    grid = _filter(model, _filled(graph, seen, cells, config.levels), cells)
    # The grid's own channels, and the picture's height and width.
    shape = graph.op("Concat", graph.integers(1, config.context_channels), _sides(graph, under), axis=0)
    context = graph.op("Resize", grid, "", "", shape, mode="linear", coordinate_transformation_mode="half_pixel")
    answers = _answers(model, under, over, context)
    fused = _compose(graph, under, over, answers, _strength(graph, thumbnail, cells))
    return graph.op("Clip", fused, graph.constant(0.0), graph.constant(1.0))


def _sides(graph: Graph, picture: str) -> str:
    return graph.op("Slice", graph.op("Shape", picture), graph.integers(2), graph.integers(4))


def _mean(graph: Graph, x: str, *axes: int) -> str:
    return graph.op("ReduceMean", x, graph.integers(*axes), keepdims=1)


def _clip(graph: Graph, x: str, low: float | None, high: float | None) -> str:
    return graph.op("Clip", x, *("" if limit is None else graph.constant(limit) for limit in (low, high)))


def _scene_weights(graph: Graph, under: str, over: str) -> str:
    """How much each cell of the thumbnails shows of the scene, 1×1×h×w: see `scene_weights` of `models.context`."""
    g = graph
    brightest = g.op("ReduceMax", over, g.integers(1), keepdims=1)
    darkest = g.op("ReduceMin", under, g.integers(1), keepdims=1)
    above_black = _clip(g, g.op("Div", g.op("Sub", brightest, g.constant(0.02)), g.constant(0.04)), 0.0, 1.0)
    below_white = _clip(g, g.op("Div", g.op("Sub", g.constant(0.98), darkest), g.constant(0.04)), 0.0, 1.0)
    weights = g.op("Mul", above_black, below_white)
    floor = g.op("Sub", g.constant(1.0), g.op("Mul", _mean(g, weights, 2, 3), g.constant(1024.0)))
    return g.op("Max", weights, floor)


def _filled(graph: Graph, thumbnail: str, weights: str, levels: int) -> str:
    """Both thumbnails, 1×6×h×w, with cells of little weight filled: see `fill_empty` of `models.context`."""
    g, two = graph, {"kernel_shape": [2, 2], "strides": [2, 2]}
    pyramid = [(thumbnail, weights)]
    for _ in range(levels):
        values, counts = pyramid[-1]
        total = g.op("AveragePool", counts, **two)
        summed = g.op("AveragePool", g.op("Mul", values, counts), **two)
        coarser = g.op("Div", summed, _clip(g, total, 1e-6, None))
        pyramid.append((coarser, _clip(g, g.op("Mul", total, g.constant(4.0)), None, 1.0)))
    filled = g.op("Div", _mean(g, g.op("Mul", thumbnail, weights), 2, 3), _mean(g, weights, 2, 3))
    for i, (values, counts) in enumerate(reversed(pyramid)):
        if i:
            filled = g.op(
                "Resize", filled, "", g.constant([1, 1, 2, 2]), mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip
        missing = g.op("Mul", filled, g.op("Sub", g.constant(1.0), counts))
        filled = g.op("Add", g.op("Mul", values, counts), missing)
    return filled


def _strength(graph: Graph, thumbnail: tuple[str, str], weights: str) -> str:
    """How much of a bracket the pair is, 1×1×1×1: see `ContextModel.context`."""
    mean = _mean(graph, graph.op("Abs", graph.op("Sub", thumbnail[1], thumbnail[0])), 1)
    mean = graph.op("Div", graph.op("Mul", mean, weights), _mean(graph, weights, 2, 3))
    part = graph.op("Div", graph.op("Sub", _mean(graph, mean, 2, 3), graph.constant(0.03)), graph.constant(0.09))
    return _clip(graph, part, 0.0, 1.0)


def _filter(model: _Model, thumbnail: str, weights: str) -> str:
    """FilteringNet: the thumbnails 1×6×h×w to the context grid."""
    g, config = model.graph, model.config
    x = g.op("Sub", thumbnail, g.constant(0.5))
    skips = [x, model.separable(x, "filtering.first_dw", "filtering.first_pw", 2)]
    for level in range(config.levels - 1):
        means = g.op("AveragePool", skips[-1], kernel_shape=[2, 2], strides=[2, 2])
        skips.append(g.op("Add", model.block(skips[-1], "down", level, 2), means))
    x = g.op("Add", skips[-1], _summary(model, skips[-1], weights))
    for level in reversed(range(config.levels)):
        doubled = g.op(
            "Resize", x, "", g.constant([1, 1, 2, 2]), mode="linear", coordinate_transformation_mode="half_pixel"
        )
        skip = skips[level] if level else model.layer(skips[0], "filtering.stem", relu=True)
        x = g.op("Add", doubled, skip)
        x = g.op("Add", x, model.block(x, "up", level, 1))
    return model.layer(x, "filtering.head", relu=False)


def _summary(model: _Model, coarsest: str, cells: str) -> str:
    """What means and maxima of the coarsest level say together, 1×C×1×1, by the weights of the thumbnail's cells."""
    g, tensors = model.graph, model.weights.tensors
    side = 2**model.config.levels
    counts = g.op("AveragePool", cells, kernel_shape=[side, side], strides=[side, side])
    means = g.op("Div", _mean(g, g.op("Mul", coarsest, counts), 2, 3), _mean(g, counts, 2, 3))
    full = _clip(g, g.op("Mul", counts, g.constant(4.0)), None, 1.0)
    maxima = g.op("GlobalMaxPool", g.op("Mul", coarsest, full))
    both = g.op("Concat", means, maxima, axis=1)
    weight = tensors["filtering.summary.weight"][:, :, None, None]
    return convolution(g, both, "filtering.summary", weight, tensors["filtering.summary.bias"])


def _answers(model: _Model, under: str, over: str, context: str) -> list[str]:
    """CombiningNet: the numbers each pixel is given, 1×1×H×W each."""
    g = model.graph
    into_first, into_last = _split(g, context, [model.config.hidden[0], len(OUTPUTS)])
    x = model.layer(g.op("Concat", under, over, axis=1), "combining.layers.0", relu=False)
    x = g.op("Relu", g.op("Add", x, into_first))
    x = model.layer(x, "combining.layers.1", relu=True)
    x = g.op("Add", model.layer(x, "combining.layers.2", relu=False), into_last)
    return _split(g, x, [1] * len(OUTPUTS))


def _split(graph: Graph, x: str, sizes: list[int]) -> list[str]:
    ends = np.cumsum(sizes).tolist()
    spans = zip([0, *ends[:-1]], ends, strict=True)
    return [graph.op("Slice", x, graph.integers(a), graph.integers(b), graph.integers(1)) for a, b in spans]


def _compose(graph: Graph, under: str, over: str, answers: list[str], strength: str) -> str:
    """The picture that the answers describe: see `compose` of `models.context`."""
    g, difference = graph, graph.op("Sub", under, over)
    one, most = g.constant(1.0), g.constant(8.0)

    def luma_of(picture: str) -> str:
        weighted = g.op("Mul", picture, g.constant(np.reshape(_LUMA, (1, 3, 1, 1))))
        return g.op("ReduceSum", weighted, g.integers(1), keepdims=1)

    def mixed(answer: str) -> str:
        weight = g.op("Sigmoid", g.op("Add", answer, g.constant(-3.0)))
        return g.op("Add", over, g.op("Mul", weight, difference))

    mixture, coloured = mixed(answers[0]), mixed(answers[4])
    gain, offset, saturation = (g.op("Mul", answer, strength) for answer in answers[1:4])
    lifted = g.op("Mul", luma_of(mixture), g.op("Add", gain, one))
    luma = g.op("Add", lifted, g.op("Mul", offset, g.constant(0.5)))
    lumas = luma_of(under), luma_of(over)
    lowest = g.op("Min", *lumas)
    luma = g.op("Min", g.op("Max", luma, lowest), g.op("Max", *lumas))
    coloured_luma, floor = luma_of(coloured), g.constant(0.02)
    lift = g.op("Div", g.op("Add", luma, floor), g.op("Add", coloured_luma, floor))
    chroma_gain = g.op("Mul", g.op("Add", saturation, one), g.op("Min", lift, most))
    chroma_gain = g.op("Clip", chroma_gain, g.constant(0.0), most)
    return _into_gamut(g, luma, g.op("Mul", g.op("Sub", coloured, coloured_luma), chroma_gain), lowest)


def _into_gamut(graph: Graph, luma: str, chroma: str, lowest: str) -> str:
    """luma + chroma with channels in [0, 1]: see `into_gamut` of `models.context`."""
    g, one = graph, graph.constant(1.0)

    def divisor(x: str) -> str:
        return g.op("Max", x, g.constant(1e-6))

    largest = g.op("Add", luma, g.op("ReduceMax", chroma, g.integers(1), keepdims=1))
    scale = g.op("Max", g.op("Div", one, g.op("Max", largest, one)), g.op("Div", lowest, divisor(luma)))
    scale = g.op("Min", scale, one)
    luma, chroma = g.op("Mul", luma, scale), g.op("Mul", chroma, scale)
    most = g.op("ReduceMax", chroma, g.integers(1), keepdims=1)
    least = g.op("ReduceMin", chroma, g.integers(1), keepdims=1)
    to_white = g.op("Div", g.op("Sub", one, luma), divisor(most))
    to_black = g.op("Div", luma, divisor(g.op("Neg", least)))
    return g.op("Add", luma, g.op("Mul", chroma, g.op("Min", to_white, to_black, one)))
