"""What commands print: results on standard output, everything else on standard error."""

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence

from lightfuse.cli.app import show
from lightfuse.options import STDIO
from lightfuse.pipeline import FuseReport
from lightfuse.system import display_name


def progress(doing: str, *, quiet: bool) -> Callable[[str], None]:
    """Return a function that writes ``doing`` and a name to standard error, if that is a terminal."""
    live = sys.stderr.isatty() and not quiet
    return lambda name: print(f"{doing} {name}", file=sys.stderr) if live else None


def aligned(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[str]:
    """Return rows as lines of aligned columns, two spaces apart: all to the left, or all but the first to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    place = str.rjust if right else str.ljust
    return ["  ".join([row[0].ljust(first), *map(place, row[1:], others)]).rstrip() for row in rows]


def print_fused(report: FuseReport, *, quiet: bool, as_json: bool) -> None:
    """One line, or one JSON record, about a fused picture; notes go to standard error."""
    if not quiet:
        for note in report.notes:
            print(f"lightfuse: note: {note}", file=sys.stderr)
    if as_json:
        show(json.dumps(dataclasses.asdict(report)))
    elif not quiet and report.output == STDIO:
        print(fused_line(report), file=sys.stderr)
    elif not quiet:
        show(fused_line(report))


def fused_line(report: FuseReport) -> str:
    """What was done and what it cost, in one sentence."""
    took = {step: f"{s * 1000:.0f} ms" if s < 1 else f"{s:.2f} s" for step, s in report.seconds.items()}
    target = "standard output" if report.output == STDIO else display_name(report.output)
    return (
        f"{target}: {report.width}×{report.height} ({report.width * report.height / 1e6:.1f} megapixels) fused by "
        f"{report.model} in {took['fuse']}, after reading for {took['read']} and before writing for {took['write']}"
    )
