"""What is written of a fused bracket: the picture, and beside it what else was asked for."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from lightfuse.errors import OutputError
from lightfuse.fusing import FusedBracket
from lightfuse.images import EncodeOptions, Metadata, check_output, signed, stripped, write_picture
from lightfuse.images.source import display_name

PathLike = str | os.PathLike[str]
STDIO = "-"


@dataclass(frozen=True)
class WriteOptions:
    """How results are written.

    Attributes:
        encode: quality and the like.
        overwrite: whether files that exist are replaced.
        stdout_suffix: the format on standard output.
        strip: leave all metadata out but the colour profile.
        compare: also write a sheet of the exposures and the result side by side, as ``NAME-compare.jpg``.
        hdr: also write the bracket's merged light here: a gain-map JPEG (Ultra HDR) whose base is the fused picture, or
            the light itself as OpenEXR or Radiance, by suffix.
        debug: also write what was found, such as ghosts, into this folder.
    """

    encode: EncodeOptions = field(default_factory=EncodeOptions)
    overwrite: bool = False
    stdout_suffix: str = ".png"
    strip: bool = False
    compare: bool = False
    hdr: PathLike | None = None
    debug: PathLike | None = None

    @property
    def needs_frames(self) -> bool:
        """Whether something is made of the frames after fusing."""
        return self.compare or self.hdr is not None or self.debug is not None

    def beside(self, output: PathLike) -> list[PathLike]:
        """The files asked for beside the output."""
        sheet: list[PathLike] = [compare_path(output)] if self.compare else []
        return sheet if self.hdr is None else [*sheet, self.hdr]


AS_USUAL_WRITTEN = WriteOptions()


def check_products(output: PathLike, options: WriteOptions) -> None:
    """Check, before any work is done, that everything asked for can be written.

    Raises:
        OutputError: something cannot be, or two results would have one name.
    """
    check_output(output, overwrite=options.overwrite)
    if output == STDIO and options.compare:
        raise OutputError("--compare names its sheet after the output, which is a pipe; give a file with -o")
    if options.compare:
        check_output(compare_path(output), overwrite=options.overwrite)
    if options.hdr is not None:
        from lightfuse.hdr import check_hdr_output

        check_hdr_output(options.hdr, overwrite=options.overwrite)
    paths = [os.path.realpath(path) for path in (output, *options.beside(output))]
    if len(set(paths)) < len(paths):
        raise OutputError("two of the results would have one name; give them different ones")
    if options.debug is not None:
        _make_folder(Path(options.debug))


def write_products(output: PathLike, fused: FusedBracket, options: WriteOptions) -> list[str]:
    """Write everything asked for; return the paths, the picture's first.

    Raises:
        OutputError: something cannot be written; what was written before it stays.
        PictureError: the frames have no light in common to merge.
    """
    metadata = _metadata(fused, strip=options.strip)
    write_picture(
        output, fused.picture, metadata, options.encode, overwrite=options.overwrite, suffix=options.stdout_suffix
    )
    written = [os.fspath(output)]
    if options.compare:
        written.append(_write_comparison(compare_path(output), fused, metadata, overwrite=options.overwrite))
    if options.hdr is not None:
        written.append(_write_hdr(options.hdr, fused, metadata, options))
    if options.debug is not None:
        written += _write_debug(Path(options.debug), fused)
    return written


def compare_path(output: PathLike) -> Path:
    """Where the comparison sheet of an output goes."""
    path = Path(output)
    return path.with_name(f"{path.stem}-compare.jpg")


def hdr_path(output: PathLike, suffix: str) -> Path:
    """Where the merged light of an output goes when nobody names the file."""
    path = Path(output)
    return path.with_name(f"{path.stem}-hdr{suffix}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{display_name(folder)} cannot be made a folder: {error.strerror}") from None


def _metadata(fused: FusedBracket, *, strip: bool) -> Metadata:
    from lightfuse import __version__

    metadata = fused.bracket.base_frame.metadata
    return stripped(metadata) if strip else signed(metadata, f"LightFuse {__version__}")


def _write_comparison(path: Path, fused: FusedBracket, metadata: Metadata, *, overwrite: bool) -> str:
    from lightfuse.comparison import comparison_sheet

    labels = [
        Path(frame.name).name + (" (fused)" if position in fused.recipe else "")
        for position, frame in enumerate(fused.bracket.frames)
    ]
    sheet = comparison_sheet(fused.bracket.pixels, fused.picture, labels, fused_label="LightFuse")
    write_picture(path, sheet, Metadata(icc=metadata.icc), overwrite=overwrite)
    return os.fspath(path)


def _write_hdr(path: PathLike, fused: FusedBracket, metadata: Metadata, options: WriteOptions) -> str:
    from lightfuse.hdr import merge_light, write_hdr

    bracket = fused.bracket
    light = merge_light(bracket.pixels, bracket.stops, base=bracket.base)
    write_hdr(path, fused.picture, light, metadata, quality=options.encode.quality, overwrite=options.overwrite)
    return os.fspath(path)


def _write_debug(folder: Path, fused: FusedBracket) -> list[str]:
    """The ghosts found over the base exposure, a picture each time frames were joined."""
    from lightfuse.deghost import ghost_overlay

    written = []
    for number, mask in enumerate(fused.ghosts, start=1):
        path = folder / f"ghosts-{number}.jpg"
        write_picture(path, ghost_overlay(fused.bracket.base_frame.pixels, mask), overwrite=True)
        written.append(os.fspath(path))
    return written
