"""Measure ways of fusing on a folder of brackets: read each scene, fuse it by every method, fill a table of scores."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.bracket import brightness, darkest_first, in_srgb
from lightfuse.brackets.files import BracketFolder, find_brackets
from lightfuse.brackets.selection import fuse_selection, select_exposures
from lightfuse.errors import DataError, PictureError
from lightfuse.evaluation.baselines import average, enfuse, enfuse_available, mertens
from lightfuse.evaluation.tables import ScoreTable, markdown_table
from lightfuse.fuser import Fuser
from lightfuse.images import read_picture
from lightfuse.metrics.colour import best_exposed, chroma_ratio, hue_error, mean_delta_e
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import Floats, Picture, as_unit, to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, psnr_after_gain_and_gamma, ssim
from lightfuse.metrics.tone import border_change, clipped_though_held, highlight_separation, luma_above_inputs
from lightfuse.sheets import shrink

BORDER_LONG_SIDE = 360
"""Pixels that exposures are shrunk to before `border_change`, which fuses pictures of up to 25 times the area."""

LARGEST_CHROMA_RATIO = 1.4
"""A scene whose chroma is more than this times that of its better exposed input has too much colour."""


def _far_from_one(score: float) -> float:
    return abs(math.log(score)) if score > 0 else math.inf


_low, _high = operator.neg, operator.pos
MEASURES: Mapping[str, Callable[[float], float]] = {
    "PSNR": _low,
    "SSIM": _low,
    "PSNR fitted": _low,
    "ΔE": _high,
    "hue°": _high,
    "chroma": _far_from_one,
    "hue° to inputs": _high,
    "chroma to inputs": _far_from_one,
    "chroma to bracket": _far_from_one,
    "MEF-SSIM": _low,
    "MEF-SSIM to bracket": _low,
    "luma above inputs": _high,
    "highlight spread": _low,
    "highlight L*": _high,
    "highlight contrast": _far_from_one,
    "clipped though held %": _high,
    "border change": _high,
}
"""Every measure, in the order of the table's columns, with how bad a score of it is: the larger the worse."""


@dataclass(frozen=True)
class Protocol:
    """How pictures are treated before and after fusing, and what is measured."""

    size: tuple[int, int] | None = None
    """(width, height) everything is resized to, bilinear; None keeps the size."""

    normalise: bool = False
    """Stretch inputs and reference to [0, 1] by their own extremes, and do not round results to 8 bits: how the paper's
    code measured."""

    whole_bracket: bool = False
    """Measure MEF-SSIM against all exposures too, where there are more than two."""


PAPER_PROTOCOL = Protocol(size=(1344, 896), normalise=True)


@dataclass(frozen=True)
class Scene:
    """Two or more exposures from dark to bright, and the reference if there is one: RGB float32 in [0, 1], one size."""

    name: str
    exposures: tuple[Floats, ...]
    reference: Floats | None

    @property
    def under(self) -> Floats:
        """The darkest exposure."""
        return self.exposures[0]

    @property
    def over(self) -> Floats:
        """The brightest exposure."""
        return self.exposures[-1]

    @cached_property
    def better_exposed(self) -> Floats:
        """At each pixel, the better exposed of the extreme pair: see `best_exposed`."""
        return best_exposed([self.under, self.over])

    @cached_property
    def best_exposed(self) -> Floats:
        """At each pixel, the best exposed of all exposures."""
        return best_exposed(self.exposures)


@dataclass(frozen=True)
class Method:
    """A way of fusing exposures, from dark to bright, into RGB float32 in [0, 1]: the extreme pair, or all of them."""

    fuse: Callable[[Sequence[Floats]], Floats]
    whole_bracket: bool = False

    def applies_to(self, scene: Scene) -> bool:
        """Whether it differs from the method on the pair: not for a whole bracket of two exposures."""
        return not self.whole_bracket or len(scene.exposures) > 2

    def inputs(self, scene: Scene) -> tuple[Floats, ...]:
        """The exposures of the scene that it fuses."""
        return scene.exposures if self.whole_bracket else (scene.under, scene.over)

    def __call__(self, scene: Scene) -> Floats:
        """Fuse the scene; raises PictureError where its pictures cannot be fused."""
        return self.fuse(self.inputs(scene))


@dataclass(frozen=True)
class Result:
    """The picture that a method made of a scene, as it was measured, and its score for each measure by name."""

    picture: Picture
    scores: Mapping[str, float]


def evaluate(
    data: Path,
    methods: Mapping[str, Method],
    protocol: Protocol = Protocol(),
    progress: Callable[[str], None] = lambda _: None,
    watch: Callable[[Scene, Mapping[str, Result]], None] = lambda *_: None,
) -> tuple[ScoreTable, list[str]]:
    """Score every method on every bracket below ``data`` by `measure`; returns the table and what was skipped and why.

    ``progress`` is called with the name of each bracket before it is read, ``watch`` with each scene and its results by
    method once it is measured. Raises DataError where none can be measured.
    """
    table, skipped = ScoreTable(MEASURES), []
    for bracket in find_brackets(data):
        progress(bracket.name)
        try:
            scene = read_scene(bracket, protocol)
            results = {name: measure(m, scene, protocol) for name, m in methods.items() if m.applies_to(scene)}
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
    """Fuse a scene and take every measure it allows, by the names in `MEASURES`.

    The first six are against the reference, hue and chroma "to inputs" against the better exposed of the pair, chroma
    "to bracket" against the best exposed of all, MEF-SSIM against the pair (and the bracket where the protocol asks
    for it); the others are those of `lightfuse.metrics.tone`. PSNR is in dB, hue in degrees, luma and border in levels
    of 8 bits, clipped pixels in percent.
    Raises PictureError where the scene cannot be fused or is too small to be measured.
    """
    picture = _rounded(method(scene), protocol)
    under, over, reference, scores = scene.under, scene.over, scene.reference, dict[str, float]()
    if reference is not None:
        scores["PSNR"] = psnr(picture, reference)
        scores["SSIM"] = ssim(picture, reference)
        scores["PSNR fitted"] = psnr_after_gain_and_gamma(picture, reference)
        scores["ΔE"] = mean_delta_e(picture, reference)
        scores["hue°"] = hue_error(picture, reference)
        scores["chroma"] = chroma_ratio(picture, reference)
    scores["hue° to inputs"] = hue_error(picture, scene.better_exposed)
    scores["chroma to inputs"] = chroma_ratio(picture, scene.better_exposed)
    if len(scene.exposures) > 2:
        scores["chroma to bracket"] = chroma_ratio(picture, scene.best_exposed)
    scores["MEF-SSIM"] = mef_ssim(picture, [under, over])
    if protocol.whole_bracket and len(scene.exposures) > 2:
        scores["MEF-SSIM to bracket"] = mef_ssim(picture, scene.exposures)
    scores["luma above inputs"] = luma_above_inputs(picture, under, over)
    highlights = highlight_separation(picture, under, over)
    scores |= zip(("highlight spread", "highlight L*", "highlight contrast"), highlights, strict=True)
    scores["clipped though held %"] = clipped_though_held(picture, scene.exposures)
    small = [shrink(exposure, BORDER_LONG_SIDE, BORDER_LONG_SIDE) for exposure in method.inputs(scene)]
    scores["border change"] = border_change(lambda some: _rounded(method.fuse(some), protocol), small)
    return Result(picture, scores)


def report(table: ScoreTable) -> str:
    """The table of `evaluate` as Markdown, then a table of each method's worst scenes and those of too much chroma."""
    rows = []
    for method in table.methods:
        colourful = table.scenes_above(method, "chroma to inputs", LARGEST_CHROMA_RATIO)
        rows.append([method, ", ".join(table.worst_scenes(method)), ", ".join(colourful) or "none"])
    heading = ["method", "worst scenes by mean rank", f"chroma above {LARGEST_CHROMA_RATIO:g} of the better input"]
    return f"{table.to_markdown()}\n{markdown_table(heading, rows)}"


def read_scene(bracket: BracketFolder, protocol: Protocol = Protocol()) -> Scene:
    """Read a bracket's exposures and reference and treat them as the protocol says.

    Raises DataError for fewer than two exposures or for sizes that the protocol does not make equal, PictureError for
    a picture that cannot be read.
    """
    if len(bracket.exposures) < 2:
        raise DataError(f"it has {len(bracket.exposures)} exposure(s); a bracket needs at least two")
    exposures = [in_srgb(read_picture(path)) for path in bracket.exposures]
    references = [in_srgb(read_picture(path)) for path in (bracket.reference,) if path is not None]
    if protocol.size is None and len({picture.shape for picture in exposures + references}) > 1:
        raise DataError("its pictures differ in size")
    ordered = [exposures[i] for i in darkest_first([brightness(picture) for picture in exposures])]
    treated = [_treated(picture, protocol) for picture in (*ordered, *references)]
    return Scene(bracket.name, tuple(treated[: len(ordered)]), treated[-1] if references else None)


def model_methods(fusers: Mapping[str, Fuser], *, whole_bracket: bool) -> dict[str, Method]:
    """Models on the pair and, where whole brackets are measured, on these too (see `lightfuse.brackets.selection`)."""
    methods = {name: Method(partial(_fuse_pair, fuser)) for name, fuser in fusers.items()}
    if whole_bracket:
        methods |= {f"{name}, whole bracket": Method(partial(_fuse_all, fuser), True) for name, fuser in fusers.items()}
    return methods


def _fuse_pair(fuser: Fuser, pair: Sequence[Floats]) -> Floats:
    return as_unit(fuser(*pair))


def _fuse_all(fuser: Fuser, exposures: Sequence[Floats]) -> Floats:
    return as_unit(fuse_selection(select_exposures(exposures), exposures, fuser))


def baseline_methods() -> dict[str, Method]:
    """Average, OpenCV's Mertens and, where it is installed, enfuse on the pair; Mertens on the whole bracket."""
    methods = {"average": Method(average), "OpenCV Mertens": Method(mertens)}
    if enfuse_available():
        methods["enfuse"] = Method(enfuse)
    return methods | {"OpenCV Mertens, whole bracket": Method(mertens, whole_bracket=True)}


def _rounded(fused: Floats, protocol: Protocol) -> Picture:
    return fused if protocol.normalise else to_eight_bits(np.clip(fused, 0, 1))


def _treated(picture: NDArray[Any], protocol: Protocol) -> Floats:
    import cv2

    if protocol.size is not None and picture.shape[1::-1] != protocol.size:
        picture = cv2.resize(picture, protocol.size, interpolation=cv2.INTER_LINEAR)
    unit = as_unit(picture)
    low, high = unit.min(), unit.max()
    return (unit - low) / (high - low) if protocol.normalise and high > low else unit
