"""Drawings of a model: its filters as heat maps, and what its two sub-networks make of a pair of pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lightfuse.brackets.bracket import brightness, darkest_first
from lightfuse.images import encode_picture, read_picture
from lightfuse.metrics.pictures import Floats, Picture, as_unit, require_same_size
from lightfuse.models import ContextConfig, ContextModel, PaperModel, Weights, from_weights
from lightfuse.models.config import parameter_shapes
from lightfuse.models.context import adjustments
from lightfuse.models.paper import normalise, pad_to_stride
from lightfuse.sheets import Cell, Pixels, framed, heading, row_of, shrink, stack

Values = NDArray[np.floating[Any]]

LONG_SIDE = 768
"""Pixels that a pair is shrunk to before it is inspected."""

INPUTS = ("under R", "under G", "under B", "over R", "over G", "over B")
"""What the six input channels of every model hold."""

OUTPUTS = ("mixing weight", "luma gain", "luma offset", "chroma gain", "chroma mixing weight")
"""The outputs of a context model's CombiningNet; a model of four outputs lacks the last."""

_CELL = 400  # pixels a panel is enlarged or shrunk to
_NOT_A_VALUE = (70, 70, 70)
# Diverging colours: dark blue, white at 0, dark red (the ends of ColorBrewer's RdBu).
_BLUE, _WHITE, _RED = (5, 48, 97), (255, 255, 255), (103, 0, 31)


@dataclass(frozen=True)
class Panel:
    """One labelled drawing.

    Attributes:
        title: what it shows; the range of the values is added.
        values: H×W numbers, NaN where there is none, or an RGB picture H×W×3 in [0, 1].
        labels: names of what the rows, columns or kernels stand for, written below.
        limits: values of the darkest and lightest grey; None draws negative values blue, 0 white, positive ones red.
    """

    title: str
    values: Values
    labels: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None


def inspect_model(weights: Weights, pair: tuple[Picture, Picture] | None = None) -> dict[str, bytes]:
    """Draw a model as PNG files by name: its filters, and with a pair of pictures what it makes of them.

    ``combining.png`` and ``filtering.png`` show every filter. With a pair (RGB, H×W×3, uint8, uint16 or float in
    [0, 1], under first), for a context model: ``context.png``, the channels of the context, and ``maps.png``, how the
    pictures are mixed and their luma and chroma changed; for the paper's model: ``contributions.png``, what each
    sub-network adds.

    Raises:
        PictureError: the pair is no such pictures, or they differ in size.
    """
    sheets = {f"{part}.png": filter_panels(weights, part) for part in ("combining", "filtering")}
    if pair is not None:
        sheets |= pair_panels(weights, *pair)
    return {name: encode_picture(draw_sheet(*sheet), ".png") for name, sheet in sheets.items()}


def read_pair(first: Path, second: Path) -> tuple[Picture, Picture]:
    """Read two pictures, the darker as under. Raises PictureError where one cannot be read."""
    pictures = [read_picture(path).pixels for path in (first, second)]
    under, over = darkest_first([brightness(picture) for picture in pictures])
    return pictures[under], pictures[over]


Sheet = tuple[str, list[Panel]]
"""A title and the panels below it."""


def filter_panels(weights: Weights, part: str) -> Sheet:
    """The layers of a sub-network, ``combining`` or ``filtering``, from its weights.

    Pointwise layers are matrices, a row an output, a column an input and one more for the bias; depthwise 3×3 kernels
    lie side by side.
    """
    layers = [name.removesuffix(".weight") for name in parameter_shapes(weights.config) if name.endswith(".weight")]
    learned = sum(tensor.size for name, tensor in weights.tensors.items() if name.startswith(f"{part}."))
    title = f"{part.capitalize()}Net of {weights.model}: {learned:,} parameters"
    return title, [_layer(weights, name) for name in layers if name.startswith(f"{part}.")]


@torch.no_grad()
def pair_panels(weights: Weights, under: Picture, over: Picture) -> dict[str, Sheet]:
    """The sheets of a pair by file name (see `inspect_model`); PictureError where the pictures differ in size."""
    dark, bright = as_unit(under, "under"), as_unit(over, "over")
    require_same_size(dark, bright, "under", "over")
    tensors = _tensor(shrink(dark, LONG_SIDE, LONG_SIDE)), _tensor(shrink(bright, LONG_SIDE, LONG_SIDE))
    model = from_weights(weights)
    pictures = [("under", tensors[0]), ("over", tensors[1]), ("fused", model(*tensors))]
    panels = [Panel(name, picture[0].permute(1, 2, 0).numpy()) for name, picture in pictures]
    if isinstance(model, PaperModel):
        stretched = torch.cat([normalise(picture) for picture in tensors], dim=1) * 2 - 1
        answers = {
            "CombiningNet": model.combining(stretched),
            "FilteringNet": model.filtering(pad_to_stride(stretched)),
        }
        panels += [_map(f"{net}: {c}", answer[:, i]) for net, answer in answers.items() for i, c in enumerate("RGB")]
        title = f"{weights.model}: the result is (tanh(CombiningNet + FilteringNet) + 1) / 2"
        return {"contributions.png": (title, panels)}
    return _context_sheets(weights.model, model, tensors, panels)


def adjustment_maps(answer: Tensor, strength: Tensor) -> list[Panel]:
    """The mixing weights, gains and offset that answers 1×4×H×W or 1×5×H×W mean (`models.context.adjustments`)."""
    decoded = adjustments(answer, strength)
    maps = [
        _map("mixing weight: 1 takes under, 0 over", decoded.mixing, (0, 1)),
        _map("luma gain: 0 keeps it", decoded.luma_gain - 1),
        _map("luma offset", decoded.luma_offset),
        _map("chroma gain: 0 keeps it", decoded.chroma_gain - 1),
    ]
    if answer.shape[1] == len(OUTPUTS):
        maps.insert(1, _map("mixing weight of chroma", decoded.chroma_mixing, (0, 1)))
    return maps


def draw_sheet(title: str, panels: Sequence[Panel]) -> Pixels:
    """All panels under a title, in rows of up to four."""
    columns = min(4, max(2, math.ceil(math.sqrt(len(panels)))))
    cells = [Cell(draw_panel(panel), _caption(panel), panel.labels) for panel in panels]
    rows = [row_of(cells[first : first + columns], _CELL) for first in range(0, len(cells), columns)]
    return framed(stack([heading(title, columns * _CELL), *rows], gap=16))


def draw_panel(panel: Panel) -> Pixels:
    """The values in colours, small maps enlarged by a whole factor, large ones shrunk."""
    values = panel.values
    if values.ndim == 3:
        return shrink(np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8), _CELL, _CELL)
    colours = _colours(values, panel.limits)
    factor = max(1, _CELL // max(values.shape))
    return shrink(colours.repeat(factor, axis=0).repeat(factor, axis=1), _CELL, _CELL)


def _colours(values: Values, limits: tuple[float, float] | None) -> Pixels:
    """Colours of H×W values, H×W×3: grey between limits, else blue below 0, white at 0, red above."""
    there = np.isfinite(values)
    known = np.where(there, values, 0)
    if limits is not None:
        grey = 255 * np.clip((known - limits[0]) / (limits[1] - limits[0]), 0, 1)
        colours = grey[..., None].repeat(3, axis=2)
    else:
        reach = float(np.abs(known).max()) or 1.0
        strength = (np.abs(known) / reach)[..., None]
        colours = _WHITE + strength * (np.where(known[..., None] < 0, _BLUE, _RED) - np.array(_WHITE))
    return np.where(there[..., None], np.rint(colours), _NOT_A_VALUE).astype(np.uint8)


def _caption(panel: Panel) -> str:
    known = panel.values[np.isfinite(panel.values)]
    if panel.values.ndim == 3 or not known.size:
        return panel.title
    return f"{panel.title}, {known.min():.3g} to {known.max():.3g}"


def _layer(weights: Weights, name: str) -> Panel:
    tensor, bias = weights.tensors[f"{name}.weight"], weights.tensors.get(f"{name}.bias")
    shown = name.split(".", 1)[1]
    if tensor.ndim == 4 and tensor.shape[2:] != (1, 1):
        return _kernels(f"{shown}: {len(tensor)} depthwise 3×3", tensor[:, 0], _inputs_of(name, len(tensor)), bias)
    matrix: Values = tensor.reshape(len(tensor), -1)
    title = f"{shown}: {matrix.shape[1]} → {matrix.shape[0]}"
    inputs, outputs = _inputs_of(name, matrix.shape[1]), _outputs_of(weights, name, matrix.shape[0])
    if bias is not None:
        matrix, inputs = np.column_stack([matrix, bias]), [*inputs, "bias"]
    return Panel(title, matrix, (*_labels("columns", inputs), *_labels("rows", outputs)))


def _kernels(title: str, kernels: Values, names: Sequence[str], bias: Values | None) -> Panel:
    """3×3 kernels side by side in a nearly square grid, one cell apart."""
    across = math.ceil(math.sqrt(len(kernels)))
    tiled = np.full((4 * math.ceil(len(kernels) / across) - 1, 4 * across - 1), np.nan)
    for i, kernel in enumerate(kernels):
        row, column = 4 * (i // across), 4 * (i % across)
        tiled[row : row + 3, column : column + 3] = kernel
    labels = names if bias is None else [f"{name}, bias {b:.2g}" for name, b in zip(names, bias, strict=True)]
    return Panel(title, tiled, _labels("kernels", labels))


def _labels(kind: str, names: Sequence[str]) -> tuple[str, ...]:
    """Names after what they name; numbers, which are all but perhaps the last, as a range."""
    numbers = [name for name in names if name.isdecimal()]
    shown = [f"0 to {len(numbers) - 1}", *names[len(numbers) :]] if numbers else names
    return (f"{kind}:", *shown)


def _inputs_of(layer: str, count: int) -> list[str]:
    """What a layer's inputs are: the pictures' channels where there are six of them, else numbers."""
    if layer.endswith(".summary"):
        return [f"{kind} {i}" for kind in ("mean", "largest") for i in range(count // 2)]
    sees_pictures = layer.startswith("filtering.") or layer == "combining.layers.0"
    return list(INPUTS) if count == len(INPUTS) and sees_pictures else [str(i) for i in range(count)]


def _outputs_of(weights: Weights, layer: str, count: int) -> list[str]:
    last = max(name for name in weights.tensors if name.startswith("combining.layers.")).rsplit(".", 1)[0]
    if isinstance(weights.config, ContextConfig):
        if layer == "filtering.head":
            return context_names(weights.config)
        if layer == last:
            return list(OUTPUTS[:count])
    elif layer in (last, "filtering.mix"):
        return ["R", "G", "B"]
    return [str(i) for i in range(count)]


def context_names(config: ContextConfig) -> list[str]:
    """What each channel of a context model's context is added to."""
    return [f"hidden {i}" for i in range(config.hidden[0])] + list(OUTPUTS[: config.outputs])


def _context_sheets(
    name: str, model: ContextModel, pair: tuple[Tensor, Tensor], pictures: list[Panel]
) -> dict[str, Sheet]:
    grid, strength = model.context(model.thumbnail(*pair))
    context = F.interpolate(grid, size=pair[0].shape[-2:], mode="bilinear", align_corners=False)
    answer = model.combining.answer(*pair, context)
    channels = [_map(f"added to {what}", grid[:, i]) for i, what in enumerate(context_names(model.config))]
    rows, columns = grid.shape[-2:]
    return {
        "context.png": (f"{name}: the context, {len(channels)} channels of {columns}×{rows} cells", channels),
        "maps.png": (
            f"{name}: how the pictures are joined (gains and offset count {strength.item():.0%})",
            pictures + adjustment_maps(answer, strength),
        ),
    }


def _map(title: str, values: Tensor, limits: tuple[float, float] | None = None) -> Panel:
    """The panel of 1×H×W or 1×1×H×W values."""
    return Panel(title, values.reshape(values.shape[-2:]).numpy(), limits=limits)


def _tensor(picture: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
