"""A bracket of any length in which something moved: every frame made to show the base frame's moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lightfuse.deghost.checks import check_frames
from lightfuse.deghost.deghost import Mode, deghost
from lightfuse.deghost.regions import Mask
from lightfuse.deghost.working import Array
from lightfuse.errors import LightFuseError


@dataclass
class DeghostedBracket:
    """The frames of a bracket, all of one moment, and what was done to them.

    Attributes:
        frames: in the order given; the very same arrays where nothing was changed.
        masks: for each frame, uint8 H×W, where it was changed (255: wholly); None where it was not.
        shares: for each frame, how much of it was changed, in [0, 1].
        notes: what a person may want to know.
    """

    frames: list[Array]
    masks: list[Mask | None]
    shares: list[float]
    notes: list[str] = field(default_factory=list)


def deghost_bracket(
    frames: Sequence[Array], base: int, *, mode: Mode = "auto", threads: int | None = None
) -> DeghostedBracket:
    """Make all of an aligned bracket's frames consistent with ``frames[base]``, which stays as it is.

    Each frame is compared with its neighbour on the base's side, which already agrees: exposures so near show most of
    one another, where the bracket's ends share little. Frames darker than the base are compared with the brightest
    frame besides, which tells apart what is all but black in both the others.

    Args:
        frames: RGB, H×W×3, of one size and dtype (uint8, uint16, float32 in [0, 1]), from dark to bright.
        base: the index of the frame whose moment counts.
        mode, threads: as for `deghost`.

    Raises:
        PictureError: the frames are no such pictures, or differ in size or type.
        LightFuseError: there is no frame ``base``, or a setting is none of the above.
    """
    if not 0 <= base < len(frames):
        raise LightFuseError(f"there is no frame {base} among {len(frames)}; count from 0")
    check_frames(*frames)
    result = DeghostedBracket(list(frames), [None] * len(frames), [0.0] * len(frames))
    brightest = len(frames) - 1
    for known, other in pairwise(range(base, len(frames))):
        _follow(result, known, other, mode, threads)
    for known, other in pairwise(range(base, -1, -1)):
        _follow(result, known, other, mode, threads)
        if brightest != known:
            _follow(result, brightest, other, mode, threads)
    result.notes = list(dict.fromkeys(result.notes))
    return result


def _follow(result: DeghostedBracket, known: int, other: int, mode: Mode, threads: int | None) -> None:
    """Make frame ``other`` agree with frame ``known``."""
    dark, bright = min(known, other), max(known, other)
    found = deghost(
        result.frames[dark],
        result.frames[bright],
        base="under" if known == dark else "over",
        override=False,
        mode=mode,
        threads=threads,
    )
    result.frames[other] = found.over if known == dark else found.under
    result.notes += found.notes
    if found.mask is None:
        return
    before = result.masks[other]
    mask = found.mask if before is None else np.maximum(before, found.mask)
    result.masks[other] = mask
    result.shares[other] = float(mask.mean()) / 255
