"""The coding in which pictures are fused: sRGB's curve and primaries, wider gamuts compressed into them and back.

Networks, alignment and deghosting are made for sRGB values. Linear light would look to them like a dark picture, and
ProPhoto RGB like a pale one. So pixels of another profile are converted before and given back after fusing. Colours
outside sRGB are not lost: as in the ACES reference gamut compression (ACES 1.3), distances from the grey axis beyond a
threshold are compressed into the gamut, and expanded again afterwards.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cache, lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import linear_to_srgb, srgb_to_linear
from lightfuse.images.colour import is_grey, rgb_profile, same_colours, transform
from lightfuse.images.metadata import UnreadableError
from lightfuse.images.pixels import look_up, table_size, to_depth
from lightfuse.system import usable_cores

Floats = NDArray[np.float32]

T = TypeVar("T")

_PIXELS_AT_ONCE = 1 << 15  # So that what is computed of a band stays in a core's cache.
_STEPS = 65_536
_THRESHOLD = 0.9  # Distance from grey (1 is the edge of the gamut) up to which colours stay as they are.
# Light below 0 that counts as 0: a level of 8 bits, and what rounding to 8 bits in a wide profile brings.
_NEGLIGIBLE, _ROUNDING = 1 / 255 / 12.92, 2e-3
_SAME_LIGHT = 2e-3
_SMALLEST_VOLUME = 1e-4
_COARSE = 4 / 255
_MOST_LIGHT = 4.0  # No primary of a profile in use is brighter.


@lru_cache(maxsize=8)
def fusing_coding(icc: bytes | None) -> "FusingCoding | None":
    """Return the coding in which pictures of a profile are fused; None where they can be fused as they are.

    Raises:
        UnreadableError: the profile cannot be used, or only be converted from.
    """
    return None if icc is None or same_colours(icc, rgb_profile()) else FusingCoding(icc)


class FusingCoding:
    """Converts pixels, H×W×3 of any supported dtype, from one ICC profile to the fusing coding and back.

    Attributes:
        icc: the profile, of RGB or of grey (whose pixels have three equal channels).
        is_coarse: 8 bits are too few for this profile's shadows: it is linear, or nearly.
    """

    def __init__(self, icc: bytes) -> None:
        self.icc = icc
        ramp = np.linspace(0, 1, _STEPS, dtype=np.float32)
        if is_grey(icc):
            curve = transform(ramp.reshape(1, -1), icc, rgb_profile(gamma=1.0))[0, :, 1]
            curves, self._matrix = [curve] * 3, np.eye(3, dtype=np.float32)
        else:
            each = np.ascontiguousarray(np.einsum("s,ci->csi", ramp, np.eye(3, dtype=np.float32)))
            columns = transform(each, icc, rgb_profile(gamma=1.0))
            self._matrix = np.ascontiguousarray(columns[:, -1].T)
            if abs(np.linalg.det(self._matrix)) < _SMALLEST_VOLUME:
                raise UnreadableError("has a colour profile that cannot be used; convert it to sRGB first")
            largest = np.abs(self._matrix).argmax(axis=0)
            curves = [columns[c][:, largest[c]] / self._matrix[largest[c], c] for c in range(3)]
        self._to_light = np.stack(curves, axis=1).astype(np.float32)
        light = np.linspace(0, 1, _STEPS) ** 2
        inverse = [np.interp(light, np.maximum.accumulate(curve), ramp) for curve in self._to_light.T]
        self._from_light = np.stack(inverse, axis=1).astype(np.float32)  # By the square root of the light.
        self._inverse = np.linalg.inv(self._matrix)
        self._is_matrix = True
        if not is_grey(icc):  # Is the profile no more than a matrix and curves? Else Little CMS converts, slowly.
            probe = np.random.default_rng(0).random((1, 500, 3), dtype=np.float32)
            true = transform(probe, icc, rgb_profile(gamma=1.0))
            self._is_matrix = bool(np.abs(self._light(probe) - true).max() < _SAME_LIGHT)
            if not self._is_matrix:
                transform(true, rgb_profile(gamma=1.0), icc)  # Raises where there is no way back, as of many scanners'.
        self.is_coarse = bool(linear_to_srgb(curves[1][_STEPS // 255 :][:1])[0] > _COARSE)
        # How far the profile's primaries and secondaries lie from grey, and how bright they are.
        corners = np.array([[[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)][1:-1]], np.float32)
        coded = _signed_srgb(corners @ self._matrix.T)
        brightest = coded.max(axis=2)
        distances = 1 - coded.min(axis=2) / brightest
        self._brightest = max(1.0, float(brightest.max()))
        # The distance from which colours can be as bright as that.
        outside = distances[(brightest > 1.001) & (distances > 1.01)]
        self._reach = float(outside.min()) if outside.size else 2.0
        self._bend = _bend(float(distances.max()))

    def fitted(self, frames: Sequence[NDArray[Any]]) -> "FusingCoding":
        """Return a coding of the same profile that compresses no more than the colours of these frames need.

        Colours that hardly lie outside sRGB need nothing, so that pictures converted from sRGB are fused like those
        they were converted from.
        """
        fitted = copy(self)
        if self._bend:
            fitted._bend = min(self._bend, _bend(max(map(self._furthest, frames))))
        return fitted

    def _furthest(self, pixels: NDArray[Any]) -> float:
        """Return the largest distance from grey of the colours outside sRGB; 1 where there are none."""

        least = -_ROUNDING if pixels.dtype == np.uint8 else -_NEGLIGIBLE

        def of_band(rows: slice) -> float:
            light = self._light(pixels[rows])
            outside = light[light.min(axis=2) < least]
            coded = _signed_srgb(outside[outside.max(axis=1) > 0])
            return float((1 - coded.min(axis=1) / coded.max(axis=1)).max(initial=1))

        return max(_by_bands(pixels, of_band))

    def encode(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return pixels of the profile in the fusing coding: same shape and dtype."""
        converted = np.empty_like(pixels)
        levels = _in_type(_srgb_by_root(), pixels.dtype)

        def convert(rows: slice) -> None:
            light = self._light(pixels[rows])
            if not self._bend:
                converted[rows] = look_up(_by_root(light), levels)
                return
            coded = np.copysign(look_up(_by_root(np.abs(light)), _srgb_by_root()), light)
            far = _far(coded)
            coded[far] = self._compressed(coded[far])
            converted[rows] = _in_type(coded, pixels.dtype)

        _by_bands(pixels, convert)
        return converted

    def decode(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return pixels of the fusing coding in the profile: same shape and dtype; undoes `encode`."""
        converted = np.empty_like(pixels)
        light_of_srgb = srgb_to_linear(np.arange(_STEPS) / (_STEPS - 1)).astype(np.float32)
        levels, to_light = _in_type(self._from_light, pixels.dtype), _for_type(light_of_srgb, pixels.dtype)

        def convert(rows: slice) -> None:
            light = look_up(pixels[rows], to_light)
            if self._bend:
                coded = to_depth(pixels[rows], 32)
                far = _far(coded)
                expanded = self._expanded(coded[far])
                light[far] = np.copysign(srgb_to_linear(np.abs(expanded)), expanded)
            if self._is_matrix:
                converted[rows] = look_up(np.sqrt(np.clip(_product(light, self._inverse), 0, 1)), levels)
            else:
                converted[rows] = _in_type(transform(light, rgb_profile(gamma=1.0), self.icc), pixels.dtype)

        _by_bands(pixels, convert)
        return converted

    def _light(self, band: NDArray[Any]) -> Floats:
        """Return a band's values as linear light of sRGB's primaries, beyond [0, 1] where wider."""
        if self._is_matrix:
            return _product(look_up(band, _for_type(self._to_light, band.dtype)), self._matrix)
        return transform(np.ascontiguousarray(to_depth(band, 32)), self.icc, rgb_profile(gamma=1.0))

    def _compressed(self, colours: Floats) -> Floats:
        """Compress distances from grey into [0, 1], and dim colours (N×3) outside sRGB so that none is clipped."""
        top = colours.max(axis=1, keepdims=True)
        distance = 1 - colours / top
        top = top * self._dimmed(distance)
        beyond = np.maximum(distance - _THRESHOLD, 0)
        return np.asarray(top * (1 - distance + beyond - beyond / (1 + self._bend * beyond)), np.float32)

    def _expanded(self, colours: Floats) -> Floats:
        """Undo `_compressed`."""
        top = colours.max(axis=1, keepdims=True)
        distance = 1 - colours / top
        beyond = np.maximum(distance - _THRESHOLD, 0)
        distance += beyond / (1 - self._bend * beyond) - beyond
        return np.asarray(top / self._dimmed(distance) * (1 - distance), np.float32)

    def _dimmed(self, distance: Floats) -> Floats:
        """The factors for colours (distances N×3): 1 inside sRGB, falling to 1 / brightest outside."""
        share = np.clip((distance.max(axis=1, keepdims=True) - 1) / (self._reach - 1), 0, 1)
        return np.asarray(1 - (1 - 1 / self._brightest) * share)


def _signed_srgb(light: Floats) -> Floats:
    """sRGB's curve, mirrored for values below 0 and continued above 1."""
    return np.copysign(linear_to_srgb(np.abs(light)), light)


def _bend(furthest: float) -> float:
    """Return by how much distances are compressed so that the furthest becomes 1; 0 is not at all."""
    return max(0.0, 1 / (1 - _THRESHOLD) - 1 / (furthest - _THRESHOLD))


def _far(coded: Floats) -> NDArray[np.bool_]:
    """The pixels with a channel beyond the threshold."""
    import cv2

    first, second, third = cv2.split(coded)
    brightest = cv2.max(first, cv2.max(second, third))
    darkest = cv2.min(first, cv2.min(second, third))
    return np.asarray((darkest < np.float32(1 - _THRESHOLD) * brightest) & (brightest > 0))


def _by_bands(pixels: NDArray[Any], work: Callable[[slice], T]) -> list[T]:
    """Return what `work` returns for each band of rows."""
    rows = max(1, _PIXELS_AT_ONCE // pixels.shape[1])
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(lambda top: work(slice(top, top + rows)), range(0, pixels.shape[0], rows)))


@cache
def _srgb_by_root() -> Floats:
    """sRGB's curve by the square root of the light, from 0 to `_MOST_LIGHT`: nearly as fine everywhere."""
    return linear_to_srgb(_MOST_LIGHT * ((np.arange(_STEPS) + 0.5) / _STEPS) ** 2).astype(np.float32)


def _by_root(light: Floats) -> NDArray[np.uint16]:
    """The entries of `_srgb_by_root` for light; that of 0 below."""
    roots = np.sqrt(np.clip(light, 0, _MOST_LIGHT))
    return (roots * np.float32((_STEPS - 1) / _MOST_LIGHT**0.5)).astype(np.uint16)


def _for_type(table: Floats, dtype: np.dtype[Any]) -> Floats:
    """Return a table of `_STEPS` entries as `look_up` wants it for values of a dtype."""
    return table[:: (_STEPS - 1) // (table_size(dtype) - 1)]


def _in_type(values: Floats, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values clipped to [0, 1] as pixels of a dtype."""
    return to_depth(np.clip(values, 0, 1), 8 * dtype.itemsize)


def _product(values: Floats, matrix: Floats) -> Floats:
    import cv2

    return np.asarray(cv2.transform(values, matrix))
