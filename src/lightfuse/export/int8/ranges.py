"""How large every number of a model becomes on sample pictures: what whole numbers must have room for."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lightfuse.export.int8.filtering import Filtering
from lightfuse.export.int8.planes import Planes, cell_edges, cell_sums, neighbourhoods
from lightfuse.models import ContextConfig, Weights

Ranges = dict[str, NDArray[np.float64]]
"""The largest magnitude of each channel, by the name of the layer that makes it; ``stream``: what levels hold."""

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def measured_ranges(weights: Weights, pairs: Iterable[Pair]) -> Ranges:
    """The ranges met when the context model fuses pairs of 8-bit pictures, under first."""
    assert isinstance(weights.config, ContextConfig)
    measuring = _Measuring(weights, weights.config)
    for under, over in pairs:
        measuring.pair(under, over)
    return measuring.ranges


class _Measuring(Filtering):
    """The model in floats, noting magnitudes."""

    def __init__(self, weights: Weights, config: ContextConfig) -> None:
        super().__init__(config)
        self._tensors = {name: tensor.astype(np.float64) for name, tensor in weights.tensors.items()}
        self.ranges: Ranges = {}

    def pair(self, under: NDArray[np.uint8], over: NDArray[np.uint8]) -> None:
        """Fuse as far as CombiningNet's answers."""
        height, width = under.shape[:2]
        rows, columns = self.config.thumbnail_size(height, width)
        sums, pixels = zip(*(cell_sums(picture, rows, columns) for picture in (under, over)), strict=True)
        grid = self.context(np.concatenate(sums) / (pixels[0] * 255.0) - 0.5)
        pixels_of_both = np.concatenate([under, over], axis=2).transpose(2, 0, 1) / 255.0
        # The context of the cell a pixel lies in: near enough for a range.
        y, x = (_cell_of_pixels(*sides) for sides in ((height, rows), (width, columns)))
        self._answer(pixels_of_both, grid[:, y][:, :, x])

    def _answer(self, pixels: Planes, context: Planes) -> None:
        hidden, last = self.config.hidden, len(self.config.hidden)
        x = np.maximum(self._mixed("combining.layers.0", pixels) + context[: hidden[0]], 0)
        self._note("combining.layers.0", x)
        for i in range(1, last):
            x = np.maximum(self._mixed(f"combining.layers.{i}", x), 0)
            self._note(f"combining.layers.{i}", x)
        self._note(f"combining.layers.{last}", self._mixed(f"combining.layers.{last}", x) + context[hidden[0] :])

    def depthwise(self, name: str, x: Planes, stride: int) -> Planes:
        weights = self._tensors[f"filtering.{name}.weight"].reshape(-1, 9)
        return self._note(name, np.einsum("chwk,ck->chw", neighbourhoods(x, stride), weights))

    def pointwise(self, name: str, x: Planes, *, relu: bool) -> Planes:
        mixed = self._mixed(f"filtering.{name}", x)
        return self._note(name if name == "head" else "stream", np.maximum(mixed, 0) if relu else mixed)

    def summary(self, means: Planes, maxima: Planes) -> Planes:
        both = np.concatenate([means, maxima])
        answer: Planes = self._tensors["filtering.summary.weight"] @ both + self._tensors["filtering.summary.bias"]
        return answer

    def added(self, x: Planes, y: Planes) -> Planes:
        return self._note("stream", x + y)

    def divided(self, total: Planes, by: int) -> Planes:
        mean: Planes = total / by
        return mean

    def _mixed(self, name: str, x: Planes) -> Planes:
        weight = self._tensors[f"{name}.weight"]
        mixed = np.tensordot(weight.reshape(weight.shape[:2]), x, 1)
        return mixed + self._tensors.get(f"{name}.bias", np.zeros(len(mixed)))[:, None, None]

    def _note(self, name: str, x: Planes) -> Planes:
        largest = np.abs(x).max(axis=(1, 2))
        self.ranges[name] = np.maximum(self.ranges.get(name, largest), largest)
        return x


def _cell_of_pixels(side: int, cells: int) -> NDArray[np.int64]:
    starts, _ = cell_edges(side, cells)
    return np.searchsorted(starts, np.arange(side), side="right") - 1
