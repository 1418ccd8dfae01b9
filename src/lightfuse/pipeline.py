"""One bracket from files to file: read, order, align, select, deghost, fuse, apply the look, write."""

import itertools
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align import align_bracket
from lightfuse.brackets.agreement import averaged, white_balanced
from lightfuse.brackets.bracket import Bracket, in_one_profile, make_bracket
from lightfuse.brackets.masks import fill_transparent, opaque_masks, union_alpha
from lightfuse.brackets.reading import frame_from, read_frames
from lightfuse.brackets.selection import Selection, extreme_pair, fuse_selection, select_exposures, selection_cost
from lightfuse.brackets.similarity import MIN_SIMILARITY, find_mismatch
from lightfuse.brackets.surround import find_mount
from lightfuse.deghost import deghost_bracket
from lightfuse.errors import OutputError, PictureError
from lightfuse.fuser import DEFAULT_MODEL, Context, Fuser, Tone, tone_key
from lightfuse.images import FusingCoding, UnreadableError, format_of, fusing_coding, read_picture
from lightfuse.looks import apply_look
from lightfuse.models import Weights
from lightfuse.options import DEFAULT_OPTIONS, STDIO, Effort, FuseOptions, PathLike
from lightfuse.outputs import FusedBracket, check_outputs, format_notes, write_outputs
from lightfuse.system import display_name, is_same_file

Array = NDArray[Any]


@dataclass
class FuseReport:
    """What `fuse_files` did with one bracket.

    Attributes:
        output: the path as it was given.
        extra_outputs: the other files written, such as a comparison sheet.
        exposures: the paths given, from dark to bright.
        fused: those of them that were fused.
        width, height: of the result, in pixels.
        model: the model's name.
        seconds: taken by each step: ``read``, ``fuse``, ``write``.
        notes: what a person may want to know.
        left_out: those of the paths that were not needed, each with the reason; averaged frames are not among them.
        selection_cost: fraction of the picture that is well exposed only in frames that were not fused.
    """

    output: str
    extra_outputs: list[str]
    exposures: list[str]
    fused: list[str]
    width: int
    height: int
    model: str
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    selection_cost: float = 0.0


def fuse_files(
    inputs: Sequence[PathLike], output: PathLike, fuser: Fuser, options: FuseOptions = DEFAULT_OPTIONS
) -> FuseReport:
    """Fuse the exposures of one scene, two or more files in any order, into ``output`` (``"-"``: standard streams).

    Raises:
        PictureError: an input cannot be read or does not fit the others; nothing is written.
        OutputError: the output cannot be written; nothing is read if that is known beforehand.
    """
    times = [time.perf_counter()]
    _check_inputs(inputs, (output, *options.extra_outputs(output)))
    _check_streams(inputs, output, options)
    check_outputs(output, options)
    frames, notes = read_frames(inputs, max_pixels=options.max_pixels, white_level=options.white_level)
    names = [os.fspath(path) for path in inputs] if len(inputs) > 1 else [frame.name for frame in frames]
    times.append(time.perf_counter())

    # Eight bits are widened before anything is computed: deeper files hold more than 256 levels then.
    bracket = in_one_profile(make_bracket(frames, 8 if options.encode.bit_depth in ("auto", 8) else 16))
    del frames  # Not to keep the pictures that were widened.
    try:
        fused = fuse_bracket(bracket, fuser, options, keep_frames=options.needs_frames)
    except PictureError as error:
        raise PictureError(f"{' and '.join(f.name for f in bracket.frames)} cannot be fused: {error}") from None
    times.append(time.perf_counter())

    written = write_outputs(output, fused, options)
    times.append(time.perf_counter())
    unused = [given for i, given in enumerate(fused.bracket.given) if i not in fused.selection]
    return FuseReport(
        output=os.fspath(output),
        extra_outputs=written[1:],
        exposures=[names[i] for i in bracket.given],
        fused=[names[bracket.given[i]] for i in fused.selection],
        width=fused.picture.shape[1],
        height=fused.picture.shape[0],
        model=fuser.weights.model,
        seconds={
            step: b - a for step, (a, b) in zip(("read", "fuse", "write"), itertools.pairwise(times), strict=True)
        },
        notes=[*notes, *fused.notes, *format_notes(output, fused, options)],
        left_out={names[given]: _selected_by(options, fused) for given in unused},
        selection_cost=round(fused.selection_cost, 5),
    )


def fuse(
    *pictures: Any,
    model: str | Path | Weights = DEFAULT_MODEL,
    threads: int | None = None,
    options: FuseOptions = DEFAULT_OPTIONS,
) -> Array:
    """Fuse two or more exposures of one scene, given in any order, and return the result.

    Args:
        pictures: paths, RGB arrays (H×W×3; uint8, uint16 or float32 in [0, 1]) or PIL pictures, in any mixture. Paths
            alone are read as `fuse_files` reads them: RAW files in one white balance, the pages of a TIFF as frames,
            transparent parts filled from the other frames.
        model: the name of a shipped model, or the path of a weights file.
        threads: how many threads to use; None takes every core.
        options: alignment, deghosting, selection of exposures, look, reading; those about output have no effect.

    Returns:
        RGB, H×W×3, of the inputs' dtype (the widest of them where they differ).

    Raises:
        PictureError: an input cannot be read or does not fit the others.
        WeightsError: the model is unknown or its file is unusable.
    """
    if pictures and all(isinstance(source, str | os.PathLike) for source in pictures):
        frames, _ = read_frames(pictures, max_pixels=options.max_pixels, white_level=options.white_level)
    else:
        frames = [frame_from(source, number) for number, source in enumerate(pictures, start=1)]
    return fuse_bracket(in_one_profile(make_bracket(frames)), Fuser(model, threads), options).picture


def fuse_bracket(
    bracket: Bracket, fuser: Fuser, options: FuseOptions = DEFAULT_OPTIONS, *, keep_frames: bool = True
) -> FusedBracket:
    """Fuse the frames of one bracket in memory.

    Args:
        bracket: two or more frames, ordered.
        fuser: the model.
        options: alignment, deghosting, selection of exposures, look.
        keep_frames: leave the bracket's pixels as they are. Otherwise they may be overwritten, which saves the memory
            of one picture, and the result's ``bracket`` must not be used.

    Raises:
        PictureError: the frames cannot be fused, or show different scenes and ``options.require_one_scene`` is set.
    """
    bracket, coding = in_fusing_coding(bracket, fitted=options.tone is None)
    alphas = [frame.alpha for frame in bracket.frames]
    mount = None if options.border == "crop" else find_mount(bracket.pixels)
    if mount is not None:
        # No step takes for a part of the scene what is black in all exposures.
        framed = bracket.base_frame.pixels
        bracket = bracket.with_pixels([np.where(mount[..., None], p.dtype.type(0), p) for p in bracket.pixels])
    if any(alpha is not None for alpha in alphas):
        # What other programs have warped, they have aligned.
        bracket = bracket.with_pixels(fill_transparent(bracket.pixels, opaque_masks(alphas, bracket.pixels[0].shape)))
    else:
        bracket = _align(white_balanced(bracket), fuser, options, in_place=not keep_frames)
    bracket = _check_scene(bracket, options)
    bracket = bracket if options.wrap else averaged(bracket)
    tone, tone_notes = _given_tone(bracket, fuser, options)
    selection = _select(bracket, tone, options)
    cost = selection_cost(bracket.pixels, selection) if len(selection) < len(bracket.frames) else 0.0
    selected, ghosts, notes = _deghost([bracket.pixels[i] for i in selection], fuser, options.deghost)
    stack, moment = None, None
    if options.stack is not None or options.hdr is not None:
        stack = list(selected)
        if len(selection) < len(bracket.frames):
            stack, motion, _ = _deghost(bracket.pixels, fuser, options.deghost)
            moment = dict(zip(selection, selected, strict=True)) if ghosts or motion else None
    place = bracket.base_frame.metadata.place
    wrap = options.wrap and (place is None or place[2] == bracket.pixels[0].shape[1])  # A part has no neighbours.
    given = tone.contexts if tone else ()
    picture, contexts = _fuse_selected(selected, fuser, given, wrap=wrap, in_place=not keep_frames)
    picture = apply_look(picture, options.look, options.strength, threads=fuser.threads)
    if mount is not None:
        for pixels in (picture, *bracket.pixels, *(stack or ()), *(moment or {}).values()):
            np.copyto(pixels, framed, where=mount[..., None])
    return FusedBracket(
        picture if coding is None else coding.decode(picture),
        bracket,
        selection,
        ghosts,
        (*bracket.notes, *tone_notes, *notes),
        cost,
        stack,
        moment,
        coding=coding,
        alpha=union_alpha(alphas),
        tone=Tone(len(bracket.frames), selection, contexts, tone_key(fuser.weights)) if contexts else None,
    )


def read_tone(path: PathLike) -> Tone:
    """Return the tone of a fused picture, which its metadata tell (EXIF, Software).

    Raises:
        PictureError: the picture cannot be read, or tells none.
    """
    found = re.search(rb"LightFuse [^\0]*\(tone ([\w+/=]+)\)", read_picture(path).metadata.exif or b"")
    try:
        return Tone.from_text(found[1].decode("ascii") if found else "")
    except ValueError:
        raise PictureError(
            f"{display_name(path)} does not tell its tone; give a picture fused by LightFuse with its metadata, "
            "by the model 'small' or 'base'"
        ) from None


# ---- The steps in memory


def in_fusing_coding(bracket: Bracket, *, fitted: bool = False) -> tuple[Bracket, FusingCoding | None]:
    """The bracket in the sRGB-like coding that networks are made for; None where it is in that already.

    Not fitted to its colours, the coding is the same for all brackets of a set.
    """
    try:
        coding = fusing_coding(bracket.base_frame.metadata.icc)
    except UnreadableError as error:
        return bracket.with_pixels(bracket.pixels, f"{bracket.base_frame.name} {error}; it was fused like sRGB"), None
    if coding is None:
        return bracket, None
    coding = coding.fitted(bracket.pixels) if fitted else coding
    return bracket.with_pixels([coding.encode(pixels) for pixels in bracket.pixels]), coding


def _select(bracket: Bracket, tone: Tone | None, options: FuseOptions) -> Selection:
    if tone is not None:
        return tone.selection
    if options.exposures == "extremes":
        return extreme_pair(len(bracket.frames))
    return select_exposures(bracket.pixels)


def _fuse_selected(
    frames: list[Array], fuser: Fuser, given: Sequence[Context], *, wrap: bool, in_place: bool
) -> tuple[Array, tuple[Context, ...]]:
    """Fuse the selected frames, one to three; returns the picture and each pair's context, if the model has any."""
    contexts: list[Context | None] = []

    def fuse_pair(under: Array, over: Array) -> Array:
        known = given[len(contexts)] if given else None
        if wrap:
            fused, context = _fuse_wrapped(fuser, under, over, known)
        else:
            reused = in_place and under.flags.c_contiguous and under.flags.writeable
            fused, context = fuser.fuse(under, over, under if reused else None, known)
        contexts.append(context)
        return fused

    picture = frames[0] if len(frames) == 1 else fuse_selection(tuple(range(len(frames))), frames, fuse_pair)
    return picture, tuple(context for context in contexts if context is not None)


def _fuse_wrapped(fuser: Fuser, under: Array, over: Array, given: Context | None) -> tuple[Array, Context | None]:
    """Fuse with half of the picture repeated on either side, so that the context knows no edge there.

    Every column is there twice, so that the summary of the scene stays the same, and the thumbnail's cells repeat.
    """
    width = under.shape[1]
    columns = np.arange(-(width // 2), width + width - width // 2) % width
    given = given and replace(given, grid=None)
    fused, context = fuser.fuse(under[:, columns], over[:, columns], context=given)
    return np.ascontiguousarray(fused[:, width // 2 : width // 2 + width]), context


def _align(bracket: Bracket, fuser: Fuser, options: FuseOptions, *, in_place: bool) -> Bracket:
    if options.align == "off":
        return bracket
    aligned = align_bracket(
        bracket.pixels,
        bracket.base,
        mode=options.align,
        border=options.border,
        threads=fuser.threads,
        names=[frame.name for frame in bracket.frames],
        in_place=in_place,
    )
    notable = options.align == "always" or any(aligned.moves)
    return bracket.with_pixels(aligned.frames, *(aligned.notes if notable else ()))


def _check_scene(bracket: Bracket, options: FuseOptions) -> Bracket:
    """The bracket with a note if two neighbouring exposures show different scenes; or the refusal."""
    mismatch = find_mismatch(bracket.pixels)
    if mismatch is None:
        return bracket
    position, found = mismatch
    names = " and ".join(frame.name for frame in bracket.frames[position : position + 2])
    message = (
        f"{names} do not seem to show one scene (similarity {max(0.0, found):.2f}, expected {MIN_SIMILARITY} or more)"
    )
    if options.require_one_scene:
        raise PictureError(f"{message}; if they do, fuse them with 'lightfuse fuse'")
    return bracket.with_pixels(bracket.pixels, f"{message}; check that they belong together")


def _given_tone(bracket: Bracket, fuser: Fuser, options: FuseOptions) -> tuple[Tone | None, tuple[str, ...]]:
    """The tone to use, if one was given for as many exposures, and a note if it was for others."""
    count, tone = len(bracket.frames), options.tone
    if tone is None:
        return None, ()
    if tone.count != count:
        return None, (f"it has a tone of its own: that asked for is of {tone.count} exposures, and these are {count}",)
    if tone.model != tone_key(fuser.weights):
        raise PictureError("the tone asked for is that of another model; fuse with the same model")
    return tone, ()


def _selected_by(options: FuseOptions, fused: FusedBracket) -> str:
    """Why frames that were not selected were not."""
    if options.tone is not None and options.tone.count == len(fused.bracket.frames):
        return "the tone asked for, or that of the set, is made of the others"
    if options.exposures == "extremes":
        return "it is not an extreme"
    cost = f", but for {fused.selection_cost:.1%} of the picture" if fused.selection_cost >= 0.001 else ""
    return f"the others hold the scene{cost}"


def _deghost(
    frames: list[Array], fuser: Fuser, effort: Effort
) -> tuple[list[Array], list[NDArray[np.uint8]], list[str]]:
    """The frames as one moment shows them, the motion masks, and notes."""
    if effort == "off":
        return frames, [], []
    result = deghost_bracket(frames, mode=effort, threads=fuser.threads)
    return result.frames, result.masks, result.notes if result.masks or effort == "always" else []


# ---- Checks


def _check_inputs(inputs: Sequence[PathLike], outputs: Sequence[PathLike]) -> None:
    if not inputs:
        raise PictureError("fusing takes two or more exposures of one scene; none given")
    for first, second in itertools.combinations(inputs, 2):
        if is_same_file(first, second):
            raise PictureError(f"{display_name(first)} is given twice; give different exposures of the scene")
    for path, output in itertools.product(inputs, outputs):
        if STDIO not in (output, path) and is_same_file(path, output):
            raise OutputError(f"{display_name(output)} is one of the inputs, which stay as they are; give another name")


def _check_streams(inputs: Sequence[PathLike], output: PathLike, options: FuseOptions) -> None:
    if STDIO in inputs and sys.stdin is None:
        raise PictureError("standard input is closed; give a file, or send a picture there")
    if output == STDIO:
        if sys.stdout is None:
            raise OutputError("standard output is closed; give a file, or send it somewhere")
        format_of(options.stdout_suffix)
