"""The context models' thumbnail inside an ONNX graph, for pictures of any size."""

import numpy as np

from lightfuse.export.graph import Graph
from lightfuse.models import ContextConfig


def thumbnail_sides(graph: Graph, config: ContextConfig, height: str, width: str) -> tuple[str, str]:
    """(rows, columns) as :meth:`ContextConfig.thumbnail_size` has them, from int64 scalars."""

    def double(value: float) -> str:
        return graph.constant(value, np.float64)

    multiple = 2**config.levels
    pixels = graph.op("Cast", graph.op("Mul", height, width), to=_DOUBLE)
    scale = graph.op("Sqrt", graph.op("Div", double(config.thumbnail_cells), pixels))
    most = max(1, config.thumbnail_cells // multiple**2)

    def side(pixels: str) -> str:
        steps = graph.op("Mul", graph.op("Cast", pixels, to=_DOUBLE), scale)
        steps = graph.op("Floor", graph.op("Add", graph.op("Div", steps, double(multiple)), double(0.5)))
        steps = graph.op("Min", graph.op("Max", steps, double(1)), double(most))
        return graph.op("Mul", graph.op("Cast", steps, to=_INT64), graph.constant(multiple, np.int64))

    return side(height), side(width)


def averaged(graph: Graph, planes: str, axis: int, side: str, cells: str) -> str:
    """Means along one axis over ``cells`` equal parts of its ``side`` pixels, as `adaptive_avg_pool2d` takes them.

    Cell i covers pixels floor(i·side/cells) to ceil((i+1)·side/cells), so neighbours may share one. The sum of a cell
    is a difference of running sums: one pass over the pixels, whatever the sizes.
    """
    one = graph.constant(1, np.int64)
    i = graph.op("Range", graph.constant(0, np.int64), cells, one)
    first = graph.op("Div", graph.op("Mul", i, side), cells)
    ahead = graph.op("Add", graph.op("Mul", graph.op("Add", i, one), side), graph.op("Sub", cells, one))
    last = graph.op("Sub", graph.op("Div", ahead, cells), one)
    count = graph.op("Cast", graph.op("Add", graph.op("Sub", last, first), one), to=_FLOAT)
    if axis == 2:
        count = graph.op("Unsqueeze", count, graph.integers(1))

    running = graph.op("CumSum", planes, graph.constant(axis, np.int64))
    whole = graph.op("Sub", graph.op("Gather", running, last, axis=axis), graph.op("Gather", running, first, axis=axis))
    total = graph.op("Add", whole, graph.op("Gather", planes, first, axis=axis))
    return graph.op("Div", graph.op("Cast", total, to=_FLOAT), count)


_FLOAT, _INT64, _DOUBLE = 1, 7, 11  # onnx.TensorProto's numbers of types
