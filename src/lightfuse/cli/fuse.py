"""``lightfuse fuse``: the exposures of one scene in, one file out."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options

_extra = partial(typer.Option, rich_help_panel="Extra outputs")
_STACK_HELP = "The frames as fused, aligned and deghosted, as 16-bit TIFFs for other programs."
_HDR_HELP = "For HDR screens: Ultra HDR (.jpg), .avif, .jxl; the merged light: .dng, .tif, .exr, .hdr."


@options.takes(options.MODEL, options.FUSING, options.FILES, options.REPORTING)
def fuse(
    pictures: Annotated[
        list[str], typer.Argument(metavar="FRAME FRAME...", help="The exposures, in any order; - reads one from stdin.")
    ],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="OUT", help="File to write, its format by suffix; - is stdout.")
    ],
    chosen: options.Chosen,
    threads: options.Threads = None,
    compare: Annotated[bool, _extra("--compare", help="OUT-compare.jpg: all frames and the result.")] = False,
    hdr: Annotated[Path | None, _extra(metavar="FILE", help=_HDR_HELP)] = None,
    stack: Annotated[Path | None, _extra(metavar="FOLDER", help=_STACK_HELP)] = None,
    debug: Annotated[Path | None, _extra(metavar="FOLDER", help="The motion masks that were found.")] = None,
    stdout_format: Annotated[str, typer.Option("--format", help="Format on standard output, such as jpg.")] = "png",
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
    print_fused(fuse_files(pictures, output, fuser, how), quiet=chosen["quiet"], as_json=chosen["json"])
