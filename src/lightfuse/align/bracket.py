"""Aligning a bracket: frames in, frames out that lie on the base, each moved only if that makes it agree better."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.border import fill_border, largest_rectangle, moved
from lightfuse.align.chain import Place, place_frames
from lightfuse.align.homography import Matrix, corner_distances
from lightfuse.align.judge import Mode
from lightfuse.align.steady import steady_scores
from lightfuse.align.threads import opencv_threads
from lightfuse.errors import LightFuseError, PictureError

Array = NDArray[Any]
Border = Literal["fill", "crop"]

_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
_SMALLEST_SIDE = 48
_GREEN = 1  # the least noisy channel, and one channel keeps a rising curve of tones between exposures


@dataclass(frozen=True)
class Score:
    """How well a frame agrees with the others (correlation of local contrast, 1 is perfect), before and after."""

    before: float
    after: float


@dataclass(frozen=True)
class AlignedBracket:
    """A bracket whose frames lie on the base.

    ``frames`` are H×W×3 of the given dtype; one that was not moved (nor cropped) is the very array handed in.
    ``warps`` are 3×3 homographies from pixels of the base to pixels of each frame as given (centre of the first pixel
    at (0, 0)), the identity for a frame that stayed. ``moves`` say how far the corner that moves most was moved, in
    pixels. ``scores`` are what decided. ``notes`` are sentences for the person. ``rectangle`` is the part of the base
    that every frame truly shows, as rows and columns; with ``border="crop"`` the frames are cut to it.
    """

    frames: tuple[Array, ...]
    warps: tuple[Matrix, ...]
    moves: tuple[float, ...]
    scores: tuple[Score, ...]
    notes: tuple[str, ...]
    rectangle: tuple[slice, slice]


def align_bracket(
    frames: Sequence[Array],
    base: int,
    *,
    mode: Mode = "auto",
    border: Border = "fill",
    threads: int | None = None,
    names: Sequence[str] | None = None,
) -> AlignedBracket:
    """Lay every frame of a hand-held bracket on the base exposure.

    Args:
        frames: two or more exposures in any order, RGB, H×W×3, all uint8, all uint16 or all float32 in [0, 1].
        base: the index of the frame that stays where it is.
        mode: "auto" moves a frame only if it then agrees significantly better on evidence the movement was not fitted
            to; "always" also makes small and less certain movements, but none that no hand could have made.
        border: what a frame never saw is filled from the base in the frame's tones ("fill"), or all frames are cut to
            the part that every one shows ("crop").
        threads: how many OpenCV may use; None leaves it alone. See `opencv_threads`: of brackets aligned side by side
            the first decides.
        names: what to call the frames in notes and errors; numbered from 1 without.

    Raises:
        PictureError: fewer than two frames, or frames that differ in size or dtype, or are no such pictures.
        LightFuseError: ``base``, ``mode``, ``border`` or ``threads`` is none of the above.
    """
    called = list(names) if names is not None else [f"frame {i + 1}" for i in range(len(frames))]
    _check(frames, base, called)
    _check_choices(mode, border, threads)
    if min(frames[base].shape[:2]) < _SMALLEST_SIDE:
        unseen = (Score(0.0, 0.0),) * len(frames)
        return _untouched(frames, unseen, f"pictures under {_SMALLEST_SIDE} pixels high or wide are not aligned")
    greens = [frame[..., _GREEN] for frame in frames]
    with opencv_threads(threads):
        agreements = steady_scores(greens, base) if mode == "auto" else None
        if agreements is not None:
            return _untouched(frames, tuple(Score(agreement, agreement) for agreement in agreements))
        places = place_frames(greens, base, mode)
        return _laid_out(frames, base, places, border, called)


def _laid_out(
    frames: Sequence[Array], base: int, places: Sequence[Place], border: Border, names: Sequence[str]
) -> AlignedBracket:
    """Warp the frames that are to be moved, and see to the borders."""
    height, width = frames[base].shape[:2]
    whole = slice(0, height), slice(0, width)
    rectangle = largest_rectangle([place.warp for place in places if place.verdict.moved], width, height)
    window = rectangle if border == "crop" else whole
    laid = []
    for frame, place in zip(frames, places, strict=True):
        if place.verdict.moved:
            shown = moved(frame, place.warp, window)
            if border == "fill":
                fill_border(shown, frames[base], place.warp)
        else:
            shown = frame if window == whole else np.ascontiguousarray(frame[window])
        laid.append(shown)
    moves = [float(corner_distances(place.warp, np.eye(3), width, height).max()) for place in places]
    return AlignedBracket(
        frames=tuple(laid),
        warps=tuple(place.warp for place in places),
        moves=tuple(moves),
        scores=tuple(Score(place.verdict.before, place.verdict.after) for place in places),
        notes=tuple(_notes(places, moves, names)),
        rectangle=rectangle,
    )


def _notes(places: Sequence[Place], moves: Sequence[float], names: Sequence[str]) -> Iterator[str]:
    for place, move, name in zip(places, moves, names, strict=True):
        if place.verdict.moved:
            yield f"{name} was moved by {move:.1f} px"
        elif place.verdict.reason:
            yield f"{name} stays where it is: {place.verdict.reason}"


def _untouched(frames: Sequence[Array], scores: tuple[Score, ...], *notes: str) -> AlignedBracket:
    height, width = frames[0].shape[:2]
    return AlignedBracket(
        frames=tuple(frames),
        warps=tuple(np.eye(3) for _ in frames),
        moves=(0.0,) * len(frames),
        scores=scores,
        notes=notes,
        rectangle=(slice(0, height), slice(0, width)),
    )


def _check(frames: Sequence[Array], base: int, names: Sequence[str]) -> None:
    if len(frames) < 2:
        raise PictureError(f"a bracket to align has two or more pictures, not {len(frames)}")
    if len(names) != len(frames):
        raise LightFuseError(f"{len(names)} names were given for {len(frames)} pictures")
    if not 0 <= base < len(frames):
        raise LightFuseError(f"the base is a picture's index from 0 to {len(frames) - 1}, not {base}")
    for frame, name in zip(frames, names, strict=True):
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype not in _DTYPES or frame.size == 0:
            raise PictureError(
                f"{name} cannot be aligned: pictures are H×W×3 of uint8, uint16 or float32, "
                f"not {'×'.join(map(str, frame.shape))} of {frame.dtype}"
            )
    first, called = frames[base], names[base]
    for frame, name in zip(frames, names, strict=True):
        if frame.shape != first.shape:
            sizes = [f"{n} is {f.shape[1]}×{f.shape[0]}" for n, f in ((called, first), (name, frame))]
            raise PictureError(f"the pictures differ in size: {sizes[0]}, {sizes[1]}; give pictures of one size")
        if frame.dtype != first.dtype:
            raise PictureError(
                f"the pictures differ in depth: {called} is {first.dtype}, {name} {frame.dtype}; bring them to one"
            )
        # NaN and infinity both show in the sum of the extremes, without an array as large as the picture.
        if frame.dtype == np.float32 and not np.isfinite(frame.min() + frame.max()):
            raise PictureError(f"{name} cannot be aligned: it holds values that are not finite")


def _check_choices(mode: str, border: str, threads: int | None) -> None:
    if mode not in ("auto", "always"):
        raise LightFuseError(f"the alignment's mode is 'auto' or 'always', not {mode!r}")
    if border not in ("fill", "crop"):
        raise LightFuseError(f"the alignment's border is 'fill' or 'crop', not {border!r}")
    if threads is not None and threads < 1:
        raise LightFuseError(f"threads must be a whole number from 1, not {threads}")
