"""``lightfuse fuse``: two files in, one file out."""

from typing import Annotated

import typer

from lightfuse.cli import options


def fuse(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="UNDER OVER", help="The two exposures, in either order; - reads one from stdin."),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="File to write, its format by suffix; - is stdout.")
    ],
    model: options.Model = None,
    weights: options.WeightsFile = None,
    threads: options.Threads = None,
    quality: options.Quality = 95,
    stdout_format: Annotated[
        str, typer.Option("--format", help="Format on standard output: png, jpg, tif, webp.")
    ] = "png",
    overwrite: options.Overwrite = False,
    max_pixels: options.MaxPixels = 500_000_000,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Fuse an under- and an over-exposed photograph.

    Example: lightfuse fuse dark.jpg bright.jpg -o fused.jpg
    """
    from lightfuse.cli.printing import print_fused
    from lightfuse.errors import OutputError
    from lightfuse.fuser import Fuser
    from lightfuse.pipeline import STDIO, WriteOptions, fuse_files

    if json and output == STDIO:
        raise OutputError("--json and -o - would both write to standard output; leave one out")
    fuser = Fuser(options.chosen_model(model, weights), threads)
    write = WriteOptions(quality, overwrite, "." + stdout_format.lstrip("."))
    report = fuse_files(pictures, output, fuser, write, max_pixels=max_pixels)
    print_fused(report, quiet=quiet, as_json=json)
