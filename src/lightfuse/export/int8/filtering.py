"""FilteringNet as one story for two kinds of numbers: floats, to learn their ranges, and whole ones, as C counts."""

from abc import ABC, abstractmethod

from lightfuse.export.int8.planes import Planes, sixteenfold_doubled, sums_of_four
from lightfuse.models import ContextConfig


class Filtering(ABC):
    """From a thumbnail to the context grid; how numbers are multiplied, added and divided is the subclass's."""

    def __init__(self, config: ContextConfig) -> None:
        self.config = config

    def context(self, thumbnail: Planes) -> Planes:
        """6×h×w, 0 in the middle of the range, to ``context_channels``×h×w."""
        levels = [thumbnail, self._separable(thumbnail, "first_dw", "first_pw", 2)]
        for level in range(self.config.levels - 1):
            block = f"down.{self.block(level)}"
            answer = self._separable(levels[-1], f"{block}.dw", f"{block}.pw", 2)
            levels.append(self.added(answer, self.divided(sums_of_four(levels[-1]), 4)))
        x = self.added(levels[-1], self._summary(levels[-1]))
        for level in reversed(range(self.config.levels)):
            beside = levels[level] if level else self.pointwise("stem", thumbnail, relu=True)
            x = self.added(self.divided(sixteenfold_doubled(x), 16), beside)
            block = f"up.{self.block(level)}"
            x = self.added(x, self._separable(x, f"{block}.dw", f"{block}.pw", 1))
        return self.pointwise("head", x, relu=False)

    def block(self, level: int) -> int:
        """Which block works on a level: all the same where levels share."""
        return 0 if self.config.shared else level

    def _separable(self, x: Planes, depthwise: str, pointwise: str, stride: int) -> Planes:
        return self.pointwise(pointwise, self.depthwise(depthwise, x, stride), relu=True)

    def _summary(self, coarsest: Planes) -> Planes:
        """What means and maxima of the channels say together, C×1×1."""
        cells = coarsest.shape[1] * coarsest.shape[2]
        return self.summary(self.divided(coarsest.sum(axis=(1, 2)), cells), coarsest.max(axis=(1, 2)))[:, None, None]

    @abstractmethod
    def depthwise(self, name: str, x: Planes, stride: int) -> Planes:
        """A 3×3 depthwise layer by its name in the weights, edges repeated."""

    @abstractmethod
    def pointwise(self, name: str, x: Planes, *, relu: bool) -> Planes:
        """A pointwise layer by its name in the weights."""

    @abstractmethod
    def summary(self, means: Planes, maxima: Planes) -> Planes:
        """The summary layer on a mean and a maximum for each channel."""

    @abstractmethod
    def added(self, x: Planes, y: Planes) -> Planes:
        """A sum that is kept."""

    @abstractmethod
    def divided(self, total: Planes, by: int) -> Planes:
        """A mean from a sum."""
