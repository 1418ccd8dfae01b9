"""``lightfuse fuse``: the exposures of one scene in, one file out."""

from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options

_EXTRA = "Extra outputs"


@options.takes(options.MODEL, options.FUSING, options.FILES, options.REPORTING)
def fuse(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="FRAME FRAME...", help="The exposures, in any order; - reads one from stdin."),
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="File to write, its format by suffix; - is stdout.")
    ],
    chosen: options.Chosen,
    threads: options.Threads = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="OUT-compare.jpg: all frames and the result.", rich_help_panel=_EXTRA)
    ] = False,
    hdr: Annotated[
        Path | None,
        typer.Option(
            "--hdr",
            metavar="FILE",
            help="The merged HDR picture: Ultra HDR (.jpg), OpenEXR (.exr) or Radiance (.hdr).",
            rich_help_panel=_EXTRA,
        ),
    ] = None,
    stack: Annotated[
        Path | None,
        typer.Option(
            "--stack",
            metavar="FOLDER",
            help="The frames as fused, aligned and deghosted, as 16-bit TIFFs for other programs.",
            rich_help_panel=_EXTRA,
        ),
    ] = None,
    debug: Annotated[
        Path | None,
        typer.Option("--debug", metavar="FOLDER", help="The motion masks that were found.", rich_help_panel=_EXTRA),
    ] = None,
    stdout_format: Annotated[
        str, typer.Option("--format", help="Format on standard output, such as png or jpg.")
    ] = "png",
    overwrite: options.Overwrite = False,
) -> None:
    """Fuse the exposures of one scene: an under- and an over-exposed photograph, or a whole bracket.

    Example: lightfuse fuse dark.jpg bright.jpg -o fused.jpg
    """
    from lightfuse.cli.printing import print_fused
    from lightfuse.errors import OutputError
    from lightfuse.fuser import Fuser
    from lightfuse.options import STDIO
    from lightfuse.pipeline import fuse_files

    if chosen["json"] and output == STDIO:
        raise OutputError("--json and -o - would both write to standard output; leave one out")
    fuser = Fuser(options.chosen_model(chosen["model"], chosen["weights"]), threads)
    suffix = "." + stdout_format.lstrip(".")
    extra = {"compare": compare, "hdr": hdr, "stack": stack, "debug": debug}
    how = options.fuse_options(chosen, **extra, stdout_suffix=suffix, overwrite=overwrite)
    report = fuse_files(pictures, output, fuser, how)
    print_fused(report, quiet=chosen["quiet"], as_json=chosen["json"])
