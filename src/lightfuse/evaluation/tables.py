"""A table of scores: scenes × methods × measures, with means, their uncertainty, and the worst scenes."""

import csv
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mean:
    """A mean over scenes with its 95 % confidence interval, value ± half_width (Student's t).

    The mean of no score is NaN; the half-width is NaN with fewer than two scores, or where one is infinite.
    """

    value: float
    half_width: float

    def __str__(self) -> str:
        return _number(self.value) if math.isnan(self.half_width) else f"{_number(self.value)} ± {self.half_width:.2g}"


class ScoreTable:
    """Scores of methods on scenes. Methods and scenes keep the order in which they were first added.

    ``badness`` has every measure, in the order of columns, and a function of its scores that is the larger the worse.
    """

    def __init__(self, badness: Mapping[str, Callable[[float], float]]) -> None:
        self._badness = badness
        self._rows: dict[tuple[str, str], dict[str, float]] = {}

    @property
    def methods(self) -> list[str]:
        """Names of the methods."""
        return list(dict.fromkeys(method for _, method in self._rows))

    @property
    def measures(self) -> list[str]:
        """Names of the measures that were entered."""
        return [name for name in self._badness if any(name in row for row in self._rows.values())]

    def add(self, scene: str, method: str, scores: Mapping[str, float]) -> None:
        """Enter a method's scores on a scene, by measure; a measure entered before for both is replaced."""
        self._rows.setdefault((scene, method), {}).update({name: float(score) for name, score in scores.items()})

    def mean(self, method: str, measure: str) -> Mean:
        """Return the mean of a measure over the scenes on which the method has it; NaN scores are left out."""
        scores = list(self._scores(method, measure).values())
        if len(scores) < 2 or not all(map(math.isfinite, scores)):
            return Mean(sum(scores) / len(scores) if scores else math.nan, math.nan)
        value = math.fsum(scores) / len(scores)
        standard_error = float(np.std(scores, ddof=1)) / math.sqrt(len(scores))
        return Mean(value, _t_95(len(scores) - 1) * standard_error)

    def worst(self, method: str, measure: str) -> tuple[str, float] | None:
        """Return the scene with a method's worst score, and the score; None without a score."""
        scores = self._scores(method, measure)
        return max(scores.items(), key=lambda item: self._badness[measure](item[1]), default=None)

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
        """Return a Markdown table: a row per scene and method, then means and worst scores."""

        def worst_cell(method: str, measure: str) -> str:
            worst = self.worst(method, measure)
            return "–" if worst is None else f"{_number(worst[1])} ({worst[0]})"

        rows = [
            [scene, method, *(_number(row.get(measure, math.nan)) for measure in self.measures)]
            for (scene, method), row in self._rows.items()
        ]
        rows += [["**mean**", method, *(str(self.mean(method, m)) for m in self.measures)] for method in self.methods]
        rows += [["**worst**", method, *(worst_cell(method, m) for m in self.measures)] for method in self.methods]
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


def _t_95(degrees: int) -> float:
    """Two-sided 95 % point of Student's t: with t = √n·tan θ its density is that of cos(θ)^(n−1) on (−π/2, π/2)."""
    angle = np.linspace(0, math.pi / 2, 20_001)
    density = np.cos(angle) ** (degrees - 1)
    area = np.cumsum(density) - (density + density[0]) / 2  # by the trapezoidal rule
    return math.sqrt(degrees) * math.tan(np.interp(0.95 * area[-1], area, angle))


def _number(score: float) -> str:
    return "–" if math.isnan(score) else f"{score:.4g}"


def markdown_table(heading: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
