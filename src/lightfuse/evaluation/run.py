"""Methods against scenes: fuse every bracket's extreme pair and fill a table of scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.discover import FoundBracket, find_brackets
from lightfuse.brackets.order import brightness, darkest_first
from lightfuse.errors import DataError, PictureError
from lightfuse.evaluation.baselines import average, enfuse, enfuse_available, mertens
from lightfuse.evaluation.colour import (
    chroma_ratio,
    chroma_ratio_to_inputs,
    hue_error,
    hue_error_to_inputs,
    mean_delta_e,
)
from lightfuse.evaluation.mef_ssim import mef_ssim
from lightfuse.evaluation.pictures import Floats, as_unit, to_eight_bits
from lightfuse.evaluation.psnr_ssim import psnr, ssim
from lightfuse.evaluation.tables import ScoreTable
from lightfuse.fuser import Fuser
from lightfuse.images import read_picture

PairMethod = Callable[[Floats, Floats], Floats]
"""Fuses under and over, RGB float32 in [0, 1], into the same."""


@dataclass(frozen=True)
class Protocol:
    """How pictures are treated before and after fusing.

    Attributes:
        size: (width, height) everything is resized to, bilinear; None keeps the size.
        normalise: stretch inputs and reference to [0, 1] by their own extremes, and do not round results: how the
            paper's code measured. Otherwise nothing is stretched and results are rounded to 8 bits.
    """

    size: tuple[int, int] | None = None
    normalise: bool = False


PAPER_PROTOCOL = Protocol(size=(1344, 896), normalise=True)


@dataclass(frozen=True)
class Pair:
    """A scene as it is measured: RGB float32 in [0, 1], one size."""

    name: str
    under: Floats
    over: Floats
    reference: Floats | None


def evaluate(
    data: Path,
    methods: Mapping[str, PairMethod],
    protocol: Protocol = Protocol(),
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[ScoreTable, list[str]]:
    """Score every method on every bracket below ``data``; returns the table and what was skipped, with reasons.

    With a reference: PSNR (dB), SSIM, ΔE2000, hue error (degrees) and chroma ratio against it. Without: hue error and
    chroma ratio against the better exposed input. MEF-SSIM against the pair always.

    Raises:
        DataError: no bracket there can be measured.
    """
    table, skipped, measured = ScoreTable(), [], 0
    for bracket in find_brackets(data):
        progress(bracket.name)
        try:
            pair = read_pair(bracket, protocol)
            scores = {name: score(method(pair.under, pair.over), pair, protocol) for name, method in methods.items()}
        except (DataError, PictureError) as error:
            skipped.append(f"{bracket.name}: {error}")
            continue
        measured += 1
        for name, found in scores.items():
            table.add(pair.name, name, found)
    if not measured:
        raise DataError(f"no bracket in {str(data)!r} can be measured ({'; '.join(skipped)})")
    return table, skipped


def score(fused: Floats, pair: Pair, protocol: Protocol) -> dict[str, float]:
    """Every measure that this pair allows, by name."""
    result: NDArray[Any] = fused if protocol.normalise else to_eight_bits(np.clip(fused, 0, 1))
    scores: dict[str, float] = {}
    if pair.reference is not None:
        scores["PSNR"] = psnr(result, pair.reference)
        scores["SSIM"] = ssim(result, pair.reference)
        scores["ΔE"] = mean_delta_e(result, pair.reference)
        scores["hue°"] = hue_error(result, pair.reference)
        scores["chroma"] = chroma_ratio(result, pair.reference)
    else:
        scores["hue° to inputs"] = hue_error_to_inputs(result, pair.under, pair.over)
        scores["chroma to inputs"] = chroma_ratio_to_inputs(result, pair.under, pair.over)
    scores["MEF-SSIM"] = mef_ssim(result, [pair.under, pair.over])
    return scores


def read_pair(bracket: FoundBracket, protocol: Protocol) -> Pair:
    """Read a bracket's darkest and brightest exposure and its reference, treated as the protocol says."""
    if len(bracket.exposures) < 2:
        raise DataError(f"it has {len(bracket.exposures)} exposure(s); a bracket needs at least two")
    pictures = [read_picture(path).pixels for path in bracket.exposures]
    order = darkest_first([brightness(picture) for picture in pictures])
    chosen = [pictures[order[0]], pictures[order[-1]]]
    if bracket.reference is not None:
        chosen.append(read_picture(bracket.reference).pixels)
    if protocol.size is None and len({picture.shape for picture in chosen}) > 1:
        raise DataError("its pictures differ in size")
    treated = [_treat(picture, protocol) for picture in chosen]
    return Pair(bracket.name, treated[0], treated[1], treated[2] if bracket.reference is not None else None)


def weights_method(fuser: Fuser) -> PairMethod:
    """A model's way of fusing, on 8-bit or float pictures alike."""
    return lambda under, over: as_unit(fuser(under, over))


def baseline_methods() -> dict[str, PairMethod]:
    """OpenCV's Mertens and the plain average on the pair; enfuse too where it is installed."""

    def on_pair(method: Callable[[Sequence[NDArray[Any]]], Floats]) -> PairMethod:
        return lambda under, over: method([under, over])

    methods = {"average": on_pair(average), "OpenCV Mertens": on_pair(mertens)}
    if enfuse_available():
        methods["enfuse"] = on_pair(enfuse)
    return methods


def _treat(picture: NDArray[Any], protocol: Protocol) -> Floats:
    import cv2

    if protocol.size is not None and picture.shape[1::-1] != protocol.size:
        picture = cv2.resize(picture, protocol.size, interpolation=cv2.INTER_LINEAR)
    unit = as_unit(picture)
    if not protocol.normalise:
        return unit
    low, high = unit.min(), unit.max()
    return (unit - low) / (high - low) if high > low else unit
