"""What counting in int8 costs in quality: its pictures beside those of the model in floats."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.files import find_brackets
from lightfuse.errors import DataError
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr
from lightfuse.sample import sample_pair

Picture = NDArray[Any]
Pair = tuple[Picture, Picture]
Fuse = Callable[[Picture, Picture], Picture]

_LONG_SIDE = 640  # of the pictures judged on: the thumbnail, where whole numbers cost most, is of one size anyway


@dataclass(frozen=True)
class _Cost:
    """One pair: PSNR in dB between both results (8 bits), and either's MEF-SSIM on the pair."""

    psnr: float
    mef_ssim_float: float
    mef_ssim_int8: float


def cost_section(exact: Fuse, counting: Fuse, data: Path | None) -> str:
    """A sentence and a Markdown table on the quality of ``counting`` beside ``exact``, for a README.

    Args:
        exact, counting: from two 8-bit pictures, H×W×3, to one; the model in floats and in int8.
        data: a folder of brackets to judge on; sample scenes that no range was measured on where there is none.

    Raises:
        DataError: the folder holds no bracket of two exposures of one size.
        PictureError: a picture in it cannot be read.
    """
    pairs = _bracket_pairs(data) if data else _judging_pairs()
    costs = [_cost(exact(*pair), counting(*pair), pair) for pair in pairs]
    judged = (
        f"the extremes of {len(costs)} brackets, {_LONG_SIDE} pixels long" if data else f"{len(costs)} sample scenes"
    )
    return f"Beside the same model in floats, 8-bit pictures, on {judged}:\n\n{_table(costs)}"


@cache
def calibration_pairs() -> tuple[Pair, ...]:
    """The sample pairs that ranges are measured on."""
    return tuple(sample_pair(*size) for size in ((192, 128), (144, 96), (128, 192), (96, 64)))


@cache
def _judging_pairs() -> tuple[Pair, ...]:
    """Sizes that no range was measured on."""
    return tuple(sample_pair(*size) for size in ((240, 160), (160, 120)))


def _bracket_pairs(folder: Path) -> Iterator[Pair]:
    """The darkest and the brightest exposure of every bracket in a folder, 8 bits, 640 pixels on their long side.

    Raises:
        DataError: the folder holds no bracket of two exposures of one size.
        PictureError: a picture cannot be read.
    """
    from lightfuse.evaluation.evaluate import read_scene

    for bracket in find_brackets(folder):
        try:
            scene = read_scene(bracket)
        except DataError as error:
            raise DataError(f"{bracket.name!r} in {str(folder)!r} cannot be judged on: {error}") from None
        yield _smaller(scene.under), _smaller(scene.over)


def _smaller(picture: Picture) -> Picture:
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, _LONG_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return to_eight_bits(np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 0, 1))


def _cost(exact: Picture, counted: Picture, pair: Pair) -> _Cost:
    return _Cost(min(psnr(counted, exact), 99.0), mef_ssim(exact, pair), mef_ssim(counted, pair))


def _table(costs: list[_Cost]) -> str:
    """A Markdown table: median and worst over the pairs."""
    rows = [
        ("PSNR to the floats' picture", "{:.1f} dB", [one.psnr for one in costs]),
        ("MEF-SSIM of the floats' picture", "{:.4f}", [one.mef_ssim_float for one in costs]),
        ("MEF-SSIM in whole numbers", "{:.4f}", [one.mef_ssim_int8 for one in costs]),
    ]
    lines = [f"| {name} | {form.format(np.median(x))} | {form.format(min(x))} |" for name, form, x in rows]
    return "\n".join(["| | median | worst |", "|---|---|---|", *lines])
