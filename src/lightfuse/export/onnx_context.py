"""The context models (small, base) as an ONNX graph."""

from dataclasses import dataclass

import numpy as np

from lightfuse.export.graph import Graph, convolution
from lightfuse.export.onnx_thumbnail import averaged, thumbnail_sides
from lightfuse.models import ContextConfig, Weights

_LUMA = (0.299, 0.587, 0.114)


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
    rows, columns = thumbnail_sides(graph, config, height, width)

    def reduced(picture: str) -> str:
        by_rows = averaged(graph, picture, 2, height, rows)
        return graph.op("Div", averaged(graph, by_rows, 3, width, columns), graph.constant(top))

    return reduced(pictures[0]), reduced(pictures[1])


def respond(graph: Graph, weights: Weights, under: str, over: str, thumbnail: tuple[str, str]) -> str:
    """The fused picture, 1×3×H×W in [0, 1], of two such and their thumbnails, under first."""
    config = weights.config
    assert isinstance(config, ContextConfig)
    model = _Model(graph, weights, config)
    grid = _filter(model, graph.op("Concat", *thumbnail, axis=1))
    # The grid's own channels, and the picture's height and width.
    shape = graph.op("Concat", graph.integers(1, config.context_channels), _sides(graph, under), axis=0)
    context = graph.op("Resize", grid, "", "", shape, mode="linear", coordinate_transformation_mode="half_pixel")
    answers = _answers(model, under, over, context)
    fused = _compose(graph, config, under, over, answers, _strength(graph, thumbnail))
    return graph.op("Clip", fused, graph.constant(0.0), graph.constant(1.0))


def _sides(graph: Graph, picture: str) -> str:
    return graph.op("Slice", graph.op("Shape", picture), graph.integers(2), graph.integers(4))


def _strength(graph: Graph, thumbnail: tuple[str, str]) -> str:
    """How much of a bracket the pair is, 1×1×1×1: see `ContextModel.context`."""
    difference = graph.op("Abs", graph.op("Sub", thumbnail[1], thumbnail[0]))
    mean = graph.op("ReduceMean", difference, graph.integers(1, 2, 3), keepdims=1)
    part = graph.op("Div", graph.op("Sub", mean, graph.constant(0.03)), graph.constant(0.09))
    return graph.op("Clip", part, graph.constant(0.0), graph.constant(1.0))


def _filter(model: _Model, thumbnail: str) -> str:
    """FilteringNet: the thumbnails 1×6×h×w to the context grid."""
    g, config = model.graph, model.config
    x = g.op("Sub", thumbnail, g.constant(0.5))
    skips = [x, model.separable(x, "filtering.first_dw", "filtering.first_pw", 2)]
    for level in range(config.levels - 1):
        means = g.op("AveragePool", skips[-1], kernel_shape=[2, 2], strides=[2, 2])
        skips.append(g.op("Add", model.block(skips[-1], "down", level, 2), means))
    x = g.op("Add", skips[-1], _summary(model, skips[-1]))
    for level in reversed(range(config.first_level, config.levels)):
        doubled = g.op(
            "Resize", x, "", g.constant([1, 1, 2, 2]), mode="linear", coordinate_transformation_mode="half_pixel"
        )
        skip = skips[level] if level else model.layer(skips[0], "filtering.stem", relu=True)
        x = g.op("Add", doubled, skip)
        x = g.op("Add", x, model.block(x, "up", level, 1))
    return model.layer(x, "filtering.head", relu=False)


def _summary(model: _Model, coarsest: str) -> str:
    """What means and maxima of the coarsest level say together, 1×C×1×1."""
    g, tensors = model.graph, model.weights.tensors
    both = g.op("Concat", g.op("GlobalAveragePool", coarsest), g.op("GlobalMaxPool", coarsest), axis=1)
    weight = tensors["filtering.summary.weight"][:, :, None, None]
    return convolution(g, both, "filtering.summary", weight, tensors["filtering.summary.bias"])


def _answers(model: _Model, under: str, over: str, context: str) -> list[str]:
    """CombiningNet: the numbers each pixel is given, 1×1×H×W each."""
    g, config = model.graph, model.config
    into_first, into_last = _split(g, context, [config.hidden[0], config.outputs])
    x = model.layer(g.op("Concat", under, over, axis=1), "combining.layers.0", relu=False)
    x = g.op("Relu", g.op("Add", x, into_first))
    for i in range(1, len(config.hidden)):
        x = model.layer(x, f"combining.layers.{i}", relu=True)
    x = g.op("Add", model.layer(x, f"combining.layers.{len(config.hidden)}", relu=False), into_last)
    return _split(g, x, [1] * config.outputs)


def _split(graph: Graph, x: str, sizes: list[int]) -> list[str]:
    ends = np.cumsum(sizes).tolist()
    spans = zip([0, *ends[:-1]], ends, strict=True)
    return [graph.op("Slice", x, graph.integers(a), graph.integers(b), graph.integers(1)) for a, b in spans]


def _compose(graph: Graph, config: ContextConfig, under: str, over: str, answers: list[str], strength: str) -> str:
    """The picture that the answers describe: see `compose` and `keep_hue` of `networks.context.combining`."""
    g, difference = graph, graph.op("Sub", under, over)

    def mixed(answer: str) -> tuple[str, str]:
        weight = g.op("Sigmoid", g.op("Add", answer, g.constant(-3.0)))
        mixture = g.op("Add", over, g.op("Mul", weight, difference))
        luma = g.op("Mul", mixture, g.constant(np.reshape(_LUMA, (1, 3, 1, 1))))
        return mixture, g.op("ReduceSum", luma, g.integers(1), keepdims=1)

    _, luma = first = mixed(answers[0])
    coloured, coloured_luma = mixed(answers[4]) if config.outputs == 5 else first
    one, most = g.constant(1.0), g.constant(8.0)
    gain, offset, saturation = (g.op("Mul", answer, strength) for answer in answers[1:4])
    lifted = g.op("Add", g.op("Mul", luma, g.op("Add", gain, one)), g.op("Mul", offset, g.constant(0.5)))
    chroma_gain = g.op("Add", saturation, one)
    if config.ratio:
        floor = g.constant(0.02)
        lift = g.op("Div", g.op("Add", lifted, floor), g.op("Add", coloured_luma, floor))
        chroma_gain = g.op("Mul", chroma_gain, g.op("Min", lift, most))
    chroma_gain = g.op("Clip", chroma_gain, g.constant(0.0), most)
    fused = g.op("Add", lifted, g.op("Mul", g.op("Sub", coloured, coloured_luma), chroma_gain))
    largest = g.op("ReduceMax", fused, g.integers(1), keepdims=1)
    return g.op("Div", fused, g.op("Max", largest, one))
