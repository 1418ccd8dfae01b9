"""Colour metrics: CIE Lab, ΔE2000, hue error and chroma ratio.

Against a reference picture, or, where there is none, against the best exposed of the inputs at each pixel: the one
whose luma is nearest to 0.5, since there the camera recorded hue and chroma with least clipping and noise.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import luma, srgb_to_linear
from lightfuse.metrics.pictures import Floats, Picture, as_unit, as_units

Lab = NDArray[np.float64]

COLOURED_CHROMA = 5.0  # Lab chroma above which a pixel counts as coloured; below it hue means little

# IEC 61966-2-1: linear sRGB to XYZ. Its row sums are the D65 white, so greys come out with a = b = 0.
_RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_D65_WHITE = _RGB_TO_XYZ.sum(axis=1)
_OPPOSITE_SLACK = 1e-9  # radians
_ROWS_AT_ONCE = 256  # bounds the memory of a big picture's float64 intermediates


def rgb_to_lab(picture: Picture) -> Lab:
    """Return CIE L*a*b* (D65) of an sRGB picture: H×W×3 float64, L in [0, 100].

    The picture is RGB, H×W×3, uint8, uint16 or float in [0, 1]. Formulas: IEC 61966-2-1 for sRGB's decoding, CIE 15
    for Lab. Raises PictureError for anything else.
    """
    return _unit_to_lab(as_unit(picture))


def lightness(picture: Picture) -> NDArray[np.float64]:
    """Return CIE L* of an sRGB picture, H×W float64 in [0, 100]; pictures and errors as in `rgb_to_lab`."""
    unit = as_unit(picture)
    tops = range(0, unit.shape[0], _ROWS_AT_ONCE)
    return np.concatenate([_unit_to_lab(unit[top : top + _ROWS_AT_ONCE])[..., 0] for top in tops])


def delta_e_2000(first: Lab, second: Lab) -> NDArray[np.float64]:
    """Return the CIEDE2000 colour difference of each pair of Lab colours (…×3 in, … out), with kL = kC = kH = 1.

    Sharma, Wu, Dalal, "The CIEDE2000 Color-Difference Formula: Implementation Notes, Supplementary Test Data, and
    Mathematical Observations", Color Research & Application 30(1), 2005, eqs. 2 to 22.
    """
    labs = [np.array(lab, dtype=np.float64) for lab in (first, second)]
    mean_chroma_7 = ((_chroma(labs[0]) + _chroma(labs[1])) / 2) ** 7
    grey_boost = 1.5 - 0.5 * np.sqrt(mean_chroma_7 / (mean_chroma_7 + 25.0**7))
    for lab in labs:
        lab[..., 1] *= grey_boost
    (chroma_1, chroma_2), (hue_1, hue_2) = map(_chroma, labs), map(_hue, labs)

    either_grey = chroma_1 * chroma_2 == 0
    turn = np.where(either_grey, 0.0, _shorter_turn(hue_1, hue_2))
    hue_change = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(turn / 2)
    lightness = (labs[0][..., 0] + labs[1][..., 0]) / 2
    chroma = (chroma_1 + chroma_2) / 2
    # Half-way along the shorter arc; beside a grey, whose hue is 0 here, the sum is the other colour's hue.
    hue = np.where(either_grey, hue_1 + hue_2, hue_1 + turn / 2)

    hue_weight = (
        1
        - 0.17 * np.cos(hue - math.radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + math.radians(6))
        - 0.20 * np.cos(4 * hue - math.radians(63))
    )
    lightness_scale = 1 + 0.015 * (lightness - 50) ** 2 / np.sqrt(20 + (lightness - 50) ** 2)
    chroma_scale = 1 + 0.045 * chroma
    hue_scale = 1 + 0.015 * chroma * hue_weight
    from_blue = (hue - math.radians(275) + math.pi) % (2 * math.pi) - math.pi
    blue_turn = math.radians(60) * np.exp(-((np.degrees(from_blue) / 25) ** 2))
    rotation = -2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) * np.sin(blue_turn)

    lightness_term = (labs[1][..., 0] - labs[0][..., 0]) / lightness_scale
    chroma_term = (chroma_2 - chroma_1) / chroma_scale
    hue_term = hue_change / hue_scale
    squared = lightness_term**2 + chroma_term**2 + hue_term**2 + rotation * chroma_term * hue_term
    difference: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0))
    return difference


def mean_delta_e(result: Picture, reference: Picture) -> float:
    """Return the mean ΔE2000 over all pixels of two RGB pictures (H×W×3, uint8, uint16 or float in [0, 1], one size).

    Raises PictureError for anything else.
    """
    total, pixels = 0.0, 0
    for result_lab, reference_lab in _lab_strips(*as_units(result, reference)):
        differences = delta_e_2000(result_lab, reference_lab)
        total, pixels = total + float(differences.sum()), pixels + differences.size
    return total / pixels


def hue_error(result: Picture, reference: Picture) -> float:
    """Return the mean angle in degrees, 0 to 180, between the Lab hues of two pictures where the reference is coloured.

    Coloured is a reference chroma above 5; every such pixel weighs the same. NaN where no pixel is. Both are RGB,
    H×W×3, uint8, uint16 or float in [0, 1], of one size. Raises PictureError for anything else.
    """
    total, pixels = 0.0, 0
    for result_lab, reference_lab in _lab_strips(*as_units(result, reference)):
        coloured = _chroma(reference_lab) > COLOURED_CHROMA
        angles = np.abs(_shorter_turn(_hue(reference_lab[coloured]), _hue(result_lab[coloured])))
        total, pixels = total + float(angles.sum()), pixels + angles.size
    return math.degrees(total / pixels) if pixels else math.nan


def chroma_ratio(result: Picture, reference: Picture) -> float:
    """Return the result's mean Lab chroma over the reference's: below 1 greyer, above 1 more colourful.

    NaN where the reference is wholly grey. Both are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one size. Raises
    PictureError for anything else.
    """
    ours, theirs, values = 0.0, 0.0, 0
    for result_lab, reference_lab in _lab_strips(*as_units(result, reference)):
        ours += float(_chroma(result_lab).sum())
        theirs += float(_chroma(reference_lab).sum())
        values += reference_lab.size
    # A grey reference still has chroma of some 1e-14 a pixel, from rounding.
    return ours / theirs if theirs > 1e-6 * values else math.nan


def best_exposed(inputs: Sequence[Picture]) -> Floats:
    """Return at each pixel the input whose luma is nearest to 0.5 (of several as near, the first): H×W×3, in [0, 1].

    What a result is compared with where there is no reference. Pictures and errors as in `hue_error`.
    """
    units = as_units(*inputs, names=[f"input {number}" for number in range(1, len(inputs) + 1)])
    nearest = np.argmin([np.abs(luma(unit) - 0.5) for unit in units], axis=0)
    best: Floats = np.take_along_axis(np.stack(units), nearest[None, ..., None], axis=0)[0]
    return best


def _lab_strips(first: Floats, second: Floats) -> Iterator[tuple[Lab, Lab]]:
    for top in range(0, first.shape[0], _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        yield _unit_to_lab(first[rows]), _unit_to_lab(second[rows])


def _unit_to_lab(picture: Floats) -> Lab:
    relative = srgb_to_linear(picture.astype(np.float64)) @ _RGB_TO_XYZ.T / _D65_WHITE
    x, y, z = np.moveaxis(
        np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _chroma(lab: Lab) -> NDArray[np.float64]:
    chroma: NDArray[np.float64] = np.hypot(lab[..., 1], lab[..., 2])
    return chroma


def _hue(lab: Lab) -> NDArray[np.float64]:
    """Hue angle in radians, 0 to 2π; 0 for greys."""
    hue: NDArray[np.float64] = np.arctan2(lab[..., 2], lab[..., 1]) % (2 * math.pi)
    return hue


def _shorter_turn(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed angle from one hue in [0, 2π] to another the shorter way round, −π to π.

    Opposite hues are not carried across 0, whichever way rounding tips them: the ΔE2000 authors' test data ask for it.
    """
    turn = end - start
    across = np.abs(turn) > math.pi + _OPPOSITE_SLACK
    return np.where(across, turn - np.copysign(2 * math.pi, turn), turn)
