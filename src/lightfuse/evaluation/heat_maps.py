"""Numbers made visible: heat maps with titles, ranges and colour bars, and pictures among them, on one sheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

_DPI = 110
_NOTHING = "#e8e8e8"  # where there is no value
_MOST_WRITTEN = 10  # rows or columns of a matrix up to which its values are written into it
_MOST_LABELS = 40  # along a side


@dataclass(frozen=True)
class HeatMap:
    """One panel.

    Attributes:
        title: what it shows; the range of values is added.
        values: H×W numbers, NaN where nothing is to be seen.
        signed: show negative values blue and positive ones red, 0 white where both are there; otherwise dark to light.
        limits: values of the darkest and the lightest colour of an unsigned map; None takes those that are there.
        rows, columns: labels along the sides; with labels, a small matrix has its values written in.
        notes: (row, column, text) written at places.
    """

    title: str
    values: Values
    signed: bool = True
    limits: tuple[float, float] | None = None
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    notes: Sequence[tuple[float, float, str]] = ()


@dataclass(frozen=True)
class Photograph:
    """A panel with a picture: RGB, H×W×3, in [0, 1]."""

    title: str
    pixels: Values


Panel = HeatMap | Photograph


def draw_sheet(title: str, panels: Sequence[Panel], columns: int, panel: tuple[float, float]) -> bytes:
    """All panels in rows of ``columns`` under one title, each ``panel`` inches (width, height), as a PNG file."""
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(columns * panel[0], rows * panel[1] + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=13, x=0.01, ha="left")
    places: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for place, shown in zip(places, panels, strict=False):
        if isinstance(shown, Photograph):
            place.imshow(np.clip(shown.pixels, 0, 1))
            place.set_axis_off()
            place.set_title(shown.title, fontsize=10)
        else:
            _draw(figure, place, shown)
    for place in places[len(panels) :]:
        place.set_axis_off()
    file = BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()


def value_range(values: Values) -> tuple[float, float]:
    """The smallest and the largest of the values that are there; (0, 0) where none is."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _draw(figure: Figure, place: Axes, shown: HeatMap) -> None:
    lowest, highest = value_range(shown.values)
    colours, low, high = _colouring(shown, lowest, highest)
    image = place.imshow(
        shown.values, cmap=colormaps[colours].with_extremes(bad=_NOTHING), vmin=low, vmax=high, interpolation="nearest"
    )
    place.set_title(f"{shown.title}\n{_short(lowest)} to {_short(highest)}", fontsize=9)
    _label(place, shown)
    slender = max(1.0, shown.values.shape[0] / shown.values.shape[1])  # The bar is as wide beside a narrow map.
    bar = figure.colorbar(image, cax=place.inset_axes((1 + 0.03 * slender, 0, 0.045 * slender, 1)))
    bar.ax.tick_params(labelsize=7)
    for row, column, text in shown.notes:
        place.text(column, row, text, ha="center", va="center", fontsize=6)
    for row, column, text in _written(shown):
        dark = abs(shown.values[row, column]) > 0.6 * high  # Both ends of the diverging colours are dark.
        place.text(column, row, text, ha="center", va="center", fontsize=6, color="white" if dark else "black")


def _colouring(shown: HeatMap, lowest: float, highest: float) -> tuple[str, float, float]:
    """The colour map of a panel, and the values at its two ends."""
    if not shown.signed:
        return ("viridis", *(shown.limits or (lowest, highest)))
    if lowest >= 0 < highest:
        return "Reds", lowest, highest
    if highest <= 0 > lowest:
        return "Blues_r", lowest, highest
    reach = max(-lowest, highest) or 1.0
    return "RdBu_r", -reach, reach


def _label(place: Axes, shown: HeatMap) -> None:
    place.set_xticks(range(len(shown.columns)), shown.columns, rotation=90, fontsize=7)
    place.set_yticks(range(len(shown.rows)), shown.rows, fontsize=7)
    if max(len(shown.rows), len(shown.columns)) > _MOST_LABELS:
        place.set_xticks([])
        place.set_yticks([])
    if not shown.rows and not shown.columns:
        place.set_axis_off()


def _written(shown: HeatMap) -> list[tuple[int, int, str]]:
    rows, columns = shown.values.shape
    if not shown.rows or max(rows, columns) > _MOST_WRITTEN or not shown.signed:
        return []
    return [(i, j, f"{shown.values[i, j]:.2g}") for i in range(rows) for j in range(columns)]


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
