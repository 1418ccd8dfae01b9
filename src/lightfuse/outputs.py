"""What fusing a bracket gives, and the files written of it: the picture and the extra outputs."""

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.bracket import Bracket
from lightfuse.brackets.selection import Selection
from lightfuse.errors import OutputError
from lightfuse.fuser import Tone
from lightfuse.images import EncodeOptions, FusingCoding, Metadata, format_of, with_software, without_metadata
from lightfuse.images.colour import rgb_profile
from lightfuse.images.metadata import Format
from lightfuse.images.options import HOLD_ALPHA, HOLD_GREY, bits_of
from lightfuse.images.pixels import to_grey
from lightfuse.images.write import check_output, write_picture
from lightfuse.options import STDIO, FuseOptions, PathLike, compare_path
from lightfuse.system import display_name, make_folder


@dataclass(frozen=True)
class FusedBracket:
    """The result of fusing a bracket.

    Attributes:
        picture: RGB, H×W×3, of the frames' dtype, in the base exposure's profile.
        bracket: the frames as they were fused: aligned, of one size with the picture, in the fusing coding.
        selection: positions of the frames that were fused.
        ghosts: motion masks, H×W uint8, one for each pair of frames in which something moved.
        notes: what a person may want to know, the bracket's own notes first.
        selection_cost: fraction of the picture that is well exposed only in frames that were not fused.
        stack: the pixels of every frame as one moment shows them, if a stack or an HDR picture was asked for.
        moment: pixels of the frames that were fused, by position, where the stack may show another moment.
        coding: converts between the fusing coding (sRGB) and the profile; None where they are the same.
        alpha: H×W, of the picture's dtype, 0 where no frame shows anything; None where all is opaque.
        tone: the selection and the contexts; None if the model is no context model.
    """

    picture: NDArray[Any]
    bracket: Bracket
    selection: Selection
    ghosts: list[NDArray[np.uint8]] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    selection_cost: float = 0.0
    stack: list[NDArray[Any]] | None = None
    moment: dict[int, NDArray[Any]] | None = None
    coding: FusingCoding | None = None
    alpha: NDArray[Any] | None = None
    tone: Tone | None = None

    @property
    def is_grey(self) -> bool:
        """Whether all frames that were fused are grey."""
        return all(frame.grey for frame in self.bracket.frames)

    @cached_property
    def in_srgb(self) -> NDArray[Any]:
        """The picture in the fusing coding, like the frames."""
        return self.picture if self.coding is None else self.coding.encode(self.picture)


def check_outputs(output: PathLike, options: FuseOptions) -> None:
    """Check, before any work is done, that every output can be written.

    Raises:
        OutputError: one cannot be, or two would have the same name.
    """
    check_output(output, overwrite=options.overwrite)
    if options.compare:
        if output == STDIO:
            raise OutputError("--compare names its sheet after the output, which is a pipe; give a file with -o")
        check_output(compare_path(output), overwrite=options.overwrite)
    if options.hdr is not None:
        from lightfuse.hdr.files import check_hdr_output

        check_hdr_output(options.hdr, overwrite=options.overwrite)
    paths = [os.path.realpath(path) for path in (output, *options.extra_outputs(output))]
    if len(set(paths)) < len(paths):
        raise OutputError("two of the results would have one name; give them different ones")
    for folder in (options.stack, options.debug):
        if folder is not None:
            make_folder(folder)
    if options.stack is not None and not options.overwrite and any(Path(options.stack).glob("*.tif")):
        raise OutputError(
            f"{display_name(options.stack)} holds TIFF files already; give another folder, or --overwrite"
        )


def write_outputs(output: PathLike, fused: FusedBracket, options: FuseOptions) -> list[str]:
    """Write every output; return the paths, the picture's first.

    Raises:
        OutputError: one cannot be written; those written before it stay.
        PictureError: the frames cannot be merged to an HDR picture; nothing is written.
    """
    radiance, bracket = None, fused.bracket
    if options.hdr is not None and fused.stack is not None:
        from lightfuse.hdr.files import shows_picture
        from lightfuse.hdr.merge import merge_radiance

        moment = fused.moment if shows_picture(options.hdr) else None
        radiance = merge_radiance(fused.stack, bracket.relative_ev, bracket.base, moment)
    metadata = _metadata(bracket.base_frame.metadata, options, fused.tone)
    pixels, profiled = _for_format(fused, metadata, _format(output, options), options)
    write_picture(output, pixels, profiled, options.encode, overwrite=options.overwrite, suffix=options.stdout_suffix)
    written = [os.fspath(output)]
    # The sheet and the HDR picture are made of the frames as they were fused: RGB, and sRGB whatever their profile.
    metadata = replace(metadata, icc=rgb_profile() if metadata.icc and fused.coding is None else None)
    if options.compare:
        written.append(_write_comparison(compare_path(output), fused, metadata, overwrite=options.overwrite))
    if options.hdr is not None and radiance is not None:
        from lightfuse.hdr.files import write_hdr

        write_hdr(options.hdr, fused.in_srgb, radiance, metadata, options.encode, overwrite=options.overwrite)
        written.append(os.fspath(options.hdr))
    if options.stack is not None:
        written += _write_stack(Path(options.stack), fused, options)
    if options.debug is not None:
        written += _write_masks(Path(options.debug), fused)
    return written


def format_notes(output: PathLike, fused: FusedBracket, options: FuseOptions) -> list[str]:
    """Notes on what the output's format cannot hold of the result."""
    kind = _format(output, options)
    notes = []
    if fused.alpha is not None and kind not in HOLD_ALPHA:
        notes.append(f"{kind} is written without transparency: what no frame shows is black; write TIFF or PNG")
    if fused.is_grey and (kind not in HOLD_GREY or fused.alpha is not None):
        notes.append(f"{kind} is written in colour here, though the frames are grey; write JPEG, PNG or TIFF")
    if _is_too_coarse(fused, kind, options):
        notes.append("8 bits are too few for the frames' linear colour profile: the result is in sRGB")
    return notes


def _format(output: PathLike, options: FuseOptions) -> Format:
    return format_of(options.stdout_suffix if output == STDIO else Path(output).suffix)


def _is_too_coarse(fused: FusedBracket, kind: Format, options: FuseOptions) -> bool:
    bits = bits_of(kind, options.encode, 8 * fused.picture.itemsize)
    return fused.coding is not None and fused.coding.is_coarse and bits == 8


def _for_format(
    fused: FusedBracket, metadata: Metadata, kind: Format, options: FuseOptions
) -> tuple[NDArray[Any], Metadata]:
    """The result's pixels with as many channels as it has, H×W×1, 3 or 4, and metadata with the profile they are in."""
    pixels = fused.picture
    if _is_too_coarse(fused, kind, options):
        pixels, metadata = fused.in_srgb, replace(metadata, icc=None)
    if fused.alpha is not None:
        return np.dstack([pixels, fused.alpha]), metadata
    return to_grey(pixels) if fused.is_grey else pixels, metadata


def _metadata(metadata: Metadata, options: FuseOptions, tone: Tone | None = None) -> Metadata:
    from lightfuse import __version__

    told = "" if tone is None else f" (tone {tone.to_text()})"
    return without_metadata(metadata) if options.strip else with_software(metadata, f"LightFuse {__version__}{told}")


def _write_comparison(path: Path, fused: FusedBracket, metadata: Metadata, *, overwrite: bool) -> str:
    from lightfuse.sheets import comparison_sheet

    labels = [
        Path(frame.name).name + (" (fused)" if position in fused.selection else "")
        for position, frame in enumerate(fused.bracket.frames)
    ]
    sheet = comparison_sheet(fused.bracket.pixels, fused.in_srgb, labels, fused_label="LightFuse")
    write_picture(path, sheet, Metadata(icc=metadata.icc), overwrite=overwrite)
    return os.fspath(path)


def _write_stack(folder: Path, fused: FusedBracket, options: FuseOptions) -> list[str]:
    """Every frame as a 16-bit TIFF with its own EXIF and alpha, named from dark to bright: ``01-IMG_0012.tif``."""
    icc = fused.bracket.base_frame.metadata.icc  # All frames were converted to it.
    written = []
    for number, (frame, pixels) in enumerate(zip(fused.bracket.frames, fused.stack or [], strict=True), start=1):
        path = folder / f"{number:02d}-{Path(frame.name).stem}.tif"
        metadata = _metadata(replace(frame.metadata, icc=icc), options)
        pixels = pixels if fused.coding is None else fused.coding.decode(pixels)
        if frame.alpha is not None:
            pixels = np.dstack([pixels, frame.alpha])
        elif fused.is_grey:
            pixels = to_grey(pixels)
        write_picture(path, pixels, metadata, EncodeOptions(bit_depth=16), overwrite=options.overwrite)
        written.append(os.fspath(path))
    return written


def _write_masks(folder: Path, fused: FusedBracket) -> list[str]:
    """The motion masks drawn over the base exposure, one picture for each pair of frames that was fused."""
    from lightfuse.deghost import ghost_overlay

    written = []
    for number, mask in enumerate(fused.ghosts, start=1):
        path = folder / f"ghosts-{number}.jpg"
        write_picture(path, ghost_overlay(fused.bracket.base_frame.pixels, mask), overwrite=True)
        written.append(os.fspath(path))
    return written
