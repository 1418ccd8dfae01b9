"""Deghosting: frames in which something moved are made to show one moment.

In every region of motion one frame is the source exposure, and the other is predicted from it. The compiled core
(core/deghost.h) finds the regions, chooses the sources and predicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse import core
from lightfuse.colorspace import check_pictures, full_scale
from lightfuse.errors import LightFuseError, PictureError
from lightfuse.system import thread_count

Array = NDArray[Any]
Mask = NDArray[np.uint8]
Mode = Literal["auto", "always"]
Frame = Literal["under", "over"]

_TINT, _TINT_STRENGTH = np.array([255, 0, 170], np.float32), 0.55


@dataclass
class Deghosted:
    """A pair that shows one moment, and what was changed in it.

    Attributes:
        under, over: the frames; a frame in which nothing was changed is the very array given.
        mask: uint8 H×W, how far a pixel was replaced by a prediction from the other frame (255: entirely); None if
            nothing was changed.
        notes: messages for the user.
    """

    under: Array
    over: Array
    mask: Mask | None = None
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


def deghost(
    under: Array,
    over: Array,
    *,
    base: Frame | None = None,
    mode: Mode = "auto",
    threads: int | None = None,
) -> Deghosted:
    """Make an aligned pair show one moment: where something moved, one frame is predicted from the other, its source.

    Args:
        under, over: RGB, H×W×3, both uint8, both uint16, or both float32 in [0, 1]; never changed.
        base: the source exposure; None takes the one with the lower expected cost, and the other one where that is
            clipped and would leave a hole.
        mode: "auto" changes only what improves, and nothing if the frames disagree nearly everywhere; "always" changes
            all that disagrees.
        threads: how many threads share the work; None takes every core.

    Raises:
        PictureError: the frames are not such pictures, differ in size or type, or hold NaN or infinite values.
        LightFuseError: ``base``, ``mode`` or ``threads`` is none of the above.
    """
    check_pictures((under, over))
    if base not in ("under", "over", None):
        raise LightFuseError(f"base must be 'under', 'over' or None, not {base!r}")
    if mode not in ("auto", "always"):
        raise LightFuseError(f"mode must be 'auto' or 'always', not {mode!r}")
    workers = thread_count(threads)
    search = core.Ghosts(core.packed(under), core.packed(over), workers)
    result = Deghosted(under, over)
    if mode == "auto" and under.dtype != np.float32 and search.are_none():
        return result
    problem, changes_under, changes_over, share = search.search(base or "", mode == "always")
    if problem == "not finite":
        raise PictureError("a frame holds NaN or infinite values; replace them before fusing")
    if problem == "not comparable":
        result.notes.append("the exposures share too few unclipped values to look for ghosts")
    elif problem == "too large":
        result.notes.append(
            f"the exposures disagree over {share:.0%} of the picture, too much to be ghosts; left as they are"
        )
    elif changes_under or changes_over:
        result.mask = np.zeros(under.shape[:2], np.uint8)
        if changes_under:
            result.under = np.array(under, order="C")
            search.replace("over", result.under, result.mask)
        if changes_over:
            result.over = np.array(over, order="C")
            search.replace("under", result.over, result.mask)
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
        found = deghost(result.frames[dark], result.frames[bright], base=base, mode=mode, threads=threads)
        result.frames[dark], result.frames[bright] = found.under, found.over
        result.masks += [] if found.mask is None else [found.mask]
        result.notes += [note for note in found.notes if note not in result.notes]
    return result


def ghost_overlay(frame: Array, mask: Mask | None) -> NDArray[np.uint8]:
    """``frame`` (H×W×3; uint8, uint16 or float32 in [0, 1]) as uint8, magenta where ``mask`` (uint8 H×W) is set."""
    tinted = np.clip(frame.astype(np.float32) * np.float32(255 / full_scale(frame.dtype)), 0, 255)
    if mask is not None:
        tinted += (_TINT - tinted) * (mask.astype(np.float32) * np.float32(_TINT_STRENGTH / 255))[..., None]
    return np.asarray(np.round(tinted), np.uint8)
