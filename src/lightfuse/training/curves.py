"""A run's curves as a picture: loss, validation measures and learning rate over the steps, from its ``log.csv``."""

import csv
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lightfuse.errors import OutputError

Points = list[tuple[float, float]]
"""(step, value), both finite, in the order of the steps."""

_HIGHER_IS_BETTER = ("psnr", "ssim", "score")  # endings of columns
_LINE, _RAW, _BEST = "#1f5fa8", "#b8cbe2", "#c8401e"
_PANEL_INCHES = (5.2, 3.0)
_DPI = 110
_SMOOTHED_POINTS = 50  # a loss of more points is smoothed to about as many


def draw_curves(log: Path, picture: Path) -> None:
    """Draw every column of a run's log over its column ``step`` into a PNG file, replacing an older one.

    The log is CSV with a heading. Cells that are empty or no number are left out, as is a column without numbers; a
    log that does not exist or holds none yet gives a picture that says so. A panel a column: a long loss with its
    running mean in front, a validation measure with its best value marked.

    Raises:
        OutputError: the picture cannot be written.
    """
    curves = read_curves(log)
    rows = max(1, math.ceil(len(curves) / 3))
    columns = max(1, math.ceil(len(curves) / rows))
    figure = Figure(figsize=(columns * _PANEL_INCHES[0], rows * _PANEL_INCHES[1]), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for panel, (name, points) in zip(panels, curves.items(), strict=False):
        _draw(panel, name, points)
    for panel in list(figure.axes)[len(curves) :]:
        panel.set_axis_off()
    if not curves:
        figure.suptitle("nothing is logged yet")
    _save(figure, picture)


def read_curves(log: Path) -> dict[str, Points]:
    """The columns of a log that hold numbers, each against ``step``; {} where there is no such file or no steps."""
    if not log.is_file():
        return {}
    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name not in (None, "step")]
    curves = {name: _points((row.get("step"), row.get(name)) for row in rows) for name in names}
    return {name: points for name, points in curves.items() if points}


def _points(cells: Iterable[tuple[str | None, str | None]]) -> Points:
    numbers = [(_number(step), _number(value)) for step, value in cells]
    return sorted((step, value) for step, value in numbers if math.isfinite(step) and math.isfinite(value))


def _number(cell: str | None) -> float:
    """NaN where the cell is empty, cut short or no number."""
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def _draw(panel: Axes, name: str, points: Points) -> None:
    steps, values = zip(*points, strict=True)
    title = f"{name.removeprefix('validation_').replace('_', ' ')} {values[-1]:.4g}"
    if name.startswith("validation_"):
        panel.plot(steps, values, color=_LINE, linewidth=1.4, marker=".")
        step, best = (max if name.endswith(_HIGHER_IS_BETTER) else min)(points, key=lambda point: point[1])
        panel.plot([step], [best], color=_BEST, marker="o", markersize=6)
        title = f"validation: {title}, best {best:.4g} at step {step:,.0f}"
    elif "loss" in name and len(values) > _SMOOTHED_POINTS:
        panel.plot(steps, values, color=_RAW, linewidth=1)
        panel.plot(steps, _running_mean(values), color=_LINE, linewidth=1.8)
    else:
        panel.plot(steps, values, color=_LINE, linewidth=1.4)
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_xlabel("step", fontsize=8)
    panel.set_xlim(left=min(0, steps[0]))
    panel.tick_params(labelsize=8)
    panel.grid(color="#e4e4e4", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)


def _running_mean(values: Sequence[float]) -> NDArray[np.float64]:
    """Means around each value, of fewer values towards the ends."""
    reach = len(values) // _SMOOTHED_POINTS // 2 + 1
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    first, behind = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
    means: NDArray[np.float64] = (sums[behind] - sums[first]) / (behind - first)
    return means


def _save(figure: Figure, picture: Path) -> None:
    part = picture.with_name(picture.name + ".part")
    try:
        figure.savefig(part, format="png", dpi=_DPI)
        os.replace(part, picture)
    except OSError as error:
        raise OutputError(f"cannot write {str(picture)!r}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
