"""The program itself: which commands it loads, interrupts while it loads them, and a full standard output."""

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from lightfuse.cli.app import application
names = [command.name for command in application(sys.argv[1:]).registered_commands]
print(*names)
print(*sorted(module for module in sys.modules if module.startswith("lightfuse.cli.")))
"""


def loaded(*words: str) -> tuple[list[str], list[str]]:
    """The commands there are for a command line, and the modules of the program that it loads."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *words], check=True, capture_output=True, text=True)
    commands, modules = done.stdout.splitlines()
    return commands.split(), modules.split()


def test_a_command_is_loaded_alone():
    commands, modules = loaded("fuse", "under.jpg", "over.jpg")
    assert commands == ["fuse"]
    assert "lightfuse.cli.fuse" in modules
    assert not {"lightfuse.cli.train", "lightfuse.cli.batch", "lightfuse.cli.elsewhere"} & set(modules)


@pytest.mark.parametrize("words", [(), ("--help",), ("fus",), ("under.jpg",)])
@pytest.mark.slow
def test_without_a_command_all_are_loaded(words):
    commands, _ = loaded(*words)
    assert commands[0] == "fuse"
    assert {"batch", "import-keras", "train", "serve"} < set(commands)


_INTERRUPTED = """
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from lightfuse.cli import main
main()
"""


@pytest.mark.parametrize("module", ["lightfuse.cli.app", "lightfuse.errors", "signal"])
def test_interrupt_while_modules_are_imported_is_one_line(module):
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED, module], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "lightfuse: interrupted; nothing half-written is left\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("--version",), ("--help",), ("fuse", "--help"), ("doctor",)])
@pytest.mark.slow
def test_full_standard_output_is_one_line(words):
    with open("/dev/full", "wb") as full:
        program = [sys.executable, "-m", "lightfuse", *words]
        done = subprocess.run(program, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "lightfuse: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", [("cli", "--version"), ("cli.enfuse", "--version"), ("cli.enfuse", "--help")])
def test_reader_of_what_is_printed_may_have_left(words):
    module, *arguments = words
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-c", f"from lightfuse.{module} import main; main()", *arguments]
    done = subprocess.run(program, check=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
