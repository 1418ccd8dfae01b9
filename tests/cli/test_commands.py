"""Which commands a command line loads."""

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from lightfuse.cli.commands import application
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
    assert not {"lightfuse.cli.train", "lightfuse.cli.batch", "lightfuse.cli.serve"} & set(modules)


@pytest.mark.parametrize("words", [(), ("--help",), ("fus",), ("under.jpg",)])
def test_without_a_command_all_are_loaded(words):
    commands, _ = loaded(*words)
    assert commands[0] == "fuse"
    assert {"batch", "import-keras", "train", "serve"} < set(commands)
