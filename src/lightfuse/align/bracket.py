"""Aligning a bracket: every frame aligned to the base, moved only if that passes the acceptance test."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse import core
from lightfuse.align.surround import find_scene
from lightfuse.colorspace import check_pictures
from lightfuse.errors import LightFuseError, PictureError
from lightfuse.system import thread_count

Array = NDArray[Any]
Matrix = NDArray[np.floating[Any]]
Window = tuple[slice, slice]
Mode = Literal["auto", "always"]
Border = Literal["fill", "crop"]

_SMALLEST_SIDE = 48
_REASONS = (
    "",
    "too little can be seen in common with the other exposures",
    "no plausible camera movement aligns it to the others",
    "",
)
"""Why a frame is not moved, by the core's numbers; the first and last: no gain is certain, or it is already aligned."""


class _Registration(NamedTuple):
    """A frame's homography in pixels (base to frame; the identity if it is not moved), how far, and why not."""

    warp: Matrix
    move: float
    reason: str = ""


class AlignedBracket(NamedTuple):
    """A bracket whose frames are aligned to the base.

    Attributes:
        frames: H×W×3 of the given dtype; one that was not moved (nor cropped) is the very array given.
        warps: 3×3 homographies from pixels of the base to pixels of each frame as given (centre of the first pixel at
            (0, 0)); the identity for a frame that was not moved.
        moves: how far the corner that moves most was moved, in pixels.
        notes: messages for the user.
    """

    frames: tuple[Array, ...]
    warps: tuple[Matrix, ...]
    moves: tuple[float, ...]
    notes: tuple[str, ...]


def align_bracket(
    frames: Sequence[Array],
    base: int,
    *,
    mode: Mode = "auto",
    border: Border = "fill",
    threads: int | None = None,
    names: Sequence[str] | None = None,
    in_place: bool = False,
) -> AlignedBracket:
    """Align every frame of a hand-held bracket to the base exposure.

    Args:
        frames: two or more exposures in any order, RGB, H×W×3, all uint8, all uint16 or all float32 in [0, 1].
        base: the index of the frame that is not moved.
        mode: "auto" moves a frame only if its correlation improves significantly on tiles to which the movement was not
            fitted; "always" also makes small and less certain movements, but no implausible ones.
        border: what a frame does not show is filled from the base in the frame's tones ("fill"), or all frames are cut
            to the part that every one shows ("crop").
        threads: how many share the warping; None takes all usable cores.
        names: what to call the frames in notes and errors; numbered from 1 by default.
        in_place: frames that are moved may be overwritten, which saves the memory of one.

    Raises:
        PictureError: fewer than two frames, or frames of another shape or dtype, of different sizes or dtypes, or with
            NaN or infinite values.
        LightFuseError: ``base``, ``mode``, ``border``, ``threads`` or ``names`` is none of the above.
    """
    called = list(names) if names is not None else [f"frame {i + 1}" for i in range(len(frames))]
    _check(frames, base, called)
    if mode not in ("auto", "always"):
        raise LightFuseError(f"the alignment's mode is 'auto' or 'always', not {mode!r}")
    if border not in ("fill", "crop"):
        raise LightFuseError(f"the alignment's border is 'fill' or 'crop', not {border!r}")
    sharing = thread_count(threads)
    if min(frames[base].shape[:2]) < _SMALLEST_SIDE:
        note = f"pictures under {_SMALLEST_SIDE} pixels high or wide are not aligned"
        return AlignedBracket(tuple(frames), (np.eye(3),) * len(frames), (0.0,) * len(frames), (note,))
    registered = _register([core.packed(frame) for frame in frames], base, mode)
    height, width = frames[base].shape[:2]
    window = whole = slice(0, height), slice(0, width)
    if border == "crop":
        window = largest_rectangle([found.warp for found in registered if found.move], width, height)
    aligned, notes = [], []
    for frame, found, name in zip(frames, registered, called, strict=True):
        if found.move:
            notes.append(f"{name} was moved by {found.move:.1f} px")
            shown = warped(core.packed(frame), found.warp, window, sharing, in_place=in_place and window == whole)
            if border == "fill":
                core.fill_border(shown, core.packed(frames[base]), found.warp.ravel().tolist())
        else:
            shown = frame if window == whole else np.ascontiguousarray(frame[window])
            if found.reason:
                notes.append(f"{name} stays where it is: {found.reason}")
        aligned.append(shown)
    return AlignedBracket(
        frames=tuple(aligned),
        warps=tuple(found.warp for found in registered),
        moves=tuple(found.move for found in registered),
        notes=tuple(notes),
    )


def _register(frames: Sequence[Array], base: int, mode: Mode) -> list[_Registration]:
    """Register every frame to the base, through the exposures between them."""
    scene = find_scene(frames, _SMALLEST_SIDE)
    place = np.array([[1, 0, scene.left], [0, 1, scene.top], [0, 0, 1.0]])
    back = np.array([[1, 0, -scene.left], [0, 1, -scene.top], [0, 0, 1.0]])
    order = sorted(range(len(frames)), key=lambda i: float(frames[i][::8, ::8, 1].mean()))
    at = order.index(base)
    found = {base: _Registration(np.eye(3), 0.0)}
    for side in (order[at + 1 :], order[:at][::-1]):
        answers = core.align_frames(scene.frames[base], [scene.frames[i] for i in side], mode == "always")
        for index, (warp, move, reason) in zip(side, answers, strict=True):
            whole = place @ np.reshape(warp, (3, 3)) @ back
            found[index] = _Registration(whole, move, _REASONS[reason])
    return [found[i] for i in range(len(frames))]


def warped(frame: Array, warp: Matrix, window: Window, threads: int = 1, *, in_place: bool = False) -> Array:
    """The part ``window`` (rows, columns) of the base's image plane as ``frame`` shows it: same dtype, H×W×3.

    Cubic interpolation, mirrored at the frame's edges. Its overshoot never leaves the range of the dtype, which is
    [0, 1] for float32. The rows of ``frame`` are interleaved RGB without gaps. With ``in_place``, which takes the whole
    plane, it is written over ``frame`` if that is writeable.
    """
    rows, columns = window
    corner = np.array([[1, 0, columns.start], [0, 1, rows.start], [0, 0, 1.0]])
    size = rows.stop - rows.start, columns.stop - columns.start
    shown = frame if in_place and frame.flags.writeable else np.empty((*size, 3), frame.dtype)
    core.warp(frame, (warp @ corner).ravel().tolist(), shown, threads)
    return shown


def largest_rectangle(warps: list[Matrix], width: int, height: int) -> Window:
    """Rows and columns of the base that every warped frame shows entirely.

    Hand shake is so small that the rectangle inside a frame's corners is the largest within a pixel or two.
    """
    left, top, right, bottom = 0.0, 0.0, width - 1.0, height - 1.0
    for warp in warps:
        # The centres of the corner pixels, clockwise from the upper left.
        corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1.0]])
        mapped = corners @ np.linalg.inv(warp).T
        x, y = mapped[:, 0] / mapped[:, 2], mapped[:, 1] / mapped[:, 2]
        left, right = max(left, x[0], x[3]), min(right, x[1], x[2])
        top, bottom = max(top, y[0], y[1]), min(bottom, y[2], y[3])
    return slice(int(np.ceil(top)), int(bottom) + 1), slice(int(np.ceil(left)), int(right) + 1)


def _check(frames: Sequence[Array], base: int, names: Sequence[str]) -> None:
    if len(frames) < 2:
        raise PictureError(f"a bracket to align has two or more pictures, not {len(frames)}")
    if len(names) != len(frames):
        raise LightFuseError(f"{len(names)} names were given for {len(frames)} pictures")
    if not 0 <= base < len(frames):
        raise LightFuseError(f"the base is a picture's index from 0 to {len(frames) - 1}, not {base}")
    check_pictures(frames, names)
    for frame, name in zip(frames, names, strict=True):
        # NaN and infinity both show in the sum of the extremes, without an array as large as the picture.
        if frame.dtype == np.float32 and not np.isfinite(frame.min() + frame.max()):
            raise PictureError(f"{name} cannot be aligned: it holds values that are not finite")
