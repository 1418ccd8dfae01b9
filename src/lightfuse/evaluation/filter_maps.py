"""A model's filters as labelled heat maps, from its weights alone."""

import math
from collections.abc import Sequence

import numpy as np

from lightfuse.evaluation.heat_maps import HeatMap, Values, draw_sheet
from lightfuse.models import ContextConfig, Weights
from lightfuse.models.shapes import parameter_shapes

INPUTS = ("under R", "under G", "under B", "over R", "over G", "over B")
"""What the six input channels of every model hold."""

ANSWERS = ("mixing weight", "luma gain", "luma offset", "chroma gain", "chroma mixing weight")
"""What the CombiningNet of a context model answers with; a model of four outputs leaves out the last."""

_PANEL = (4.6, 4.4)  # inches


def draw_combining(weights: Weights) -> bytes:
    """CombiningNet's layers as matrices, a row an output, a column an input and one more for the bias: a PNG file."""
    return _draw(weights, "combining", "CombiningNet")


def draw_filtering(weights: Weights) -> bytes:
    """FilteringNet's layers: 3×3 kernels side by side, pointwise layers and the summary as matrices: a PNG file."""
    return _draw(weights, "filtering", "FilteringNet")


def context_names(config: ContextConfig) -> list[str]:
    """What each channel of a context model's context is added to."""
    return [f"hidden {i}" for i in range(config.hidden[0])] + list(ANSWERS[: config.outputs])


def _draw(weights: Weights, part: str, title: str) -> bytes:
    layers = [name.removesuffix(".weight") for name in parameter_shapes(weights.config) if name.endswith(".weight")]
    panels = [_layer(weights, name) for name in layers if name.startswith(f"{part}.")]
    learned = sum(tensor.size for name, tensor in weights.tensors.items() if name.startswith(f"{part}."))
    columns = min(4, max(3, math.ceil(math.sqrt(len(panels)))))
    return draw_sheet(f"{title} of {weights.model}: {learned:,} parameters", panels, columns, _PANEL)


def _layer(weights: Weights, name: str) -> HeatMap:
    tensor, bias = weights.tensors[f"{name}.weight"], weights.tensors.get(f"{name}.bias")
    shown = name.split(".", 1)[1]
    if tensor.ndim == 4 and tensor.shape[2:] != (1, 1):
        names = _inputs_of(name, len(tensor))
        return _kernels(f"{shown}: {len(tensor)} depthwise 3×3", tensor[:, 0], names, bias)
    matrix: Values = tensor.reshape(len(tensor), -1)
    title = f"{shown}: {matrix.shape[1]} → {matrix.shape[0]}"
    inputs, outputs = _inputs_of(name, matrix.shape[1]), _outputs_of(weights, name, matrix.shape[0])
    if bias is not None:
        matrix, inputs = np.column_stack([matrix, bias]), [*inputs, "bias"]
    return HeatMap(title, matrix, rows=outputs, columns=inputs)


def _kernels(title: str, kernels: Values, names: Sequence[str], bias: Values | None) -> HeatMap:
    """Kernels side by side in a nearly square grid, a name and maybe a bias above each."""
    across = math.ceil(math.sqrt(len(kernels)))
    down = math.ceil(len(kernels) / across)
    tiled = np.full((4 * down, 4 * across - 1), np.nan)
    notes = []
    for i, kernel in enumerate(kernels):
        row, column = 4 * (i // across) + 1, 4 * (i % across)
        tiled[row : row + 3, column : column + 3] = kernel
        text = names[i] if bias is None else f"{names[i]}, bias {bias[i]:.2g}"
        notes.append((row - 0.95, column + 1.0, text))
    return HeatMap(title, tiled, notes=notes)


def _inputs_of(layer: str, count: int) -> list[str]:
    """What a layer's inputs are: the pictures' channels where there are six of them, else numbers."""
    if layer.endswith(".summary"):
        half = count // 2
        return [f"mean {i}" for i in range(half)] + [f"largest {i}" for i in range(half)]
    sees_pictures = layer.startswith("filtering.") or layer == "combining.layers.0"
    return list(INPUTS) if count == len(INPUTS) and sees_pictures else [str(i) for i in range(count)]


def _outputs_of(weights: Weights, layer: str, count: int) -> list[str]:
    last = max(name for name in weights.tensors if name.startswith("combining.layers.")).rsplit(".", 1)[0]
    if isinstance(weights.config, ContextConfig):
        if layer == "filtering.head":
            return context_names(weights.config)
        if layer == last:
            return list(ANSWERS[:count])
    elif layer in (last, "filtering.mix"):
        return ["R", "G", "B"]
    return [str(i) for i in range(count)]
