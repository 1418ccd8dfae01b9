"""Measure ways of fusing on a folder of brackets: read each scene, fuse it by every method, fill a table of scores."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.bracket import brightness, darkest_first
from lightfuse.brackets.files import BracketFolder, find_brackets
from lightfuse.brackets.selection import fuse_selection, select_exposures
from lightfuse.errors import DataError, PictureError
from lightfuse.evaluation.baselines import average, enfuse, enfuse_available, mertens
from lightfuse.evaluation.tables import ScoreTable, markdown_table
from lightfuse.fuser import Fuser
from lightfuse.images import read_picture
from lightfuse.metrics.colour import (
    chroma_ratio,
    chroma_ratio_to_inputs,
    hue_error,
    hue_error_to_inputs,
    mean_delta_e,
)
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import Floats, Picture, as_unit, to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, psnr_after_gain_and_gamma, ssim
from lightfuse.metrics.tone import (
    LARGEST_CHROMA_RATIO,
    border_change,
    clipped_though_held,
    highlight_separation,
    luma_above_inputs,
)
from lightfuse.sheets import shrink

BORDER_LONG_SIDE = 360
"""Pixels that exposures are shrunk to before `border_change`, which fuses pictures of up to 25 times the area."""


def _higher(score: float) -> float:
    return -score


def _lower(score: float) -> float:
    return score


def _near_one(score: float) -> float:
    return abs(math.log(score)) if score > 0 else math.inf


MEASURES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "PSNR": _higher,
        "SSIM": _higher,
        "PSNR fitted": _higher,
        "ΔE": _lower,
        "hue°": _lower,
        "chroma": _near_one,
        "hue° to inputs": _lower,
        "chroma to inputs": _near_one,
        "MEF-SSIM": _higher,
        "MEF-SSIM to bracket": _higher,
        "luma above inputs": _lower,
        "highlight spread": _higher,
        "highlight L*": _lower,
        "highlight contrast": _near_one,
        "clipped though held %": _lower,
        "border change": _lower,
    }
)
"""Every measure, in the order of the table's columns, with how bad a score of it is: the larger the worse."""


@dataclass(frozen=True)
class Protocol:
    """How pictures are treated before and after fusing, and what is measured.

    Attributes:
        size: (width, height) everything is resized to, bilinear; None keeps the size.
        normalise: stretch inputs and reference to [0, 1] by their own extremes, and do not round results: how the
            paper's code measured. Otherwise nothing is stretched and results are rounded to 8 bits.
        whole_bracket: measure MEF-SSIM against all exposures too, where there are more than two.
    """

    size: tuple[int, int] | None = None
    normalise: bool = False
    whole_bracket: bool = False


DEFAULT_PROTOCOL = Protocol()
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


@dataclass(frozen=True)
class Method:
    """One way of fusing a scene into RGB float32 in [0, 1].

    Attributes:
        fuse: takes exposures from dark to bright.
        whole_bracket: it is given every exposure; otherwise the darkest and the brightest.
    """

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


Watcher = Callable[[Scene, Mapping[str, Result]], None]
"""Called with each scene once it is measured, and with the results by method."""


def evaluate(
    data: Path,
    methods: Mapping[str, Method],
    protocol: Protocol = DEFAULT_PROTOCOL,
    progress: Callable[[str], None] = lambda _: None,
    watchers: Sequence[Watcher] = (),
) -> tuple[ScoreTable, list[str]]:
    """Score every method on every bracket below ``data``; returns the table and what was skipped, with reasons.

    The scores are those of `measure`. ``progress`` is called with the name of each bracket before it is read.

    Raises:
        DataError: no bracket there can be measured.
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
        for watcher in watchers:
            watcher(scene, results)
    if not table.methods:
        raise DataError(f"no bracket in {str(data)!r} can be measured ({'; '.join(skipped)})")
    return table, skipped


def measure(method: Method, scene: Scene, protocol: Protocol) -> Result:
    """Fuse a scene and take every measure it allows, by the names in `MEASURES`.

    With a reference: PSNR (dB), SSIM, PSNR after the best gain and gamma (dB), ΔE2000, hue error (degrees) and chroma
    ratio against it. Always: hue error and chroma ratio against the better exposed input, MEF-SSIM against the pair
    (against the whole bracket where the protocol asks for it), and the measures of `lightfuse.metrics.tone`: luma above
    the inputs (levels), spread, mean (L*) and local contrast of the highlights that only under holds, pixels clipped
    though an exposure holds them (%), and by how much a black border changes the picture inside it (levels).

    Raises:
        PictureError: the scene cannot be fused or is too small to be measured.
    """
    picture = _rounded(method(scene), protocol)
    under, over, scores = scene.under, scene.over, dict[str, float]()
    if scene.reference is not None:
        scores["PSNR"] = psnr(picture, scene.reference)
        scores["SSIM"] = ssim(picture, scene.reference)
        scores["PSNR fitted"] = psnr_after_gain_and_gamma(picture, scene.reference)
        scores["ΔE"] = mean_delta_e(picture, scene.reference)
        scores["hue°"] = hue_error(picture, scene.reference)
        scores["chroma"] = chroma_ratio(picture, scene.reference)
    scores["hue° to inputs"] = hue_error_to_inputs(picture, under, over)
    scores["chroma to inputs"] = chroma_ratio_to_inputs(picture, under, over)
    scores["MEF-SSIM"] = mef_ssim(picture, [under, over])
    if protocol.whole_bracket and len(scene.exposures) > 2:
        scores["MEF-SSIM to bracket"] = mef_ssim(picture, scene.exposures)
    scores["luma above inputs"] = luma_above_inputs(picture, under, over)
    highlights = highlight_separation(picture, under, over)
    scores["highlight spread"] = highlights.spread
    scores["highlight L*"] = highlights.mean
    scores["highlight contrast"] = highlights.local_contrast
    scores["clipped though held %"] = clipped_though_held(picture, scene.exposures)
    small = [shrink(exposure, BORDER_LONG_SIDE, BORDER_LONG_SIDE) for exposure in method.inputs(scene)]
    scores["border change"] = border_change(lambda exposures: _rounded(method.fuse(exposures), protocol), small)
    return Result(picture, scores)


def report(table: ScoreTable) -> str:
    """The table of `evaluate` as Markdown, then a table of each method's worst scenes and those of too much chroma."""
    rows = []
    for method in table.methods:
        colourful = table.scenes_above(method, "chroma to inputs", LARGEST_CHROMA_RATIO)
        rows.append([method, ", ".join(table.worst_scenes(method)), ", ".join(colourful) or "none"])
    heading = ["method", "worst scenes by mean rank", f"chroma above {LARGEST_CHROMA_RATIO:g} of the better input"]
    return f"{table.to_markdown()}\n{markdown_table(heading, rows)}"


def read_scene(bracket: BracketFolder, protocol: Protocol = DEFAULT_PROTOCOL) -> Scene:
    """Read a bracket's exposures and reference and treat them as the protocol says.

    Raises:
        DataError: there are fewer than two exposures, or pictures of different size that no protocol makes equal.
        PictureError: a picture cannot be read.
    """
    if len(bracket.exposures) < 2:
        raise DataError(f"it has {len(bracket.exposures)} exposure(s); a bracket needs at least two")
    exposures = [read_picture(path).pixels for path in bracket.exposures]
    reference = None if bracket.reference is None else read_picture(bracket.reference).pixels
    shapes = {picture.shape for picture in (*exposures, reference) if picture is not None}
    if protocol.size is None and len(shapes) > 1:
        raise DataError("its pictures differ in size")
    ordered = [exposures[i] for i in darkest_first([brightness(picture) for picture in exposures])]
    return Scene(
        bracket.name,
        tuple(_treated(picture, protocol) for picture in ordered),
        None if reference is None else _treated(reference, protocol),
    )


def model_methods(fusers: Mapping[str, Fuser], *, whole_bracket: bool) -> dict[str, Method]:
    """Models on the pair and, where whole brackets are measured, on these too (see `lightfuse.brackets.selection`)."""

    def on_pair(fuser: Fuser) -> Method:
        return Method(lambda pair: as_unit(fuser(*pair)))

    def on_bracket(fuser: Fuser) -> Method:
        return Method(
            lambda exposures: as_unit(fuse_selection(select_exposures(exposures, fuser), exposures, fuser)), True
        )

    methods = {name: on_pair(fuser) for name, fuser in fusers.items()}
    if whole_bracket:
        methods |= {f"{name}, whole bracket": on_bracket(fuser) for name, fuser in fusers.items()}
    return methods


def baseline_methods() -> dict[str, Method]:
    """Average, OpenCV's Mertens and, where it is installed, enfuse on the pair; Mertens on the whole bracket."""
    methods = {"average": Method(average), "OpenCV Mertens": Method(mertens)}
    if enfuse_available():
        methods["enfuse"] = Method(enfuse)
    methods["OpenCV Mertens, whole bracket"] = Method(mertens, whole_bracket=True)
    return methods


def _rounded(fused: Floats, protocol: Protocol) -> Picture:
    return fused if protocol.normalise else to_eight_bits(np.clip(fused, 0, 1))


def _treated(picture: NDArray[Any], protocol: Protocol) -> Floats:
    import cv2

    if protocol.size is not None and picture.shape[1::-1] != protocol.size:
        picture = cv2.resize(picture, protocol.size, interpolation=cv2.INTER_LINEAR)
    unit = as_unit(picture)
    if not protocol.normalise:
        return unit
    low, high = unit.min(), unit.max()
    return (unit - low) / (high - low) if high > low else unit
