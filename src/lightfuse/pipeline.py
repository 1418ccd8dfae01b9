"""The story of one bracket in files: read, order, fuse, write."""

import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.frames import Bracket, Frame, in_one_profile, make_bracket
from lightfuse.brackets.order import light_taken
from lightfuse.errors import OutputError, PictureError
from lightfuse.fuser import DEFAULT_MODEL, Fuser, check_picture, usable_cores
from lightfuse.fusing import AS_USUAL, FusedBracket, FuseOptions, fuse_bracket, load_parts
from lightfuse.images import (
    Picture,
    RawSettings,
    probe_picture,
    raw_white_balance,
    read_picture,
    shot_info,
)
from lightfuse.images.container import UnreadableError
from lightfuse.images.encode import format_of
from lightfuse.images.pixels import to_rgb
from lightfuse.images.raw_scan import RAW_SUFFIXES
from lightfuse.images.source import display_name
from lightfuse.models import Weights
from lightfuse.products import AS_USUAL_WRITTEN, STDIO, WriteOptions, check_products, write_products

MAX_PIXELS = 500_000_000

PathLike = str | os.PathLike[str]
Array = NDArray[Any]


@dataclass
class FuseReport:
    """What became of one bracket.

    Attributes:
        output: the path as it was given.
        beside: what else was written, such as a comparison sheet.
        exposures: the paths given, from dark to bright.
        fused: those of them that were fused.
        width, height: of the result, in pixels.
        model: the model's name.
        seconds: for each part.
        notes: things to know.
    """

    output: str
    beside: list[str]
    exposures: list[str]
    fused: list[str]
    width: int
    height: int
    model: str
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def fuse_files(
    inputs: Sequence[PathLike],
    output: PathLike,
    fuser: Fuser,
    options: WriteOptions = AS_USUAL_WRITTEN,
    fusing: FuseOptions = AS_USUAL,
    *,
    max_pixels: int = MAX_PIXELS,
) -> FuseReport:
    """Fuse the exposures of one scene, two or more files in any order, into ``output`` (``"-"``: standard streams).

    Raises:
        PictureError: an input cannot be read or does not fit the others; nothing is written.
        OutputError: the output cannot be written there; nothing is read if that is clear beforehand.
    """
    clock = _Clock()
    _check_inputs(inputs, (output, *options.beside(output)))
    _check_streams(inputs, output, options)
    check_products(output, options)
    pictures = _read_together(inputs, max_pixels, meanwhile=partial(load_parts, fusing))
    clock.lap("read")

    bracket = make_bracket([_frame(picture) for picture in pictures])
    bracket = in_one_profile(bracket)
    fused = _fuse_named(bracket, fuser, fusing, keep=options.needs_frames)
    clock.lap("fuse")

    written = write_products(output, fused, options)
    clock.lap("write")
    return FuseReport(
        output=os.fspath(output),
        beside=written[1:],
        exposures=[os.fspath(inputs[i]) for i in bracket.given],
        fused=[os.fspath(inputs[bracket.given[i]]) for i in fused.recipe],
        width=fused.picture.shape[1],
        height=fused.picture.shape[0],
        model=fuser.weights.model,
        seconds=clock.seconds,
        notes=[*(f"{p.name}: {note}" for p in pictures for note in p.notes), *fused.notes],
    )


def fuse(
    *pictures: Any,
    model: str | Path | Weights = DEFAULT_MODEL,
    threads: int | None = None,
    options: FuseOptions = AS_USUAL,
) -> NDArray[Any]:
    """Fuse two or more exposures of one scene, given in any order, and return the result.

    Args:
        pictures: paths, RGB arrays (H×W×3; uint8, uint16 or float32 in [0, 1]) or PIL pictures, in any mixture.
        model: the name of a shipped model, or the path of a weights file.
        threads: how many threads to use; None takes every core.
        options: alignment, ghosts, choice of exposures, look.

    Returns:
        RGB, H×W×3, of the inputs' dtype (the widest of them where they differ).

    Raises:
        PictureError: an input cannot be read or does not fit the others.
        WeightsError: the model is unknown or its file is unusable.
    """
    frames = [_frame_of(source, number) for number, source in enumerate(pictures, start=1)]
    fuser = Fuser(model, threads)
    return fuse_bracket(make_bracket(frames), fuser, options).picture


def _frame_of(source: Any, number: int) -> Frame:
    if isinstance(source, str | os.PathLike):
        return _frame(read_picture(source))
    pixels = _pixels(source)
    check_picture(pixels)
    return Frame(pixels, f"picture {number}")


def _frame(picture: Picture) -> Frame:
    return Frame(picture.pixels, picture.name, picture.metadata, shot_info(picture.metadata))


def _pixels(source: Any) -> Array:
    if isinstance(source, np.ndarray):
        return source
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


def _check_inputs(inputs: Sequence[PathLike], outputs: Sequence[PathLike]) -> None:
    if len(inputs) < 2:
        raise PictureError(f"fusing takes two or more exposures of one scene; {len(inputs)} given")
    for first, second in itertools.combinations(inputs, 2):
        if _same_file(first, second):
            raise PictureError(f"{display_name(first)} is given twice; give different exposures of the scene")
    for path, output in itertools.product(inputs, outputs):
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


def _read_together(
    inputs: Sequence[PathLike], max_pixels: int, meanwhile: Callable[[], None] = lambda: None
) -> list[Picture]:
    """Read files side by side (decoders release the GIL), pipes on this thread, where an interrupt ends the wait."""
    raw = _raw_settings(inputs)
    if not all(os.path.isfile(path) for path in inputs):
        return [read_picture(path, raw=raw, max_pixels=max_pixels) for path in inputs]
    with ThreadPoolExecutor(min(len(inputs), usable_cores())) as pool:
        pictures = pool.map(lambda path: read_picture(path, raw=raw, max_pixels=max_pixels), inputs)
        meanwhile()
        return list(pictures)


def _raw_settings(inputs: Sequence[PathLike]) -> RawSettings | None:
    """One setting for all raw files of a bracket: the white balance of the exposure in the middle, by EXIF."""
    raws = [path for path in inputs if Path(path).suffix.lower() in RAW_SUFFIXES]
    if not raws:
        return None
    light = light_taken([probe_picture(path).shot for path in raws])
    order = sorted(range(len(raws)), key=lambda i: light[i]) if light else range(len(raws))
    return RawSettings(raw_white_balance(raws[order[len(raws) // 2]]))


def _fuse_named(bracket: Bracket, fuser: Fuser, options: FuseOptions, *, keep: bool) -> FusedBracket:
    try:
        return fuse_bracket(bracket, fuser, options, keep=keep)
    except PictureError as error:
        names = " and ".join(frame.name for frame in bracket.frames)
        raise PictureError(f"{names} cannot be fused: {error}") from None


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
