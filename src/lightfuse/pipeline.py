"""The story of one bracket: read, order, fuse, write."""

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.order import base_exposure, brightness, darkest_first
from lightfuse.errors import OutputError, PictureError
from lightfuse.fuser import DEFAULT_MODEL, Fuser
from lightfuse.images import Picture, check_output, read_picture, write_picture
from lightfuse.images.container import UnreadableError
from lightfuse.images.encode import format_of
from lightfuse.images.pixels import to_rgb
from lightfuse.images.source import display_name
from lightfuse.weights import Weights

MAX_PIXELS = 500_000_000
STDIO = "-"

PathLike = str | os.PathLike[str]
Array = NDArray[Any]


@dataclass(frozen=True)
class WriteOptions:
    """How the result is written. ``quality`` 1 to 100; ``stdout_suffix`` names the format on standard output."""

    quality: int = 95
    overwrite: bool = False
    stdout_suffix: str = ".png"


@dataclass
class FuseReport:
    """What became of one bracket: paths as they were given, size in pixels, seconds for each part, things to know."""

    output: str
    under: str
    over: str
    width: int
    height: int
    model: str
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def fuse_files(
    inputs: Sequence[PathLike],
    output: PathLike,
    fuser: Fuser,
    options: WriteOptions = WriteOptions(),
    *,
    max_pixels: int = MAX_PIXELS,
) -> FuseReport:
    """Fuse an under- and an over-exposed file, given in either order, into ``output`` (``"-"``: standard streams).

    Raises:
        PictureError: an input cannot be read or does not fit the other; nothing is written.
        OutputError: the output cannot be written there; nothing is read if that is clear beforehand.
    """
    clock = _Clock()
    _check_inputs(inputs, output)
    _check_streams(inputs, output, options)
    check_output(output, overwrite=options.overwrite)
    pictures = _read_together(inputs, max_pixels)
    clock.lap("read")

    pixels = _same_depth(*(picture.pixels for picture in pictures))
    _check_sizes(pictures)
    levels = [brightness(picture) for picture in pixels]
    under, over = darkest_first(levels)
    base = pictures[base_exposure(levels)]
    fused = _fuse_named(fuser, pixels[under], pixels[over], pictures)
    clock.lap("fuse")

    write_picture(
        output,
        fused,
        base.metadata,
        quality=options.quality,
        overwrite=options.overwrite,
        suffix=options.stdout_suffix,
    )
    clock.lap("write")
    return FuseReport(
        output=os.fspath(output),
        under=os.fspath(inputs[under]),
        over=os.fspath(inputs[over]),
        width=fused.shape[1],
        height=fused.shape[0],
        model=fuser.weights.model,
        seconds=clock.seconds,
        notes=_notes(pictures),
    )


def fuse(
    under: Any, over: Any, *, model: str | Path | Weights = DEFAULT_MODEL, threads: int | None = None
) -> NDArray[Any]:
    """Fuse two pictures of one scene, given in either order, and return the result.

    Args:
        under, over: paths, RGB arrays (H×W×3; uint8, uint16 or float32 in [0, 1]) or PIL pictures, in any mixture.
        model: the name of a shipped model, or the path of a weights file.
        threads: how many threads to use; None takes every core.

    Returns:
        RGB, H×W×3, of the inputs' dtype (the wider of the two where they differ).

    Raises:
        PictureError: an input cannot be read or does not fit the other.
        WeightsError: the model is unknown or its file is unusable.
    """
    first, second = _same_depth(_pixels(under), _pixels(over))
    return Fuser(model, threads)(first, second)


def _pixels(source: Any) -> Array:
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, str | os.PathLike):
        return read_picture(source).pixels
    if hasattr(source, "convert") and hasattr(source, "mode"):  # A PIL picture, without importing PIL.
        return _pixels_of_pil(source)
    raise PictureError(f"a picture must be a path, an array or a PIL picture, not {type(source).__name__}")


def _pixels_of_pil(source: Any) -> Array:
    """Its pixels as RGB, by the rules for files: grey of 8 or 16 bits and opaque alpha are welcome."""
    if source.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        raise PictureError(f"the PIL picture is {source.mode}; convert it to RGB")
    if source.mode in ("P", "PA", "1"):
        source = source.convert("RGBA" if source.has_transparency_data else "RGB")
    try:
        return to_rgb(np.asarray(source))
    except UnreadableError as error:
        raise PictureError(f"the PIL picture {error}") from None


def _check_inputs(inputs: Sequence[PathLike], output: PathLike) -> None:
    if len(inputs) != 2:
        raise PictureError(f"fusing takes two pictures, an under- and an over-exposed one; {len(inputs)} given")
    first, second = inputs
    if _same_file(first, second):
        raise PictureError(f"both pictures are the same file, {display_name(first)}; give two exposures of the scene")
    for path in inputs:
        if STDIO not in (output, path) and _same_file(path, output):
            raise OutputError(f"{display_name(output)} is one of the inputs, which stay as they are; give another name")


def _check_streams(inputs: Sequence[PathLike], output: PathLike, options: WriteOptions) -> None:
    if STDIO in inputs and sys.stdin is None:
        raise PictureError("standard input is closed; give a file, or send a picture there")
    if output == STDIO:
        if sys.stdout is None:
            raise OutputError("standard output is closed; give a file, or send it somewhere")
        format_of(options.stdout_suffix)


def _same_file(a: PathLike, b: PathLike) -> bool:
    if a == b:
        return True
    try:
        return os.path.samefile(a, b)
    except (OSError, ValueError):
        return False


def _read_together(inputs: Sequence[PathLike], max_pixels: int) -> list[Picture]:
    """Read files side by side (decoders release the GIL), pipes on this thread, where an interrupt ends the wait."""
    if not all(os.path.isfile(path) for path in inputs):
        return [read_picture(path, max_pixels=max_pixels) for path in inputs]
    with ThreadPoolExecutor(len(inputs)) as pool:
        return list(pool.map(lambda path: read_picture(path, max_pixels=max_pixels), inputs))


def _check_sizes(pictures: Sequence[Picture]) -> None:
    first, second = pictures
    if first.pixels.shape != second.pixels.shape:
        sizes = [f"{p.name} is {p.pixels.shape[1]}×{p.pixels.shape[0]}" for p in (first, second)]
        raise PictureError(f"the pictures differ in size: {sizes[0]}, {sizes[1]}; give two of one size")


def _same_depth(first: Array, second: Array) -> tuple[Array, Array]:
    """Bring two pictures to the wider of their dtypes: 8 to 16 bits, integers to float."""
    widths = {np.dtype(np.uint8): 0, np.dtype(np.uint16): 1, np.dtype(np.float32): 2}
    if first.dtype == second.dtype or not {first.dtype, second.dtype} <= widths.keys():
        return first, second
    target = max(first.dtype, second.dtype, key=lambda dtype: widths[dtype])
    return _deepen(first, target), _deepen(second, target)


def _deepen(picture: Array, target: np.dtype[Any]) -> Array:
    if picture.dtype == target:
        return picture
    if target == np.uint16:
        return picture.astype(np.uint16) * np.uint16(257)
    return picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)


def _fuse_named(fuser: Fuser, under: Array, over: Array, pictures: Sequence[Picture]) -> Array:
    try:
        return fuser(under, over)
    except PictureError as error:
        names = " and ".join(picture.name for picture in pictures)
        raise PictureError(f"{names} cannot be fused: {error}") from None


def _notes(pictures: Sequence[Picture]) -> list[str]:
    notes = [f"{picture.name}: {note}" for picture in pictures for note in picture.notes]
    if len({picture.metadata.icc for picture in pictures}) > 1:
        notes.append("the pictures have different colour profiles; the result carries the base exposure's")
    return notes


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
