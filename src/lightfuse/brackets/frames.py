"""The frames of one bracket as the pipeline handles them: of one depth, in order, with names and metadata."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.order import OrderedBy, base_exposure, brightness, exposure_order
from lightfuse.errors import PictureError
from lightfuse.images import Metadata, ShotInfo, UnreadableError, convert_profile

Array = NDArray[Any]
_ROWS_MEASURED = 256
_WIDTHS = {np.dtype(np.uint8): 0, np.dtype(np.uint16): 1, np.dtype(np.float32): 2}


@dataclass(frozen=True)
class Frame:
    """One exposure: RGB pixels (H×W×3, uint8, uint16 or float32 in [0, 1]), the name people know it by, and how it was
    shot."""

    pixels: Array
    name: str
    metadata: Metadata = field(default_factory=Metadata)
    shot: ShotInfo = field(default_factory=ShotInfo)


@dataclass(frozen=True)
class Bracket:
    """Frames of one size and depth, from dark to bright.

    Attributes:
        frames: two or more.
        given: where each frame stood among those given.
        base: position of the base exposure among ``frames``.
        stops: light taken in by each frame, in EV above the darkest; None where EXIF does not say.
        notes: things a person may want to know.
    """

    frames: tuple[Frame, ...]
    given: tuple[int, ...]
    base: int
    stops: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> list[Array]:
        """The pixels of each frame."""
        return [frame.pixels for frame in self.frames]

    @property
    def base_frame(self) -> Frame:
        """The frame the others follow."""
        return self.frames[self.base]

    def with_pixels(self, pixels: Sequence[Array], *notes: str) -> "Bracket":
        """The same bracket with other pixels, one array a frame, and more notes."""
        frames = tuple(replace(frame, pixels=new) for frame, new in zip(self.frames, pixels, strict=True))
        return replace(self, frames=frames, notes=(*self.notes, *notes))


def make_bracket(frames: Sequence[Frame]) -> Bracket:
    """Bring frames to one depth (the widest among them) and order them from dark to bright.

    Raises:
        PictureError: the frames differ in size, or are fewer than two.
    """
    if len(frames) < 2:
        raise PictureError(f"fusing takes two or more exposures of one scene; {len(frames)} given")
    _check_sizes(frames)
    deep = same_depth([frame.pixels for frame in frames])
    levels = [brightness(_some_rows(picture)) for picture in deep]
    order = exposure_order(levels, [frame.shot for frame in frames])
    ordered = tuple(replace(frames[i], pixels=deep[i]) for i in order.positions)
    rising = [levels[i] for i in order.positions]
    notes = (*_camera_notes(ordered), *_order_notes(order.by, len(frames)), *_twin_notes(ordered, rising))
    base = base_exposure(rising)
    return Bracket(ordered, order.positions, base, order.stops, notes)


def in_one_profile(bracket: Bracket) -> Bracket:
    """Convert every frame to the base exposure's ICC colour profile (none is sRGB); most brackets have only one.

    Raises:
        PictureError: a profile cannot be used.
    """
    base = bracket.base_frame
    if all(frame.metadata.icc == base.metadata.icc for frame in bracket.frames):
        return bracket
    pixels = [_in_profile(frame, base.metadata.icc) for frame in bracket.frames]
    converted = [f.name for f, new in zip(bracket.frames, pixels, strict=True) if new is not f.pixels]
    if not converted:
        return bracket
    return bracket.with_pixels(pixels, f"{', '.join(converted)}: converted to the colour profile of {base.name}")


def _in_profile(frame: Frame, icc: bytes | None) -> Array:
    try:
        return convert_profile(frame.pixels, frame.metadata.icc, icc)
    except UnreadableError as error:
        raise PictureError(f"{frame.name} {error}") from None


def same_depth(pictures: Sequence[Array]) -> list[Array]:
    """Bring pictures to the widest of their dtypes: 8 to 16 bits, integers to float."""
    dtypes = {picture.dtype for picture in pictures}
    if len(dtypes) == 1 or not dtypes <= _WIDTHS.keys():
        return list(pictures)
    target = max(dtypes, key=lambda dtype: _WIDTHS[dtype])
    return [_deepen(picture, target) for picture in pictures]


def _deepen(picture: Array, target: np.dtype[Any]) -> Array:
    if picture.dtype == target:
        return picture
    if target == np.uint16:
        return picture.astype(np.uint16) * np.uint16(257)
    return picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)


def _some_rows(picture: Array) -> Array:
    """Every so many rows of a large picture: its brightness to a fraction of a level, without reading all of it."""
    return picture[:: max(1, picture.shape[0] // _ROWS_MEASURED)]


def _check_sizes(frames: Sequence[Frame]) -> None:
    first = frames[0]
    for other in frames[1:]:
        if other.pixels.shape != first.pixels.shape:
            sizes = [f"{f.name} is {f.pixels.shape[1]}×{f.pixels.shape[0]}" for f in (first, other)]
            raise PictureError(f"the pictures differ in size: {sizes[0]}, {sizes[1]}; give exposures of one size")


def _order_notes(by: OrderedBy, count: int) -> list[str]:
    if by == "brightness, EXIF contradicted":
        return ["EXIF and brightness disagree about the exposures; they were put in order by brightness"]
    if by == "brightness, EXIF missing" and count > 2:  # Of two, the darker is under by definition.
        return ["EXIF does not say how every exposure was made; they were put in order by brightness"]
    return []


def _twin_notes(frames: Sequence[Frame], levels: Sequence[float]) -> list[str]:
    """Neighbours that are one picture, such as a copy: fused, they come back as they are."""
    pairs = zip(itertools.pairwise(frames), itertools.pairwise(levels), strict=True)
    alike = [pair for pair, (low, high) in pairs if low == high]  # Spares comparing whole pictures.
    return [f"{a.name} and {b.name} are the same picture" for a, b in alike if np.array_equal(a.pixels, b.pixels)]


def _camera_notes(frames: Sequence[Frame]) -> list[str]:
    cameras = {(f.shot.make, f.shot.model, f.shot.serial): f.name for f in frames if f.shot.model}
    if len(cameras) < 2:
        return []
    (_, first, _), (_, second, _) = list(cameras)[:2]
    a, b = list(cameras.values())[:2]
    said = f"{a} with {first}, {b} with {second}" if first != second else f"{a} and {b} with two of {first}"
    return [f"the exposures come from different cameras: {said}"]
