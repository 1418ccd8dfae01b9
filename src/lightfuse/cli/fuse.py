"""``lightfuse fuse``: the exposures of one scene in, one file out. ``lightfuse demo``: the same for a sample pair."""

import dataclasses
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightfuse.cli import options
from lightfuse.cli.app import show
from lightfuse.options import STDIO
from lightfuse.system import display_name

if TYPE_CHECKING:
    from lightfuse.pipeline import FuseReport

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
    from lightfuse.errors import OutputError
    from lightfuse.fuser import Fuser
    from lightfuse.pipeline import fuse_files

    if chosen["json"] and output == STDIO:
        raise OutputError("--json and -o - would both write to standard output; leave one out")
    fuser = Fuser(options.chosen_model(chosen["model"], chosen["weights"]), threads)
    suffix = "." + stdout_format.lstrip(".")
    extra = {"compare": compare, "hdr": hdr, "stack": stack, "debug": debug}
    how = options.fuse_options(chosen, **extra, stdout_suffix=suffix, overwrite=overwrite)
    report = fuse_files(pictures, output, fuser, how)
    if not chosen["quiet"]:
        for note in report.notes:
            print(f"lightfuse: note: {note}", file=sys.stderr)
    if chosen["json"]:
        show(json.dumps(dataclasses.asdict(report)))
    elif not chosen["quiet"] and output == STDIO:
        print(_fused_line(report), file=sys.stderr)
    elif not chosen["quiet"]:
        show(_fused_line(report))


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="For the pictures.")] = Path("demo"),
    model: options.Model = None,
    weights: options.WeightsFile = None,
    threads: options.Threads = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Fuse the sample pair that comes with LightFuse; nothing is downloaded.

    Example: lightfuse demo -o demo
    """
    from lightfuse.demo import make_demo
    from lightfuse.fuser import Fuser

    sheet, report = make_demo(output, Fuser(options.chosen_model(model, weights), threads), overwrite=overwrite)
    if not quiet:
        show(f"Side by side, under, over and fused: {sheet}")
        show(_fused_line(report))


def _fused_line(report: "FuseReport") -> str:
    """What was done and what it cost, in one sentence."""
    took = {step: f"{s * 1000:.0f} ms" if s < 1 else f"{s:.2f} s" for step, s in report.seconds.items()}
    target = "standard output" if report.output == STDIO else display_name(report.output)
    return (
        f"{target}: {report.width}×{report.height} ({report.width * report.height / 1e6:.1f} megapixels) fused by "
        f"{report.model} in {took['fuse']}, after reading for {took['read']} and before writing for {took['write']}"
    )
