"""``lightfuse fuse``: two files in, one file out."""

from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options

_ALSO = "What else is written"


def fuse(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="FRAME FRAME...", help="The exposures, in any order; - reads one from stdin."),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="File to write, its format by suffix; - is stdout.")
    ],
    model: options.Model = None,
    weights: options.WeightsFile = None,
    threads: options.Threads = None,
    quality: options.Quality = 95,
    subsampling: options.SubsamplingOption = "auto",
    bit_depth: options.BitDepthOption = "auto",
    compression: options.CompressionOption = "auto",
    lossless: options.Lossless = False,
    strip: options.Strip = False,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Also write OUT-compare.jpg: all frames and the result.", rich_help_panel=_ALSO),
    ] = False,
    hdr: Annotated[
        Path | None,
        typer.Option(
            "--hdr",
            metavar="FILE",
            help="Also write the true light: a JPEG that glows on HDR screens, or .exr, .hdr.",
            rich_help_panel=_ALSO,
        ),
    ] = None,
    debug: Annotated[
        Path | None,
        typer.Option("--debug", metavar="FOLDER", help="Also write the ghosts that were found.", rich_help_panel=_ALSO),
    ] = None,
    stdout_format: Annotated[
        str, typer.Option("--format", help="Format on standard output, such as png or jpg.")
    ] = "png",
    align: options.Align = "auto",
    border: options.BorderOption = "fill",
    deghost: options.Deghost = "auto",
    exposures: options.ExposuresOption = "auto",
    look: options.LookOption = "natural",
    strength: options.Strength = 1.0,
    overwrite: options.Overwrite = False,
    max_pixels: options.MaxPixels = 500_000_000,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Fuse the exposures of one scene: an under- and an over-exposed photograph, or a whole bracket.

    Example: lightfuse fuse dark.jpg bright.jpg -o fused.jpg
    """
    from lightfuse.cli.printing import print_fused
    from lightfuse.errors import OutputError
    from lightfuse.fuser import Fuser
    from lightfuse.fusing import FuseOptions
    from lightfuse.pipeline import fuse_files
    from lightfuse.products import STDIO, WriteOptions

    if json and output == STDIO:
        raise OutputError("--json and -o - would both write to standard output; leave one out")
    fuser = Fuser(options.chosen_model(model, weights), threads)
    encode = options.encode_options(quality, subsampling, bit_depth, compression, lossless)
    write = WriteOptions(encode, overwrite, "." + stdout_format.lstrip("."), strip, compare, hdr, debug)
    how = FuseOptions(align, border, deghost, exposures, look, strength)
    report = fuse_files(pictures, output, fuser, write, how, max_pixels=max_pixels)
    print_fused(report, quiet=quiet, as_json=json)
