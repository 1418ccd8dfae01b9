"""The story of a pair in which something moved: two frames in, two that agree out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from lightfuse.deghost.checks import check_frames, check_values, thread_count
from lightfuse.deghost.disagreement import KEEN, disagreement
from lightfuse.deghost.fill import fill_for
from lightfuse.deghost.mapping import IntensityMap, estimate_maps
from lightfuse.deghost.prediction import OverFromUnder, UnderFromOver
from lightfuse.deghost.regions import Mask, Region, find_regions, reach_of, seeds_of
from lightfuse.deghost.replace import Patch, replace
from lightfuse.deghost.speaker import Frame, Harm, choose_speakers, harm
from lightfuse.deghost.still import plainly_still
from lightfuse.deghost.structure import shows_the_same
from lightfuse.deghost.working import Array, Floats, factor_for, reduced
from lightfuse.errors import LightFuseError

Mode = Literal["auto", "always"]

_SMALLEST = 16
_TOO_MUCH = 0.6


@dataclass
class Deghosted:
    """A pair that shows one moment, and what was done to it.

    Attributes:
        under, over: the frames, as given (the very same arrays) where nothing was changed in them.
        mask: uint8 H×W, how far one frame speaks alone (255: wholly); None if nothing was changed.
        share: how much of the picture is under the mask, in [0, 1].
        score: how much of the disagreement in the changed regions is gone, less the harm done, in [0, 1].
        notes: what a person may want to know.
    """

    under: Array
    over: Array
    mask: Mask | None = None
    share: float = 0.0
    score: float = 0.0
    notes: list[str] = field(default_factory=list)


class _Choice(NamedTuple):
    """What the caller wants: see `deghost`."""

    base: Frame | None
    override: bool
    mode: Mode


class _Verdict(NamedTuple):
    """One region, who speaks there, and what that harms."""

    region: Region
    speaker: Frame
    harm: Harm


def deghost(
    under: Array,
    over: Array,
    *,
    base: Frame | None = None,
    override: bool = True,
    mode: Mode = "auto",
    threads: int | None = None,
) -> Deghosted:
    """Make an aligned pair agree: where something moved, one frame speaks and the other is predicted from it.

    Args:
        under, over: RGB, H×W×3, both uint8, both uint16, or both float32 in [0, 1]; never changed.
        base: the frame that speaks; None takes the one that does less harm.
        override: whether the other frame may speak in a region where the base is clipped and would leave a hole.
        mode: "auto" leaves alone what would gain nothing and pairs that disagree nearly everywhere; "always" changes
            all that disagrees.
        threads: how many threads share the work; None takes every core.

    Raises:
        PictureError: the frames are no such pictures, differ in size or type, or hold NaN or infinite values.
        LightFuseError: ``base``, ``mode`` or ``threads`` is none of the above.
    """
    check_frames(under, over)
    _check_words(base, mode)
    workers = thread_count(threads)
    factor = factor_for(*under.shape[:2])
    if mode == "auto" and under.dtype != np.float32 and plainly_still(under, over, factor, workers):
        return Deghosted(under, over)
    with ThreadPoolExecutor(min(2, workers)) as pool:
        small_under, small_over = pool.map(lambda frame: reduced(frame, factor), (under, over))
    check_values(small_under, small_over)
    maps = estimate_maps(small_under, small_over)
    if maps is None:
        return Deghosted(under, over, notes=["the exposures share too few unclipped values to look for ghosts"])
    verdicts = _judged(small_under, small_over, maps, _Choice(base, override, mode))
    share = sum(float(v.region.soft.sum()) for v in verdicts) / small_under[..., 0].size
    if mode == "auto" and share > _TOO_MUCH:
        note = f"the exposures disagree over {share:.0%} of the picture, too much to be ghosts; left as they are"
        return Deghosted(under, over, notes=[note])
    if not verdicts:
        return Deghosted(under, over)
    result = Deghosted(under, over, np.zeros(under.shape[:2], np.uint8), share, _score(verdicts))
    _resolve(result, verdicts, (small_under, small_over), maps, factor, workers)
    return result


def _check_words(base: object, mode: object) -> None:
    if base not in ("under", "over", None):
        raise LightFuseError(f"base must be 'under', 'over' or None, not {base!r}")
    if mode not in ("auto", "always"):
        raise LightFuseError(f"mode must be 'auto' or 'always', not {mode!r}")


def _judged(under: Floats, over: Floats, maps: Sequence[IntensityMap], choice: _Choice) -> list[_Verdict]:
    """The regions to change and who speaks in each."""
    if min(under.shape[:2]) < _SMALLEST:
        return []
    apart = disagreement(under, over, maps)
    seeds = seeds_of(apart, over, float(np.median([mapping.stops for mapping in maps])))
    if not seeds.any():
        return []
    keen, near = np.zeros_like(apart), reach_of(seeds)
    keen[near] = disagreement(under[near], over[near], maps, KEEN)
    regions = find_regions(seeds, keen)
    if choice.mode == "auto":
        regions = [region for region in regions if not shows_the_same(region, under, over, maps)]
    harms = [harm(region, under, over, maps) for region in regions]
    speakers = choose_speakers(regions, harms, choice.base, override=choice.override)
    verdicts = [_Verdict(*v) for v in zip(regions, speakers, harms, strict=True)]
    return [v for v in verdicts if choice.mode == "always" or v.harm.ghost > v.harm.of(v.speaker)]


def _score(verdicts: Sequence[_Verdict]) -> float:
    before = sum(v.harm.ghost * float(v.region.core.sum()) for v in verdicts)
    after = sum(v.harm.of(v.speaker) * float(v.region.core.sum()) for v in verdicts)
    return max(0.0, 1 - after / max(before, 1e-9))


def _resolve(
    result: Deghosted,
    verdicts: Sequence[_Verdict],
    small: tuple[Floats, Floats],
    maps: Sequence[IntensityMap],
    factor: int,
    workers: int,
) -> None:
    """Let each region's speaker speak: change the other frame of ``result`` there, and its mask."""
    under, over, mask = result.under, result.over, result.mask
    assert mask is not None
    by_over = [Patch(v.region, fill_for(v.region, *small, maps)) for v in verdicts if v.speaker == "over"]
    if by_over:
        result.under = replace(under, over, by_over, UnderFromOver(maps, over), factor, mask, workers)
    by_under = [Patch(v.region, None) for v in verdicts if v.speaker == "under"]
    if by_under:
        result.over = replace(over, under, by_under, OverFromUnder(maps, under), factor, mask, workers)
