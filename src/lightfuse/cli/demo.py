"""``lightfuse demo``: fuses the sample pair and shows the three pictures side by side."""

from pathlib import Path
from typing import Annotated

import typer

from lightfuse.cli import options


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
    from lightfuse.cli.app import show
    from lightfuse.cli.printing import fused_line
    from lightfuse.demo import make_demo
    from lightfuse.fuser import Fuser

    sheet, report = make_demo(output, Fuser(options.chosen_model(model, weights), threads), overwrite=overwrite)
    if not quiet:
        show(f"Side by side, under, over and fused: {sheet}")
        show(fused_line(report))
