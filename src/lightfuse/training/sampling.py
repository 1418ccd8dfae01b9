"""Samples for context models: the thumbnail of a scene, a crop of it at a random scale, and the crop's position.

At inference a model sees a thumbnail of the whole picture. In training a 3:2 window of a scene takes the place of the
picture; a sample has its thumbnail and one crop of it, as if the picture had been shrunk before. Every sample depends
on the seed, the step and the sample's number only.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightfuse.models import ContextConfig
from lightfuse.models.context import WINDOW
from lightfuse.training.augmentation import augmented, with_border
from lightfuse.training.objective import ProcessGroup
from lightfuse.training.prepare import Dataset, Scene, open_scene
from lightfuse.training.settings import TrainSettings

cv2.setNumThreads(1)  # Samples are small, and torch needs the threads.

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[tuple[int, int], tuple[int, int]]  # first row and their number, first column and their number
_ASPECT = 1.5
_SMALLEST_WINDOW = 0.55  # of the scene's
_OVERVIEW_LONG_SIDE = 384  # scenes are kept in memory at about this size, at least twice that of thumbnails
_MARGIN = 3  # thumbnail cells around a crop that are decoded with it


class Sample(NamedTuple):
    """One sample, pictures in [0, 1], planes first; in a batch of N, every attribute has N in front of its shape.

    Attributes:
        thumbnail: 6×h×w, under and over.
        crop: 12×P×P, under, over, the reference and, where that is a soft one, the best colours, else zeros.
        rows, columns: P×cells, the weights of bilinear interpolation from context cells to the crop's pixels.
        window: row and column of the part of the thumbnail to decode, a `WINDOW` wide where the thumbnail is.
        labelled: whether it has a given reference.
    """

    thumbnail: Tensor
    crop: Tensor
    rows: Tensor
    columns: Tensor
    window: Tensor
    labelled: Tensor


class ContextSampler:
    """Draws samples from the training scenes that have a given reference, or from those that have none."""

    def __init__(self, dataset: Dataset, settings: TrainSettings, group: ProcessGroup, *, labelled: bool) -> None:
        assert isinstance(settings.config, ContextConfig)
        self._settings, self._group = settings, group
        self._labelled = labelled
        self._batch = settings.batch if labelled else settings.batch_unlabelled
        self._cells = settings.config.thumbnail_size(2 * 512, 3 * 512)
        self._min_width = smallest_width(settings.patch, self._cells[1])
        scenes = [scene for scene in dataset.split("train") if scene.has_reference == labelled and self._batch]
        self._scenes = [_Landscape(dataset, scene) for scene in scenes]
        self._scenes = [scene for scene in self._scenes if scene.full_width >= self._min_width]

    def __len__(self) -> int:
        """The number of scenes that are drawn from."""
        return len(self._scenes)

    def samples(self, step: int) -> list[Sample]:
        """Return this process's samples of a step; every scene is used before any is used again."""
        if not self._scenes:
            return []
        start = step * self._batch * self._group.size
        return [self._sample(step, number, start + number) for number in self._group.rank_slice(self._batch)]

    def _sample(self, step: int, number: int, drawn: int) -> Sample:
        settings, seed = self._settings, [self._settings.seed, int(self._labelled)]
        epoch, index = divmod(drawn, len(self._scenes))
        order = np.random.default_rng([*seed, 0, epoch]).permutation(len(self._scenes))
        random = np.random.default_rng([*seed, 1, step, number])
        scene = self._scenes[order[index]]
        pair = choose_pair(scene.exposures, settings.near_pairs, random, any_two=not self._labelled)
        window, crop = self._place(scene, random)
        flips = tuple(random.random(2) < (0.2, 0.5)) if settings.flips else (False, False)
        thumbnail = np.concatenate([scene.thumbnail(index, window, self._cells) for index in pair], axis=2)
        pixels = np.concatenate([scene.cut(i, crop, settings.patch) for i in (*pair, *scene.references)], axis=2)
        flipped = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
        thumb, planes = augmented(thumbnail[flipped], pixels[flipped], settings, random, labelled=self._labelled)
        places = [
            ((size - (start - first) - side if flip else start - first) / size, side / size)
            for (first, size), (start, side), flip in zip(window, crop, flips, strict=True)
        ]
        if random.random() < settings.border:
            places = with_border(thumb, planes, places, random)
        (row, rows), (column, columns) = (
            interpolation(*place, settings.patch, cells) for place, cells in zip(places, self._cells, strict=True)
        )
        arrays = (torch.from_numpy(array) for array in (thumb, planes, rows, columns))
        facts = (torch.tensor(fact) for fact in ((row, column), self._labelled))
        return Sample(*arrays, *facts)

    def _place(self, scene: "_Landscape", random: np.random.Generator) -> tuple[Box, Box]:
        """Choose the window that takes the place of a picture, and the square within it that the crop shows."""
        settings, unit = self._settings, scene.unit
        fraction = 1.0
        if random.random() < settings.zoom:
            fraction = max(random.uniform(_SMALLEST_WINDOW, 1), min(1.0, self._min_width / scene.full_width))
        width = int(scene.full_width * fraction / unit)
        height = int(width / _ASPECT)
        top = int(random.integers(scene.height // unit - height + 1))
        left = int(random.integers(scene.width // unit - width + 1))

        shrink = max(1.0, width * unit / self._min_width)
        chance = settings.shrink_labelled if self._labelled else settings.shrink
        shrink = shrink ** random.random() if random.random() < chance else 1.0
        side = min(round(settings.patch * shrink), height * unit)
        y, x = (int(random.integers(extent * unit - side + 1)) for extent in (height, width))
        window = (top * unit, height * unit), (left * unit, width * unit)
        return window, ((top * unit + y, side), (left * unit + x, side))


def smallest_width(patch: int, cells: int) -> int:
    """Return the smallest width of a picture whose crop, with its margin, fits the decoded part of the thumbnail."""
    return max(int(np.ceil(patch * _ASPECT)) + 1, int(np.ceil(patch * cells / (WINDOW - 2 * _MARGIN - 5))))


def interpolation(start: float, extent: float, pixels: int, cells: int) -> tuple[int, Floats]:
    """First cell and pixels×cells bilinear weights (half-pixel centres, edges repeated) along one axis.

    ``start`` and ``extent`` place the pixels in the picture, as fractions of its side of ``cells`` thumbnail cells.
    """
    centres = (start + extent * (np.arange(pixels) + 0.5) / pixels) * cells - 0.5
    count = min(cells, WINDOW)
    first = min(max((int(centres[0]) - _MARGIN) // 2 * 2, 0), cells - count)
    distance = np.clip(centres - first, 0, count - 1)[:, None] - np.arange(count)
    return first, np.maximum(0, 1 - np.abs(distance)).astype(np.float32)


def choose_pair(exposures: int, near_pairs: float, random: np.random.Generator, *, any_two: bool) -> tuple[int, int]:
    """Choose indices of an under and an over exposure: the extremes, or with probability ``near_pairs`` others.

    Others are any two, or one of the darkest and one of the brightest third.
    """
    if random.random() >= near_pairs:
        return 0, exposures - 1
    if any_two:
        under, over = sorted(random.choice(exposures, 2, replace=False).tolist())
        return under, over
    third = (exposures - 1) // 3
    return int(random.integers(third + 1)), exposures - 1 - int(random.integers(third + 1))


class _Landscape:
    """A scene's pictures in landscape orientation, on disk, and small overviews of them in memory."""

    def __init__(self, dataset: Dataset, scene: Scene) -> None:
        pictures = open_scene(dataset, scene)
        self._pictures = pictures if scene.width >= scene.height else pictures.transpose(0, 2, 1, 3)
        self.height, self.width = self._pictures.shape[1:3]
        self.exposures = len(scene.exposures)
        self.references = [-1] if scene.has_reference else [-1, -2]  # reference, best colours
        self.full_width = int(min(self.width, self.height * _ASPECT))
        self.unit = max(1, self.full_width // _OVERVIEW_LONG_SIDE)
        self._overviews: dict[int, Pixels] = {}

    def thumbnail(self, index: int, window: Box, cells: tuple[int, int]) -> Pixels:
        """A window, its place and size multiples of ``unit``, area-averaged to (rows, columns)."""
        if index not in self._overviews:
            rows, columns = self.height // self.unit, self.width // self.unit
            whole = (0, rows * self.unit), (0, columns * self.unit)
            self._overviews[index] = _cut(self._pictures[index], whole, (rows, columns))
        (top, height), (left, width) = ((start // self.unit, extent // self.unit) for start, extent in window)
        return _cut(self._overviews[index], ((top, height), (left, width)), cells)

    def cut(self, index: int, box: Box, side: int) -> Pixels:
        """A square of the picture, area-averaged to ``side`` pixels."""
        return _cut(self._pictures[index], box, (side, side))


def _cut(picture: Pixels, box: Box, size: tuple[int, int]) -> Pixels:
    """A part of a picture, area-averaged to (rows, columns)."""
    (top, height), (left, width) = box
    part = np.ascontiguousarray(picture[top : top + height, left : left + width])
    if part.shape[:2] == size:
        return part
    resized: Pixels = cv2.resize(part, size[::-1], interpolation=cv2.INTER_AREA)
    return resized
