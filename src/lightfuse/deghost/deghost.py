"""Deghosting: frames in which something moved are made to show one moment.

In every region of motion one frame is the source exposure, and the other is predicted from it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import check_pair, full_scale
from lightfuse.deghost.blend import OverFromUnder, Patch, UnderFromOver, fill_for, replace
from lightfuse.deghost.mapping import (
    BLACK,
    GRID,
    WHITE,
    Array,
    Floats,
    IntensityMap,
    estimate_maps,
    lookup,
    median_stops,
    reduced,
    reduction_factor,
)
from lightfuse.deghost.motion import (
    LOW,
    Mask,
    Region,
    disagreement,
    find_regions,
    is_static,
    reach_of,
    same_structure,
    seeds_of,
)
from lightfuse.errors import LightFuseError, PictureError
from lightfuse.system import usable_cores

Mode = Literal["auto", "always"]
Frame = Literal["under", "over"]

_SMALLEST = 16
_TOO_LARGE_SHARE = 0.6
_MAX_THREADS = 1024

_BLANK, _HIDDEN, _CUT = 0.25, 0.4, 0.06
"""The cost of a pixel that the source exposure does not show (clipped) though the other frame shows something else."""
_NOISE = 0.7 / 255
"""Noise of under after filtering, in its own values: an 8-bit photograph's; the mapping's slope amplifies it."""
_TOLERANCE = 4 / 255
_ROUNDED, _BLIND = 2.5 / 255, 0.15
"""Under resolves nothing where this much rounding of it becomes that much in over."""
_COSTLY, _CLEARLY = 0.06, 0.5

_TINT, _TINT_STRENGTH = np.array([255, 0, 170], np.float32), 0.55


@dataclass
class Deghosted:
    """A pair that shows one moment, and what was changed in it.

    Attributes:
        under, over: the frames; a frame in which nothing was changed is the very array given.
        mask: uint8 H×W, how far a pixel was replaced by a prediction from the other frame (255: entirely); None if
            nothing was changed.
        share: the mean of the mask, in [0, 1].
        score: how much of the disagreement in the changed regions was removed, less the cost, in [0, 1].
        notes: messages for the user.
    """

    under: Array
    over: Array
    mask: Mask | None = None
    share: float = 0.0
    score: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass
class DeghostedBracket:
    """Frames that show one moment.

    Attributes:
        frames: in the order given; a frame in which nothing was changed is the very array given.
        masks: for each comparison of two frames that changed one of them, where: uint8 H×W, see `Deghosted`.
        notes: messages for the user.
    """

    frames: list[Array]
    masks: list[Mask] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Replacement(NamedTuple):
    """A region to change, its source exposure, and the cost of that."""

    region: Region
    source: Frame
    cost: "Cost"


def deghost(
    under: Array,
    over: Array,
    *,
    base: Frame | None = None,
    override: bool = True,
    mode: Mode = "auto",
    threads: int | None = None,
) -> Deghosted:
    """Make an aligned pair show one moment: where something moved, one frame is predicted from the other, its source.

    Args:
        under, over: RGB, H×W×3, both uint8, both uint16, or both float32 in [0, 1]; never changed.
        base: the source exposure; None takes the one with the lower expected cost.
        override: whether the other frame may be the source of a region where the base is clipped and would leave a
            hole.
        mode: "auto" changes only what improves, and nothing if the frames disagree nearly everywhere; "always" changes
            all that disagrees.
        threads: how many threads share the work; None takes every core.

    Raises:
        PictureError: the frames are not such pictures, differ in size or type, or hold NaN or infinite values.
        LightFuseError: ``base``, ``mode`` or ``threads`` is none of the above.
    """
    check_pair(under, over)
    if base not in ("under", "over", None):
        raise LightFuseError(f"base must be 'under', 'over' or None, not {base!r}")
    if mode not in ("auto", "always"):
        raise LightFuseError(f"mode must be 'auto' or 'always', not {mode!r}")
    if threads is not None and (not isinstance(threads, int) or not 1 <= threads <= _MAX_THREADS):
        raise LightFuseError(f"threads must be an integer from 1 to {_MAX_THREADS}, not {threads}")
    workers = threads or usable_cores()
    factor = reduction_factor(*under.shape[:2])
    if mode == "auto" and under.dtype != np.float32 and is_static(under, over, factor, workers):
        return Deghosted(under, over)
    with ThreadPoolExecutor(min(2, workers)) as pool:
        small_under, small_over = pool.map(lambda frame: reduced(frame, factor), (under, over))
    if not (np.isfinite(small_under).all() and np.isfinite(small_over).all()):
        raise PictureError("a frame holds NaN or infinite values; replace them before fusing")
    maps = estimate_maps(small_under, small_over)
    if maps is None:
        return Deghosted(under, over, notes=["the exposures share too few unclipped values to look for ghosts"])
    regions = _moving_regions(small_under, small_over, maps, mode)
    costs = [region_cost(region, small_under, small_over, maps) for region in regions]
    sources = choose_sources(regions, costs, base, override=override)
    found = [_Replacement(*r) for r in zip(regions, sources, costs, strict=True)]
    if mode == "auto":
        found = [r for r in found if r.cost.ghost > r.cost.of(r.source)]
    share = sum(float(r.region.soft.sum()) for r in found) / small_under[..., 0].size
    if mode == "auto" and share > _TOO_LARGE_SHARE:
        note = f"the exposures disagree over {share:.0%} of the picture, too much to be ghosts; left as they are"
        return Deghosted(under, over, notes=[note])
    if not found:
        return Deghosted(under, over)
    mask = np.zeros(under.shape[:2], np.uint8)
    result = Deghosted(under, over, mask, share, _score(found))
    from_over = [
        Patch(r.region, fill_for(r.region, small_under, small_over, maps)) for r in found if r.source == "over"
    ]
    if from_over:
        result.under = replace(under, over, from_over, UnderFromOver(maps, over), factor, mask, workers)
    from_under = [Patch(r.region, None) for r in found if r.source == "under"]
    if from_under:
        result.over = replace(over, under, from_under, OverFromUnder(maps, under), factor, mask, workers)
    return result


def deghost_bracket(frames: Sequence[Array], *, mode: Mode = "auto", threads: int | None = None) -> DeghostedBracket:
    """Make all of an aligned bracket's frames show one moment.

    Two frames are deghosted as a pair. Of more, the middle one is the only source exposure: every other frame is
    predicted from its neighbour on the middle's side, which by then shows the middle's moment, wherever they disagree.
    Were each pair to choose its own source, the result could show an object twice.

    Args:
        frames: two or more, RGB, H×W×3, of one size and dtype, from dark to bright; never changed.
        mode, threads: as for `deghost`.

    Raises:
        PictureError, LightFuseError: as `deghost` does.
    """
    result = DeghostedBracket(list(frames))
    middle, last = len(frames) // 2, len(frames) - 1
    pairs = [(i, i + 1) for i in (*range(middle, last), *range(middle - 1, -1, -1))]
    for dark, bright in pairs:
        base: Frame | None = None if len(frames) == 2 else "under" if dark >= middle else "over"
        found = deghost(
            result.frames[dark],
            result.frames[bright],
            base=base,
            override=base is None,
            mode=mode,
            threads=threads,
        )
        result.frames[dark], result.frames[bright] = found.under, found.over
        result.masks += [] if found.mask is None else [found.mask]
        result.notes += [note for note in found.notes if note not in result.notes]
    return result


def _moving_regions(under: Floats, over: Floats, maps: Sequence[IntensityMap], mode: Mode) -> list[Region]:
    """The regions of two reduced frames in which something moved."""
    if min(under.shape[:2]) < _SMALLEST:
        return []
    high = disagreement(under, over, maps)
    seeds = seeds_of(high, over, median_stops(maps))
    if not seeds.any():
        return []
    low, near = np.zeros_like(high), reach_of(seeds)
    low[near] = disagreement(under[near], over[near], maps, LOW)
    regions = find_regions(seeds, low)
    return regions if mode == "always" else [r for r in regions if not same_structure(r, under, over, maps)]


def _score(replacements: Sequence[_Replacement]) -> float:
    before = sum(r.cost.ghost * float(r.region.core.sum()) for r in replacements)
    after = sum(r.cost.of(r.source) * float(r.region.core.sum()) for r in replacements)
    return max(0.0, 1 - after / max(before, 1e-9))


@dataclass(frozen=True)
class Cost:
    """The mean error of a region's pixels, in values of over: with each frame as the source, and of the ghost itself.

    ``cut_under`` and ``cut_over`` are expected in addition where the object may extend beyond the region into what a
    frame does not resolve: with that frame as the source it would be cut off there.
    """

    under: float
    over: float
    cut_under: float
    cut_over: float
    ghost: float

    def of(self, source: Frame) -> float:
        """The cost with ``source`` as the source exposure."""
        return self.under if source == "under" else self.over

    def expected(self, source: Frame) -> float:
        """The cost, and that of cutting off the object at the region's edge."""
        return self.under + self.cut_under if source == "under" else self.over + self.cut_over


def region_cost(region: Region, under: Floats, over: Floats, maps: Sequence[IntensityMap]) -> Cost:
    """The cost of either source exposure for one region of the reduced frames (H×W×3 in [0, 1])."""
    box = (region.rows, region.columns)
    noise, ghost = (np.zeros(region.soft.shape, np.float32) for _ in range(2))
    blank, hidden = (np.zeros(region.soft.shape, np.bool_) for _ in range(2))
    for channel, mapping in enumerate(maps):
        u, o = under[box][..., channel], over[box][..., channel]
        noise = np.maximum(noise, lookup(mapping.slope(GRID), u))
        ghost = np.maximum(ghost, np.abs(lookup(mapping.over, u) - o))
        darkest, whitest = mapping.forward(np.array(BLACK + _TOLERANCE)), mapping.backward(np.array(WHITE))
        blank |= (u <= BLACK) & (o > darkest + _TOLERANCE)
        hidden |= (o >= WHITE) & (u < whitest - _TOLERANCE)
    core = region.core
    rim = (region.soft > 0) & ~core
    unresolved = np.minimum(noise * np.float32(_ROUNDED / _BLIND), 1)
    clipped = np.asarray((over[box] >= WHITE).any(-1))
    return Cost(
        under=float(np.maximum(np.minimum(noise * np.float32(_NOISE), _BLANK), _BLANK * blank)[core].mean()),
        over=_HIDDEN * float(hidden[core].mean()),
        cut_under=_CUT * float(unresolved[rim].mean()),
        cut_over=_CUT * float(clipped[rim].mean()),
        ghost=float(ghost[core].mean()),
    )


def choose_sources(
    regions: Sequence[Region], costs: Sequence[Cost], base: Frame | None, *, override: bool = True
) -> list[Frame]:
    """The source exposure of each region: one frame for all, so that no object shows twice, but with ``override`` not
    where it would leave a hole.

    That frame is ``base`` if given, else the one with the lower expected cost over all regions.
    """
    sizes = [float(region.core.sum()) for region in regions]
    first = base
    if first is None:
        under, over = (
            sum(cost.expected(frame) * size for cost, size in zip(costs, sizes, strict=True))
            for frame in ("under", "over")
        )
        first = "over" if over <= under else "under"
    if not override:
        return [first] * len(regions)
    other: Frame = "over" if first == "under" else "under"
    return [other if c.of(first) > _COSTLY and c.expected(other) < c.of(first) * _CLEARLY else first for c in costs]


def ghost_overlay(frame: Array, mask: Mask | None) -> NDArray[np.uint8]:
    """``frame`` (H×W×3; uint8, uint16 or float32 in [0, 1]) as uint8, magenta where ``mask`` (uint8 H×W) is set."""
    tinted = np.clip(frame.astype(np.float32) * np.float32(255 / full_scale(frame.dtype)), 0, 255)
    if mask is not None:
        tinted += (_TINT - tinted) * (mask.astype(np.float32) * np.float32(_TINT_STRENGTH / 255))[..., None]
    return np.asarray(np.round(tinted), np.uint8)
