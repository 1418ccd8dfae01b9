"""Samples for context models: the thumbnail of a scene, a crop of it at a random scale, and the crop's position.

At inference a model sees a thumbnail of the whole picture. In training a 3:2 window of a scene takes the place of the
picture; a sample has its thumbnail and one crop of it, as if the picture had been shrunk before. Every sample depends
on the seed, the step and the sample's number only.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lightfuse.models import ContextConfig
from lightfuse.models.context import WINDOW
from lightfuse.training.augmentation import augmented, with_border
from lightfuse.training.distributed import ProcessGroup
from lightfuse.training.prepare import Dataset, Scene, open_scene
from lightfuse.training.settings import TrainSettings

cv2.setNumThreads(1)  # Samples are small, and torch needs the threads.

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_ASPECT = 1.5
_SMALLEST_WINDOW = 0.55  # of the scene's
_OVERVIEW_LONG_SIDE = 384  # scenes are kept in memory at about this size, at least twice that of thumbnails
_MARGIN = 3  # thumbnail cells around a crop that are decoded with it


@dataclass(frozen=True)
class Sample:
    """One sample, all in [0, 1], planes first.

    Attributes:
        thumbnail: 6×h×w, under and over.
        crop: 12×P×P, under, over, the reference and the best colours (zeros where there is none).
        rows, columns: P×cells, the weights of bilinear interpolation from context cells to the crop's pixels.
        window: (row, column) of the part of the thumbnail to decode, a `WINDOW` wide; None for all of it.
        soft: 1 where the reference is a soft one, else 0.
    """

    thumbnail: Floats
    crop: Floats
    rows: Floats
    columns: Floats
    window: tuple[int, int] | None
    soft: float


class ContextSampler:
    """Draws samples from the training scenes that have a given reference, or from those that have none."""

    def __init__(
        self, dataset: Dataset, settings: TrainSettings, config: ContextConfig, group: ProcessGroup, *, labelled: bool
    ) -> None:
        self._settings, self._config, self._group = settings, config, group
        self._labelled = labelled
        self._batch = settings.batch if labelled else settings.batch_unlabelled
        self._cells = config.thumbnail_size(2 * 512, 3 * 512)
        self._windowed = config.context_stride == 1 and min(self._cells) > WINDOW
        self._min_width = smallest_width(settings.patch, self._cells[1], windowed=self._windowed)
        scenes = [scene for scene in dataset.split("train") if scene.has_reference == labelled]
        self._scenes = [_Landscape(dataset, scene) for scene in scenes]
        self._scenes = [scene for scene in self._scenes if scene.full_width >= self._min_width]

    def __len__(self) -> int:
        """The number of scenes."""
        return len(self._scenes)

    def samples(self, step: int) -> list[Sample]:
        """Return this process's samples of a step; every scene is used before any is used again."""
        if not self._scenes:
            return []
        start = step * self._batch * self._group.size
        return [self._sample(step, number, start + number) for number in self._group.rank_slice(self._batch)]

    def _sample(self, step: int, number: int, drawn: int) -> Sample:
        seed = [self._settings.seed, int(self._labelled)]
        epoch, index = divmod(drawn, len(self._scenes))
        order = np.random.default_rng([*seed, 0, epoch]).permutation(len(self._scenes))
        random = np.random.default_rng([*seed, 1, step, number])
        scene = self._scenes[order[index]]
        pair = choose_pair(scene.exposures, self._settings.near_pairs, random, any_two=not self._labelled)
        window, crop = self._place(scene, random)
        flips = tuple(random.random(2) < (0.2, 0.5)) if self._settings.flips else (False, False)
        thumbnail = np.concatenate([scene.thumbnail(index, window, self._cells) for index in pair], axis=2)
        pictures = [*pair, *([-1] if scene.has_any_reference else []), *([-2] if scene.has_colours else [])]
        pixels = np.concatenate([scene.cut(index, crop, self._settings.patch) for index in pictures], axis=2)
        thumbnail, pixels = (_flipped(picture, flips) for picture in (thumbnail, pixels))
        thumb, planes = augmented(thumbnail, pixels, self._settings, random, labelled=self._labelled)
        places = [_relative_place(window, crop, axis, flipped=flips[axis]) for axis in (0, 1)]
        if random.random() < self._settings.border:
            places = with_border(thumb, planes, places, random)
        (row, rows), (column, columns) = (self._axis(place, axis) for axis, place in enumerate(places))
        place = (row, column) if self._windowed else None
        return Sample(thumb, planes, rows, columns, place, soft=float(scene.has_soft_reference))

    def _place(self, scene: "_Landscape", random: np.random.Generator) -> tuple["_Box", "_Box"]:
        """Choose the window that takes the place of a picture, and the square within it that the crop shows."""
        settings, unit = self._settings, scene.unit
        fraction = 1.0
        if random.random() < settings.zoom:
            fraction = max(random.uniform(_SMALLEST_WINDOW, 1), min(1.0, self._min_width / scene.full_width))
        width = int(scene.full_width * fraction / unit)
        height = int(width / _ASPECT)
        top = int(random.integers(scene.height // unit - height + 1))
        left = int(random.integers(scene.width // unit - width + 1))
        window = _Box(top * unit, left * unit, height * unit, width * unit)

        shrink = max(1.0, window.width / self._min_width)
        chance = settings.shrink_labelled if self._labelled else settings.shrink
        shrink = shrink ** random.random() if random.random() < chance else 1.0
        side = min(round(settings.patch * shrink), window.height)
        y, x = int(random.integers(window.height - side + 1)), int(random.integers(window.width - side + 1))
        return window, _Box(window.top + y, window.left + x, side, side)

    def _axis(self, place: tuple[float, float], axis: int) -> tuple[int, Floats]:
        """First thumbnail cell to decode along an axis, and the interpolation weights from there to the crop."""
        return interpolation(
            *place, self._settings.patch, self._cells[axis], self._config.context_stride, windowed=self._windowed
        )


def _relative_place(window: "_Box", crop: "_Box", axis: int, *, flipped: bool) -> tuple[float, float]:
    """Start and extent of a crop along an axis of the window, as fractions of the window's side."""
    size, start, side = (
        (window.height, crop.top - window.top, crop.height),
        (window.width, crop.left - window.left, crop.width),
    )[axis]
    return (size - start - side if flipped else start) / size, side / size


def smallest_width(patch: int, cells: int, *, windowed: bool) -> int:
    """Return the smallest width of a picture whose crop, with its margin, fits the decoded part of the thumbnail."""
    if not windowed:
        return int(np.ceil(patch * _ASPECT)) + 1
    return int(np.ceil(patch * cells / (WINDOW - 2 * _MARGIN - 5)))


def interpolation(
    start: float, extent: float, pixels: int, cells: int, stride: int, *, windowed: bool
) -> tuple[int, Floats]:
    """First cell and pixels×cells bilinear weights (half-pixel centres, edges repeated) along one axis.

    ``start`` and ``extent`` place the pixels in the picture, as fractions of its side of ``cells`` thumbnail cells.
    """
    count = cells // stride
    centres = (start + extent * (np.arange(pixels) + 0.5) / pixels) * count - 0.5
    first = 0
    if windowed:
        first = min(max((int(centres[0]) - _MARGIN) // 2 * 2, 0), cells - WINDOW)
        count = WINDOW
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


@dataclass(frozen=True)
class _Box:
    top: int
    left: int
    height: int
    width: int


class _Landscape:
    """A scene's pictures in landscape orientation, on disk, and small overviews of them in memory."""

    def __init__(self, dataset: Dataset, scene: Scene) -> None:
        pictures = open_scene(dataset, scene)
        self._pictures = pictures if scene.width >= scene.height else pictures.transpose(0, 2, 1, 3)
        self.height, self.width = self._pictures.shape[1:3]
        self.exposures = len(scene.exposures)
        self.has_any_reference = scene.has_reference or scene.has_soft_reference
        self.has_soft_reference = scene.has_soft_reference
        self.has_colours = scene.has_colours
        self.full_width = int(min(self.width, self.height * _ASPECT))
        self.unit = max(1, self.full_width // _OVERVIEW_LONG_SIDE)
        self._overviews: dict[int, Pixels] = {}

    def thumbnail(self, index: int, window: _Box, cells: tuple[int, int]) -> Pixels:
        """A window, its place and size multiples of ``unit``, area-averaged to (rows, columns)."""
        box = _Box(*(value // self.unit for value in (window.top, window.left, window.height, window.width)))
        return _resized(_part(self._overview(index), box), cells)

    def cut(self, index: int, box: _Box, side: int) -> Pixels:
        """A square of the picture, area-averaged to ``side`` pixels."""
        return _resized(_part(self._pictures[index], box), (side, side))

    def _overview(self, index: int) -> Pixels:
        if index not in self._overviews:
            rows, columns = self.height // self.unit, self.width // self.unit
            whole = _part(self._pictures[index], _Box(0, 0, rows * self.unit, columns * self.unit))
            self._overviews[index] = _resized(whole, (rows, columns))
        return self._overviews[index]


def _part(picture: Pixels, box: _Box) -> Pixels:
    return np.ascontiguousarray(picture[box.top : box.top + box.height, box.left : box.left + box.width])


def _resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    if picture.shape[:2] == size:
        return picture
    resized: Pixels = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    return resized


def _flipped(picture: Pixels, flips: tuple[bool, ...]) -> Pixels:
    vertical, horizontal = flips
    return picture[:: -1 if vertical else 1, :: -1 if horizontal else 1]
