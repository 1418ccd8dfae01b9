"""A bracket: the frames of one scene at one depth, ordered from dark to bright, with their relative exposures (EV)."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.masks import opaque_masks
from lightfuse.colorspace import full_scale
from lightfuse.errors import PictureError
from lightfuse.images import Picture, ShotInfo, UnreadableError, convert_profile, is_grey
from lightfuse.images.pixels import to_depth

Array = NDArray[Any]
OrderedBy = Literal["exif", "brightness, EXIF missing", "brightness, EXIF contradicted"]

MIDDLE_GREY = 0.5
_ROWS_MEASURED = 256  # Evenly spaced rows tell the brightness to a fraction of a level.
_LEVEL = 1 / 255
_MAX_SPREAD = 4  # How many times as large as all frames together the box may be that holds them.
SAME_EXPOSURE = 0.05  # EV. EXIF rounds shutter times: 1/125 s and 1/128 s are one exposure.
_TOLERATED_DROP = 2 * _LEVEL  # Brightness by which a longer exposure may be darker before EXIF is disbelieved.
_DIFFERENT_BRIGHTNESS = 5 * _LEVEL  # Two frames this far apart cannot have had the same exposure.


Frame = Picture
"""One exposure of a bracket."""


@dataclass(frozen=True)
class Bracket:
    """Frames of one size and depth, from dark to bright.

    Attributes:
        frames: two or more.
        given: index of each frame among the frames given to `make_bracket`.
        base: index of the base exposure in ``frames``.
        relative_ev: exposure of each frame in EV above the darkest; None where EXIF does not say.
        notes: remarks for the user, one sentence each.
    """

    frames: tuple[Frame, ...]
    given: tuple[int, ...]
    base: int
    relative_ev: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> list[Array]:
        """The pixels of each frame."""
        return [frame.pixels for frame in self.frames]

    @property
    def base_frame(self) -> Frame:
        """The base exposure: the others are aligned to it, and its metadata goes into the result."""
        return self.frames[self.base]

    def with_pixels(self, pixels: Sequence[Array], *notes: str) -> "Bracket":
        """The same bracket with other pixels, one array per frame, and additional notes."""
        frames = tuple(replace(frame, pixels=new) for frame, new in zip(self.frames, pixels, strict=True))
        return replace(self, frames=frames, notes=(*self.notes, *notes))


def make_bracket(frames: Sequence[Frame], least_bits: Literal[8, 16] = 8) -> Bracket:
    """Convert frames to one depth, the deepest among them or so many bits, and order them from dark to bright.

    Raises:
        PictureError: the frames differ in size, or there are fewer than two.
    """
    if len(frames) < 2:
        raise PictureError(f"fusing takes two or more exposures of one scene; {len(frames)} given")
    frames = _on_one_canvas(frames)
    first = frames[0]
    for other in frames[1:]:
        if other.pixels.shape != first.pixels.shape:
            sizes = [f"{f.name} is {f.pixels.shape[1]}×{f.pixels.shape[0]}" for f in (first, other)]
            raise PictureError(f"the pictures differ in size: {sizes[0]}, {sizes[1]}; give exposures of one size")
    bits = max(least_bits, *(8 * frame.pixels.itemsize for frame in frames))
    deep = [to_depth(frame.pixels, bits) for frame in frames]
    alphas = [frame.alpha if frame.alpha is None else to_depth(frame.alpha, bits) for frame in frames]
    levels = _levels(deep, alphas)
    order = exposure_order(levels, [frame.shot for frame in frames])
    ordered = tuple(replace(frames[i], pixels=deep[i], alpha=alphas[i]) for i in order.positions)
    rising = [levels[i] for i in order.positions]
    notes = []
    cameras = {(f.shot.make, f.shot.model, f.shot.serial): f.name for f in ordered if f.shot.model}
    if len(cameras) > 1:
        ((_, model, _), a), ((_, second, _), b), *_ = cameras.items()
        described = f"{a} with {model}, {b} with {second}" if model != second else f"{a} and {b} with two of {model}"
        notes.append(f"the exposures come from different cameras: {described}")
    if order.by == "brightness, EXIF contradicted":
        notes.append("EXIF and brightness disagree about the exposures; they were put in order by brightness")
    elif order.by == "brightness, EXIF missing" and len(frames) > 2:  # Of two, the darker is under by definition.
        notes.append("EXIF does not say how every exposure was made; they were put in order by brightness")
    for (one, low), (copy, high) in itertools.pairwise(zip(ordered, rising, strict=True)):
        if low == high and np.array_equal(one.pixels, copy.pixels):  # Compared only where means agree: it is slow.
            notes.append(f"{one.name} and {copy.name} are the same picture")
    return Bracket(ordered, order.positions, base_exposure(rising), order.relative_ev, tuple(notes))


def in_one_profile(bracket: Bracket) -> Bracket:
    """Convert every frame to the base exposure's ICC colour profile (no profile means sRGB).

    Where grey frames with a profile of grey and RGB frames come together, all become sRGB.

    Raises:
        PictureError: a profile cannot be used.
    """
    base = bracket.base_frame
    if is_grey(base.metadata.icc) and not all(frame.grey for frame in bracket.frames):
        base = replace(base, pixels=_in_profile(base, None), metadata=replace(base.metadata, icc=None))
        at = bracket.base
        bracket = replace(bracket, frames=(*bracket.frames[:at], base, *bracket.frames[at + 1 :]))
    if all(frame.metadata.icc == base.metadata.icc for frame in bracket.frames):
        return bracket
    _in_profile(base, None, sample=True)  # Where its profile cannot be used, the base is to be named.
    pixels = [_in_profile(frame, base.metadata.icc) for frame in bracket.frames]
    converted = [f.name for f, new in zip(bracket.frames, pixels, strict=True) if new is not f.pixels]
    if not converted:
        return bracket
    return bracket.with_pixels(pixels, f"{', '.join(converted)}: converted to the colour profile of {base.name}")


def in_srgb(frame: Frame) -> Array:
    """A frame's pixels in sRGB, as measures and training take them; PictureError where its profile cannot be used."""
    return _in_profile(frame, None)


# ---- Order and exposure ----------------------------------------------------------------------------------------------


class ExposureOrder(NamedTuple):
    """The order of a bracket's exposures: the position of each among those given, darkest first, and its EV.

    EVs are above the darkest, and None where EXIF does not say. ``by`` is the criterion.
    """

    positions: tuple[int, ...]
    relative_ev: tuple[float, ...] | None = None
    by: OrderedBy = "exif"


def exposure_order(brightnesses: Sequence[float], shots: Sequence[ShotInfo]) -> ExposureOrder:
    """Order exposures, of these mean values in [0, 1], by EXIF unless brightness contradicts it, else by brightness."""
    by_brightness = tuple(darkest_first(brightnesses))
    evs = relative_exposures(shots)
    if evs is None:
        return ExposureOrder(by_brightness, by="brightness, EXIF missing")
    by_exif = sorted(range(len(evs)), key=lambda i: (evs[i], brightnesses[i]))
    for dark, bright in itertools.pairwise(by_exif):
        rise, same = brightnesses[bright] - brightnesses[dark], evs[bright] - evs[dark] < SAME_EXPOSURE
        if rise < -_TOLERATED_DROP or (same and rise > _DIFFERENT_BRIGHTNESS):
            return ExposureOrder(by_brightness, by="brightness, EXIF contradicted")
    return ExposureOrder(tuple(by_exif), tuple(evs[i] - evs[by_exif[0]] for i in by_exif))


def relative_exposure(shot: ShotInfo) -> float | None:
    """Relative exposure log2(t · ISO / N²) in EV, larger for brighter; None without a shutter time.

    A missing ISO counts as 100 and a missing aperture as f/1 (a lens without contacts, a phone): only differences
    within a bracket matter.
    """
    if shot.exposure_time is None:
        return None
    return math.log2(shot.exposure_time * (shot.iso or 100.0) / (shot.f_number or 1.0) ** 2)


def relative_exposures(shots: Sequence[ShotInfo]) -> list[float] | None:
    """Relative exposure of each shot in EV.

    None where a shutter time is missing, or ISO or aperture is given for some of the shots only.
    """
    for given in ([shot.iso for shot in shots], [shot.f_number for shot in shots]):
        if None in given and any(value is not None for value in given):
            return None
    evs = [ev for shot in shots if (ev := relative_exposure(shot)) is not None]
    return evs if len(evs) == len(shots) else None


def brightness(picture: Array) -> float:
    """Mean of all values of an H×W×3 uint8, uint16 or float32 picture, in [0, 1]."""
    from lightfuse import core

    _, _, mean, _ = core.measure(picture, threads=1)
    return mean / full_scale(picture.dtype)


def darkest_first(brightnesses: Sequence[float]) -> list[int]:
    """Indices that sort exposures from dark to bright by mean pixel value, as the paper does."""
    return sorted(range(len(brightnesses)), key=lambda i: brightnesses[i])


def base_exposure(brightnesses: Sequence[float]) -> int:
    """Index of the base exposure: the one whose mean brightness is nearest to middle grey."""
    return min(range(len(brightnesses)), key=lambda i: abs(brightnesses[i] - MIDDLE_GREY))


def _levels(pictures: Sequence[Array], alphas: Sequence[Array | None]) -> list[float]:
    """The brightness of each picture, where all are opaque if they have transparent parts (and that is anywhere)."""
    if all(alpha is None for alpha in alphas):
        return [brightness(picture[:: max(1, len(picture) // _ROWS_MEASURED)]) for picture in pictures]
    masks = opaque_masks(alphas, pictures[0].shape)
    common = np.logical_and.reduce(masks)
    shown = [common if common.any() else mask if mask.any() else ~mask for mask in masks]
    return [brightness(picture[mask][None]) for picture, mask in zip(pictures, shown, strict=True)]


# ---- Checks and notes ------------------------------------------------------------------------------------------------


def _in_profile(frame: Frame, icc: bytes | None, *, sample: bool = False) -> Array:
    """Return a frame's pixels, or as a `sample` only the first, in an ICC profile."""
    try:
        return convert_profile(frame.pixels[:1, :1] if sample else frame.pixels, frame.metadata.icc, icc)
    except UnreadableError as error:
        raise PictureError(f"{frame.name} {error}") from None


def _on_one_canvas(frames: Sequence[Frame]) -> Sequence[Frame]:
    """Frames that are parts of one canvas, in the smallest box that holds them all, transparent where they are not."""
    places = [frame.metadata.place for frame in frames]
    known = [place for place in places if place is not None]
    if len(known) < len(frames) or len({place[2:] for place in known}) > 1:
        return frames
    boxes = [(x, y, x + f.pixels.shape[1], y + f.pixels.shape[0]) for (x, y, *_), f in zip(known, frames, strict=True)]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    if len(set(boxes)) == 1:
        return frames
    if (right - left) * (bottom - top) > _MAX_SPREAD * sum(f.pixels.shape[0] * f.pixels.shape[1] for f in frames):
        raise PictureError(
            f"{frames[0].name} and the others lie far apart on their canvas; give exposures of one scene"
        )
    placed = []
    for frame, (x0, y0, x1, y1) in zip(frames, boxes, strict=True):
        pixels = np.zeros((bottom - top, right - left, 3), frame.pixels.dtype)
        alpha = np.zeros(pixels.shape[:2], frame.pixels.dtype)
        inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        pixels[inside] = frame.pixels
        alpha[inside] = full_scale(alpha.dtype) if frame.alpha is None else frame.alpha
        metadata = replace(frame.metadata, place=(left, top, *known[0][2:]))
        placed.append(replace(frame, pixels=pixels, alpha=alpha, metadata=metadata))
    return placed
