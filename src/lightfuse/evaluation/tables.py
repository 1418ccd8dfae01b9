"""A table of scores: scenes × methods × measures, with means and their uncertainty."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Two-sided 95 % points of Student's t for 1 to 10 degrees of freedom.
_T_95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)
_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Mean:
    """A mean over scenes with its 95 % confidence interval (Student's t over scenes)."""

    value: float
    """The mean; NaN where there is no score, infinite where a score is."""

    half_width: float
    """The interval is value ± half_width; NaN with fewer than two scores, or where one is infinite."""

    scenes: int
    """How many scenes the mean is over."""

    def __str__(self) -> str:
        return _number(self.value) if math.isnan(self.half_width) else f"{_number(self.value)} ± {self.half_width:.2g}"


class ScoreTable:
    """Scores of methods on scenes. Methods, scenes and measures keep the order in which they were first added."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], dict[str, float]] = {}
        self._measures: dict[str, None] = {}

    @property
    def methods(self) -> list[str]:
        """Names of the methods."""
        return list(dict.fromkeys(method for _, method in self._rows))

    @property
    def measures(self) -> list[str]:
        """Names of the measures."""
        return list(self._measures)

    def add(self, scene: str, method: str, scores: Mapping[str, float]) -> None:
        """Enter a method's scores on a scene, by measure; a measure entered before for both is replaced."""
        self._rows.setdefault((scene, method), {}).update({name: float(score) for name, score in scores.items()})
        self._measures.update(dict.fromkeys(scores))

    def mean(self, method: str, measure: str) -> Mean:
        """Return the mean of a measure over the scenes on which the method has it; NaN scores are left out."""
        found = [row.get(measure, math.nan) for (_, name), row in self._rows.items() if name == method]
        return _mean([score for score in found if not math.isnan(score)])

    def to_markdown(self, *, per_scene: bool = False) -> str:
        """Return a Markdown table of the means, a row a method; with `per_scene`, first a row a scene and method."""
        heading = ["method", *self.measures]
        means = [[method, *(str(self.mean(method, measure)) for measure in self.measures)] for method in self.methods]
        if not per_scene:
            return _markdown(heading, means)
        scenes = [
            [scene, method, *(_number(row.get(measure, math.nan)) for measure in self.measures)]
            for (scene, method), row in self._rows.items()
        ]
        return _markdown(["scene", *heading], scenes + [["**mean**", *row] for row in means])

    def to_csv(self) -> str:
        """Return every score as CSV, a row a scene and method, at full precision; a missing score is left empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["scene", "method", *self.measures])
        for (scene, method), row in self._rows.items():
            writer.writerow([scene, method, *(row.get(measure, "") for measure in self.measures)])
        return text.getvalue()


def _mean(scores: list[float]) -> Mean:
    if not scores:
        return Mean(math.nan, math.nan, 0)
    value = math.fsum(scores) / len(scores) if all(map(math.isfinite, scores)) else float(np.mean(scores))
    if len(scores) < 2 or not math.isfinite(value):
        return Mean(value, math.nan, len(scores))
    standard_error = float(np.std(scores, ddof=1)) / math.sqrt(len(scores))
    return Mean(value, _t_95(len(scores) - 1) * standard_error, len(scores))


def _t_95(degrees: int) -> float:
    """Two-sided 95 % point of Student's t: tabled, then Abramowitz and Stegun, 26.7.5 (four digits or better)."""
    if degrees <= len(_T_95):
        return _T_95[degrees - 1]
    z = _NORMAL_95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / degrees + second / degrees**2 + third / degrees**3


def _number(score: float) -> str:
    return "–" if math.isnan(score) else f"{score:.4g}"


def _markdown(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
