"""The commands on a Typer application: all of them, or only the one that is called."""

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

# In the order of the help. A command's file and function have its name, with underscores.
_COMMANDS = (
    "fuse",
    "batch",
    "demo",
    "evaluate",
    "prepare",
    "train",
    "inspect",
    "import-keras",
    "export",
    "doctor",
    "benchmark",
    "serve",
)


def application(words: Sequence[str]) -> typer.Typer:
    """The program for the words of a command line: if they begin with a command, with that one alone."""
    app = typer.Typer(
        name="lightfuse",
        help="Fuse an under- and an over-exposed photograph of one scene into a single well-exposed picture.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    called = [word for word in words[:1] if word in _COMMANDS]
    for command in called or _COMMANDS:
        name = command.replace("-", "_")
        app.command(name=command)(getattr(import_module(f"lightfuse.cli.{name}"), name))
    return app


def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from lightfuse import __version__

        typer.echo(f"lightfuse {__version__}")
        raise typer.Exit
