"""Methods against scenes: fuse every bracket and fill a table of scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightfuse.brackets.discover import find_brackets
from lightfuse.errors import DataError, PictureError
from lightfuse.evaluation.methods import Method
from lightfuse.evaluation.scenes import AS_THEY_ARE, Protocol, Scene, read_scene
from lightfuse.evaluation.tables import ScoreTable
from lightfuse.metrics.colour import (
    chroma_ratio,
    chroma_ratio_to_inputs,
    hue_error,
    hue_error_to_inputs,
    mean_delta_e,
)
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import Picture, to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, ssim


@dataclass(frozen=True)
class Result:
    """What a method made of a scene, as it was measured, and every measure of it by name."""

    picture: Picture
    scores: Mapping[str, float]


Watcher = Callable[[Scene, Mapping[str, Result]], None]
"""Shown each measured scene with the results by method, before they are dropped."""


def look_away(_scene: Scene, _results: Mapping[str, Result]) -> None:
    """A `Watcher` that does nothing."""


def evaluate(
    data: Path,
    methods: Mapping[str, Method],
    protocol: Protocol = AS_THEY_ARE,
    progress: Callable[[str], None] = lambda _: None,
    watch: Watcher = look_away,
) -> tuple[ScoreTable, list[str]]:
    """Score every method on every bracket below ``data``; returns the table and what was skipped, with reasons.

    With a reference: PSNR (dB), SSIM, ΔE2000, hue error (degrees) and chroma ratio against it. Without: hue error and
    chroma ratio against the better exposed input. MEF-SSIM against the pair always, against the whole bracket where
    the protocol asks for it.

    Raises:
        DataError: no bracket there can be measured.
    """
    table, skipped = ScoreTable(), []
    for bracket in find_brackets(data):
        progress(bracket.name)
        try:
            scene = read_scene(bracket, protocol)
            results = {name: measure(fuse, scene, protocol) for name, fuse in methods.items() if fuse.suits(scene)}
        except (DataError, PictureError) as error:
            skipped.append(f"{bracket.name}: {error}")
            continue
        for name, result in results.items():
            table.add(scene.name, name, result.scores)
        watch(scene, results)
    if not table.methods:
        raise DataError(f"no bracket in {str(data)!r} can be measured ({'; '.join(skipped)})")
    return table, skipped


def measure(method: Method, scene: Scene, protocol: Protocol) -> Result:
    """Fuse a scene and take every measure it allows (see `evaluate`); raises PictureError where that cannot be."""
    fused = method(scene)
    picture: Picture = fused if protocol.normalise else to_eight_bits(np.clip(fused, 0, 1))
    scores: dict[str, float] = {}
    if scene.reference is not None:
        scores["PSNR"] = psnr(picture, scene.reference)
        scores["SSIM"] = ssim(picture, scene.reference)
        scores["ΔE"] = mean_delta_e(picture, scene.reference)
        scores["hue°"] = hue_error(picture, scene.reference)
        scores["chroma"] = chroma_ratio(picture, scene.reference)
    else:
        scores["hue° to inputs"] = hue_error_to_inputs(picture, scene.under, scene.over)
        scores["chroma to inputs"] = chroma_ratio_to_inputs(picture, scene.under, scene.over)
    scores["MEF-SSIM"] = mef_ssim(picture, [scene.under, scene.over])
    if protocol.whole_bracket and len(scene.exposures) > 2:
        scores["MEF-SSIM to bracket"] = mef_ssim(picture, scene.exposures)
    return Result(picture, scores)
