"""Frames from what a person gives: files, the pages of a TIFF, arrays, PIL pictures; and files read small."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lightfuse.brackets.bracket import Array, Frame, relative_exposures
from lightfuse.brackets.similarity import similarity
from lightfuse.colorspace import check_picture
from lightfuse.errors import PictureError
from lightfuse.images import RAW_SUFFIXES, Picture, ShotInfo, UnreadableError
from lightfuse.images.pixels import split, turn_upright
from lightfuse.images.read import probe_picture, raw_white_balance, read_pages, read_picture, read_raw_small
from lightfuse.system import display_name, usable_cores

PathLike = str | os.PathLike[str]

_HARDLY_USED = 65_536 // 4  # As by sensors of 12 and 14 bits.
_REDUCED = {8: 65, 4: 33, 2: 17}  # OpenCV's flags for a fraction of a JPEG's size: IMREAD_REDUCED_COLOR_8 and so on


def read_frames(
    inputs: Sequence[PathLike], *, max_pixels: int, white_level: float | None = None
) -> tuple[list[Frame], list[str]]:
    """Read the frames of a bracket, and notes on how they were read; the pages of a TIFF that is the only input.

    Files are read in parallel (decoders release the GIL), pipes on this thread, where an interrupt ends the wait.

    Args:
        inputs: paths; ``"-"`` is standard input.
        max_pixels, white_level: see `read_picture`.

    Raises:
        PictureError: one cannot be read, or there is but one, and that is no TIFF of several pages.
    """
    if len(inputs) > 1:
        pictures = _read_all(inputs, max_pixels, white_level)
        if all(picture.alpha is None for picture in pictures):
            pictures = turned_alike(pictures)
    elif os.path.isdir(inputs[0]):
        raise PictureError(f"{display_name(inputs[0])} is a folder; fuse the brackets in it by 'lightfuse batch'")
    else:
        pages = None
        if os.path.isfile(inputs[0]):
            pages = read_pages(inputs[0], max_pixels=max_pixels, white_level=white_level)
        if pages is None:
            raise PictureError("fusing takes two or more exposures of one scene, or a TIFF with several pages; 1 given")
        pictures = [replace(page, shot=ShotInfo()) for page in pages]  # The file's EXIF does not tell exposures apart.
    notes = [f"{picture.name}: {note}" for picture in pictures for note in picture.notes]
    return pictures, notes if white_level is not None else notes + _white_notes(inputs, pictures)


def _read_all(inputs: Sequence[PathLike], max_pixels: int, white_level: float | None) -> list[Picture]:
    balance = None
    if raws := [path for path in inputs if _is_raw(path)]:  # All get the white balance of the middle exposure, by EXIF.
        evs = relative_exposures([probe_picture(path).shot for path in raws])
        order = sorted(range(len(raws)), key=lambda i: evs[i]) if evs else range(len(raws))
        balance = raw_white_balance(raws[order[len(raws) // 2]])
    limited = partial(read_picture, max_pixels=max_pixels, white_level=white_level)
    read = partial(limited, white_balance=balance, transparent=True)
    if not all(os.path.isfile(path) for path in inputs):
        return [read(path) for path in inputs]
    with ThreadPoolExecutor(min(len(inputs), usable_cores())) as pool:
        return list(pool.map(read, inputs))


def _is_raw(path: PathLike) -> bool:
    return Path(path).suffix.lower() in RAW_SUFFIXES


def _white_notes(inputs: Sequence[PathLike], pictures: Sequence[Picture]) -> list[str]:
    """A note where 16 bits are hardly used."""
    if any(map(_is_raw, inputs)) or any(picture.pixels.dtype != np.uint16 for picture in pictures):
        return []
    largest = max(int(picture.pixels.max()) for picture in pictures)
    if not 0 < largest < _HARDLY_USED:
        return []
    level = 2 ** max(8, largest.bit_length()) - 1
    return [
        f"the pictures hardly use their 16 bits: the largest value is {largest}; "
        f"if white is {level}, give --white-level {level}"
    ]


def frame_from(source: Any, number: int) -> Frame:
    """The frame that a path, an array or a PIL picture is; `number` names those that have no name.

    Raises:
        PictureError: it cannot be read, or is none of these.
    """
    if isinstance(source, str | os.PathLike):
        return read_picture(source)
    if isinstance(source, np.ndarray):
        pixels: Array = source
    elif hasattr(source, "convert") and hasattr(source, "mode"):  # A PIL picture, without importing PIL.
        pixels = _pixels_of_pil(source)
    else:
        raise PictureError(f"a picture must be a path, an array or a PIL picture, not {type(source).__name__}")
    check_picture(pixels)
    return Frame(pixels, f"picture {number}")


def _pixels_of_pil(source: Any) -> Array:
    """The pixels as RGB, by the rules for files: grey of 8 or 16 bits and opaque alpha are accepted."""
    if source.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        raise PictureError(f"the PIL picture is {source.mode}; convert it to RGB")
    if source.mode in ("P", "PA", "1"):
        source = source.convert("RGBA" if source.has_transparency_data else "RGB")
    try:
        return split(np.asarray(source))[0]
    except UnreadableError as error:
        raise PictureError(f"the PIL picture {error}") from None


# ---- Small pictures --------------------------------------------------------------------------------------------------


def read_small(path: Path, side: int) -> Array:
    """A picture of a file upright, RGB, H×W×3, decoded at a fraction of its size where that is possible and faster.

    Its shorter side is not less than ``side`` pixels, unless the file's is.

    Raises:
        PictureError: it cannot be read.
    """
    import cv2

    header = probe_picture(path)
    flag = next((flag for by, flag in _REDUCED.items() if min(header.width, header.height) >= by * side), None)
    if header.format == "RAW":
        return read_raw_small(path)
    reduced = None if flag is None or header.format != "JPEG" else cv2.imdecode(np.fromfile(path, np.uint8), flag)
    return read_picture(path, transparent=True).pixels if reduced is None else np.ascontiguousarray(reduced[..., ::-1])


# ---- Orientation -----------------------------------------------------------------------------------------------------

_INVERSE = {6: 8, 8: 6}  # Of an orientation; the others undo themselves.


def turned_alike(pictures: Sequence[Picture]) -> list[Picture]:
    """Pictures whose orientation tags differ from most, turned as those are where they then show the same scene.

    Each is given turned upright by its own tag, of which its `ShotInfo` tells.
    """
    tags = [picture.shot.orientation for picture in pictures]
    common = Counter(tags).most_common(1)[0][0]
    model = pictures[tags.index(common)].pixels
    turned = list(pictures)
    for at, (picture, own) in enumerate(zip(pictures, tags, strict=True)):
        if own == common:
            continue
        as_stored = turn_upright(picture.pixels, _INVERSE.get(own, own))
        other = np.ascontiguousarray(turn_upright(as_stored, common))
        if _likeness(model, other) > _likeness(model, picture.pixels):
            note = f"its orientation tag ({own}) is not that of the other frames and was not followed"
            turned[at] = replace(picture, pixels=other, notes=(*picture.notes, note))
    return turned


def _likeness(first: Array, second: Array) -> float:
    return (similarity(first, second) or 0.0) if first.shape == second.shape else -1.0
