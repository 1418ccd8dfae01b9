"""The coding in which pictures are fused: sRGB's curve and primaries, wider gamuts compressed into them and back.

Networks, alignment and deghosting are made for sRGB values. Linear light would look to them like a dark picture, and
ProPhoto RGB like a pale one. So pixels of another profile are converted before and given back after fusing. Colours
outside sRGB are not lost: as in the ACES reference gamut compression (ACES 1.3), distances from the grey axis beyond a
threshold are compressed into the gamut, and expanded again afterwards.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale, linear_to_srgb, srgb_to_linear
from lightfuse.images.colour import is_grey, rgb_profile, same_colours, transform
from lightfuse.images.metadata import UnreadableError
from lightfuse.system import usable_cores

Floats = NDArray[np.float32]

_ROWS_AT_ONCE = 64
_STEPS = 65_536
_THRESHOLD = 0.9  # Distance from grey (1 is the edge of the gamut) up to which colours stay as they are.
_SAME_LIGHT = 2e-3
_SMALLEST_VOLUME = 1e-4
_COARSE = 4 / 255
_MOST_LIGHT = 4.0  # No primary of a profile in use is brighter.


@lru_cache(maxsize=8)
def fusing_coding(icc: bytes | None) -> "FusingCoding | None":
    """Return the coding in which pictures of a profile are fused; None where they can be fused as they are.

    Raises:
        UnreadableError: the profile cannot be used.
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
            columns = []
            for channel in range(3):
                only = np.zeros((1, _STEPS, 3), np.float32)
                only[0, :, channel] = ramp
                columns.append(transform(only, icc, rgb_profile(gamma=1.0))[0])
            self._matrix = np.stack([column[-1] for column in columns], axis=1)
            if abs(np.linalg.det(self._matrix)) < _SMALLEST_VOLUME:
                raise UnreadableError("has a colour profile that cannot be used; convert it to sRGB first")
            largest = np.abs(self._matrix).argmax(axis=0)
            curves = [columns[c][:, largest[c]] / self._matrix[largest[c], c] for c in range(3)]
        self._to_light = [np.ascontiguousarray(curve, np.float32) for curve in curves]
        roots = (np.arange(_STEPS) / (_STEPS - 1)) ** 2
        self._from_light = [
            np.interp(roots, np.maximum.accumulate(curve), ramp).astype(np.float32) for curve in self._to_light
        ]
        self._inverse = np.linalg.inv(self._matrix)
        self._is_matrix = True
        self._is_matrix = is_grey(icc) or self._predicts_light()
        self.is_coarse = bool(linear_to_srgb(curves[1][_STEPS // 255 :][:1])[0] > _COARSE)
        self._set_limits()

    def _predicts_light(self) -> bool:
        """Whether the profile is no more than a matrix and curves: else Little CMS converts every pixel, slowly."""
        probe = np.random.default_rng(0).random((1, 500, 3), dtype=np.float32)
        return bool(np.abs(self._light(probe) - transform(probe, self.icc, rgb_profile(gamma=1.0))).max() < _SAME_LIGHT)

    def _set_limits(self) -> None:
        """Find how far the profile's primaries and secondaries lie from grey, and how bright they are."""
        corners = np.array([[[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)][1:-1]], np.float32)
        coded = _signed_srgb(corners @ self._matrix.T)
        brightest = coded.max(axis=2)
        distances = 1 - coded.min(axis=2) / brightest
        self._furthest = max(1.0, float(distances.max()))
        self._brightest = max(1.0, float(brightest.max()))
        # The distance from which colours can be as bright as that.
        outside = distances[(brightest > 1.001) & (distances > 1.01)]
        self._reach = float(outside.min()) if outside.size else 2.0
        self._bend = max(0.0, 1 / (1 - _THRESHOLD) - 1 / (self._furthest - _THRESHOLD))

    def encode(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return pixels of the profile in the fusing coding: same shape and dtype."""

        def convert(band: Floats) -> Floats:
            light = self._light(band)
            roots = np.sqrt(np.minimum(np.abs(light), _MOST_LIGHT)) * np.float32((_STEPS - 1) / _MOST_LIGHT**0.5)
            coded = np.copysign(_srgb_by_root()[roots.astype(np.uint16)], light)
            if (far := self._far(coded)) is not None:
                coded[far] = self._compressed(coded[far])
            return coded

        return self._in_bands(pixels, convert)

    def decode(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return pixels of the fusing coding in the profile: same shape and dtype; undoes `encode`."""

        def convert(band: Floats) -> Floats:
            light = _light_of_srgb()[_index(band)]
            if (far := self._far(band)) is not None:
                expanded = self._expanded(band[far])
                light[far] = np.copysign(srgb_to_linear(np.abs(expanded)), expanded)
            return self._of_light(light)

        return self._in_bands(pixels, convert)

    def _in_bands(self, pixels: NDArray[Any], convert: Callable[[Floats], Floats]) -> NDArray[Any]:
        converted = np.empty_like(pixels)
        most = np.float32(full_scale(pixels.dtype))

        def work(top: int) -> None:
            band = convert(pixels[top : top + _ROWS_AT_ONCE].astype(np.float32) / most)
            band = np.clip(band, 0, 1, out=band) * most
            converted[top : top + _ROWS_AT_ONCE] = band if pixels.dtype.kind == "f" else np.rint(band, out=band)

        with ThreadPoolExecutor(usable_cores()) as pool:
            list(pool.map(work, range(0, pixels.shape[0], _ROWS_AT_ONCE)))
        return converted

    def _light(self, values: Floats) -> Floats:
        """Return values in [0, 1] of the profile as linear light of sRGB's primaries, beyond [0, 1] where wider."""
        if not self._is_matrix:
            return transform(np.ascontiguousarray(values), self.icc, rgb_profile(gamma=1.0))
        index = _index(values)
        own = np.stack([self._to_light[c][index[..., c]] for c in range(3)], axis=2)
        return _product(own, self._matrix)

    def _of_light(self, light: Floats) -> Floats:
        if not self._is_matrix:
            return transform(np.ascontiguousarray(light), rgb_profile(gamma=1.0), self.icc)
        index = _index(np.sqrt(np.clip(_product(light, self._inverse), 0, 1)))
        return np.stack([self._from_light[c][index[..., c]] for c in range(3)], axis=2)

    def _far(self, coded: Floats) -> NDArray[np.bool_] | None:
        """The pixels with a channel beyond the threshold; None where sRGB holds the whole gamut."""
        import cv2

        if self._bend == 0:
            return None
        first, second, third = cv2.split(coded)
        brightest = cv2.max(first, cv2.max(second, third))
        darkest = cv2.min(first, cv2.min(second, third))
        return np.asarray((darkest < np.float32(1 - _THRESHOLD) * brightest) & (brightest > 0))

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


@cache
def _srgb_by_root() -> Floats:
    """sRGB's curve by the square root of the light, from 0 to `_MOST_LIGHT`: nearly as fine everywhere."""
    return linear_to_srgb(_MOST_LIGHT * ((np.arange(_STEPS) + 0.5) / _STEPS) ** 2).astype(np.float32)


@cache
def _light_of_srgb() -> Floats:
    return srgb_to_linear(np.arange(_STEPS) / (_STEPS - 1)).astype(np.float32)


def _index(values: Floats) -> NDArray[np.uint16]:
    """The entries of tables of `_STEPS` for values in [0, 1]."""
    return np.asarray(values * np.float32(_STEPS - 1) + np.float32(0.5)).astype(np.uint16)


def _product(values: Floats, matrix: Floats) -> Floats:
    import cv2

    return np.asarray(cv2.transform(values, matrix))
