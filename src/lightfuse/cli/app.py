"""The ``lightfuse`` program: its commands, its exit codes, and how it says that something went wrong."""

import atexit
import errno
import gc
import io
import itertools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

from lightfuse.errors import LightFuseError, OutputError

if TYPE_CHECKING:
    import typer

DONE, BAD_INPUT, INTERRUPTED = 0, 2, 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# In the order of the help, each with the module it is in; its function has its name, with underscores.
_COMMANDS = {
    "fuse": "fuse", "batch": "batch", "demo": "fuse", "evaluate": "evaluate", "prepare": "train", "train": "train",
    "inspect": "evaluate", "import-keras": "train", "export": "elsewhere", "doctor": "machine", "benchmark": "machine",
    "serve": "elsewhere",
}  # fmt: skip


class Interrupted(BaseException):
    """Ctrl-C or a polite kill: unwinds everything, so that temporary files go."""


def main() -> NoReturn:
    """Run the program and exit: 0 done, 1 some of many failed, 2 usage or bad input, 130 interrupted."""
    if sys.argv[1:] == ["--version"]:  # Answered before the commands are loaded: scripts ask often.
        run_and_exit("lightfuse", _show_version)
    run_and_exit("lightfuse", lambda: run(sys.argv[1:]))


def run(arguments: list[str]) -> None:
    """Run the command that the arguments name.

    Raises LightFuseError if a file is given in place of a command, or one such as -2EV.jpg where options may stand.
    """
    for argument in itertools.takewhile(lambda argument: argument != "--", arguments):
        if argument.startswith("-") and argument != "-" and os.path.lexists(argument):
            raise LightFuseError(
                f"{argument!r} would be taken for options; give pictures whose names begin with '-' last, after --"
            )
    if arguments and os.path.isfile(arguments[0]) and arguments[0] not in _COMMANDS:
        raise LightFuseError(f"{arguments[0]!r} is no command; to fuse pictures: lightfuse fuse UNDER OVER -o OUT")
    application(arguments)()


def run_and_exit(program: str, work: Callable[[], None]) -> NoReturn:
    """Do a program's work and exit with its code, saying under its name what went wrong."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    _save_processor_time()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # A name that the encoding cannot hold is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    problem, code = "", DONE
    try:
        try:
            work()
        except OSError as error:
            if error.errno != errno.ENOSPC or error.filename is not None:
                raise
            _lose_output(error)
    except LightFuseError as error:
        problem, code = str(error), BAD_INPUT
    except MemoryError:
        problem, code = "there is not enough memory for this; try smaller pictures", BAD_INPUT
    except Interrupted:
        problem, code = "interrupted; nothing half-written is left", INTERRUPTED
    if problem:
        print(f"{program}: {problem}", file=sys.stderr)
    sys.exit(code)


def _save_processor_time() -> None:
    """Leave out, before NumPy is imported, what costs as much as fusing a large picture."""
    if sys.argv[1:2] != ["train"]:  # No other command multiplies large matrices; idle, OpenBLAS's threads keep polling.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(10_000)  # Importing makes many objects, and hardly any garbage.
    atexit.register(gc.freeze)  # At the end all is garbage: looking for it takes as long as importing did.


def application(words: Sequence[str]) -> "typer.Typer":
    """The program for the words of a command line: if they begin with a command, with that one alone."""
    import typer

    def program(
        version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
    ) -> None:
        if version:
            _show_version()
            raise typer.Exit

    app = typer.Typer(
        name="lightfuse",
        help="Fuse an under- and an over-exposed photograph of one scene into a single well-exposed picture.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(program)
    for command in [word for word in words[:1] if word in _COMMANDS] or _COMMANDS:
        module = import_module(f"lightfuse.cli.{_COMMANDS[command]}")
        app.command(name=command)(getattr(module, command.replace("-", "_")))
    return app


def show(text: str) -> None:
    """Print a line on standard output at once. Raises OutputError on a full disk, not where its reader has left."""
    try:
        print(text, flush=True)
    except OSError as error:
        _lose_output(error)


def progress(doing: str, *, quiet: bool) -> Callable[[str], None]:
    """Return a function that writes ``doing`` and a name to standard error, if that is a terminal."""
    live = sys.stderr.isatty() and not quiet
    return lambda name: print(f"{doing} {name}", file=sys.stderr) if live else None


def _lose_output(error: OSError) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Else Python tries, and complains, at the end.
    if not isinstance(error, BrokenPipeError):
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def _show_version() -> None:
    from lightfuse import __version__

    show(f"lightfuse {__version__}")


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in _SIGNALS:  # Once is enough: a second Ctrl-C must not cut the cleaning up short.
        signal.signal(number, signal.SIG_IGN)
    raise Interrupted
