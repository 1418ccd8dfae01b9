"""A table of scores: scenes × methods × measures, with means and their uncertainty."""

import csv
import io
import math
from collections.abc import Callable, Mapping
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
    """Scores of methods on scenes. Methods and scenes keep the order in which they were first added.

    Args:
        badness: by measure, a function of a score that is the larger the worse it is. Measures are in its order, then
            in that in which they were first added; those it lacks have no worst scene.
    """

    def __init__(self, badness: Mapping[str, Callable[[float], float]] | None = None) -> None:
        self._badness = dict(badness or {})
        self._rows: dict[tuple[str, str], dict[str, float]] = {}
        self._measures: dict[str, None] = {}

    @property
    def methods(self) -> list[str]:
        """Names of the methods."""
        return list(dict.fromkeys(method for _, method in self._rows))

    @property
    def measures(self) -> list[str]:
        """Names of the measures that were entered."""
        return [name for name in self._badness if name in self._measures] + [
            name for name in self._measures if name not in self._badness
        ]

    def add(self, scene: str, method: str, scores: Mapping[str, float]) -> None:
        """Enter a method's scores on a scene, by measure; a measure entered before for both is replaced."""
        self._rows.setdefault((scene, method), {}).update({name: float(score) for name, score in scores.items()})
        self._measures.update(dict.fromkeys(scores))

    def mean(self, method: str, measure: str) -> Mean:
        """Return the mean of a measure over the scenes on which the method has it; NaN scores are left out."""
        return _mean(list(self._scores(method, measure).values()))

    def worst(self, method: str, measure: str) -> tuple[str, float] | None:
        """Return the scene with a method's worst score, and the score; None without a score or a badness."""
        scores = self._scores(method, measure)
        if measure not in self._badness or not scores:
            return None
        return max(scores.items(), key=lambda item: self._badness[measure](item[1]))

    def scenes_above(self, method: str, measure: str, limit: float) -> list[str]:
        """Return the scenes on which a method's score of a measure is above a limit, the highest score first."""
        scores = self._scores(method, measure)
        return sorted((scene for scene in scores if scores[scene] > limit), key=lambda scene: -scores[scene])

    def worst_scenes(self, method: str, count: int = 10) -> list[str]:
        """Return the scenes on which a method is worst, worst first: by their mean rank over all measures.

        A rank is the fraction of the scenes with a better score of that measure; ties share the mean of theirs.
        """
        ranks: dict[str, list[float]] = {}
        for measure, badness in self._badness.items():
            bad = {scene: badness(score) for scene, score in self._scores(method, measure).items()}
            for scene, own in bad.items():
                better = sum(other < own for other in bad.values()) + sum(other == own for other in bad.values()) / 2
                ranks.setdefault(scene, []).append(better / len(bad))
        return sorted(ranks, key=lambda scene: -math.fsum(ranks[scene]) / len(ranks[scene]))[:count]

    def to_markdown(self) -> str:
        """Return a Markdown table: a row per scene and method, then means and, where badness is known, worst scores."""
        rows = [
            [scene, method, *(_number(row.get(measure, math.nan)) for measure in self.measures)]
            for (scene, method), row in self._rows.items()
        ]
        cells: dict[str, Callable[[str, str], str]] = {"mean": lambda method, measure: str(self.mean(method, measure))}
        if self._badness:
            cells["worst"] = self._worst_cell
        for name, cell in cells.items():
            rows += [[f"**{name}**", method, *(cell(method, m) for m in self.measures)] for method in self.methods]
        return markdown_table(["scene", "method", *self.measures], rows)

    def to_csv(self) -> str:
        """Return every score as CSV, a row a scene and method, at full precision; a missing score is left empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["scene", "method", *self.measures])
        for (scene, method), row in self._rows.items():
            writer.writerow([scene, method, *(row.get(measure, "") for measure in self.measures)])
        return text.getvalue()

    def _scores(self, method: str, measure: str) -> dict[str, float]:
        """A method's scores of a measure by scene, without NaN."""
        found = {scene: row.get(measure, math.nan) for (scene, name), row in self._rows.items() if name == method}
        return {scene: score for scene, score in found.items() if not math.isnan(score)}

    def _worst_cell(self, method: str, measure: str) -> str:
        worst = self.worst(method, measure)
        return "–" if worst is None else f"{_number(worst[1])} ({worst[0]})"


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


def markdown_table(heading: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
