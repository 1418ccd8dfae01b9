"""All commands on one Typer application."""

from typing import Annotated

import typer

from lightfuse.cli.batch import batch
from lightfuse.cli.benchmark import benchmark
from lightfuse.cli.demo import demo
from lightfuse.cli.doctor import doctor
from lightfuse.cli.evaluate import evaluate
from lightfuse.cli.export import export
from lightfuse.cli.fuse import fuse
from lightfuse.cli.import_keras import import_keras
from lightfuse.cli.inspect import inspect
from lightfuse.cli.prepare import prepare
from lightfuse.cli.serve import serve
from lightfuse.cli.train import train

app = typer.Typer(
    name="lightfuse",
    help="Fuse an under- and an over-exposed photograph of one scene into a single well-exposed picture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (fuse, batch, demo, evaluate, prepare, train, inspect, import_keras, export, doctor, benchmark, serve):
    app.command(name=_command.__name__.replace("_", "-"))(_command)


@app.callback()
def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from lightfuse import __version__

        typer.echo(f"lightfuse {__version__}")
        raise typer.Exit
