"""No command opens an internet socket in any of its processes; `serve` and dask, which do, have their own tests."""

import os
import subprocess
import sys

import pytest

from tools.faults.run import make_inputs

pytestmark = pytest.mark.slow

OPENED = 86
HOOK = f"""
import os, socket, sys

def refuse(event, arguments):
    if event == "socket.__new__" and arguments[1] in (socket.AF_INET, socket.AF_INET6):
        os.write(2, b"an internet socket was opened\\n")
        os._exit({OPENED})

sys.addaudithook(refuse)
"""
COMMANDS = [
    "fuse in/a1.png in/a2.png -o fused.jpg --compare",
    "batch in -o out --count 2",
    "export small --format c -o exported",
    "doctor",
    "demo -o demo",
    "prepare scenes -o prepared --patch 32 --stride 32",
    "train data -o run steps=2 batch=1 patch=32 validate_every=2",
    "evaluate --data scenes --model small -o table",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the commands read, and a module that every Python process imports at its start."""
    folder = tmp_path_factory.mktemp("network")
    make_inputs(folder)
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(HOOK)
    return folder


def run(folder, *arguments):
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder / "hook"), *sys.path])}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_the_hook_notices_a_socket_in_any_process(folder):
    opened = "import socket; socket.socket()"
    assert run(folder, "-c", opened).returncode == OPENED
    nested = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {opened!r}]))"
    assert run(folder, "-c", nested).returncode == OPENED


@pytest.mark.parametrize("command", COMMANDS, ids=[command.split()[0] for command in COMMANDS])
def test_no_command_opens_an_internet_socket(folder, command):
    ended = run(folder, "-m", "lightfuse", *command.split())
    assert (ended.returncode, ended.stderr.count("socket was opened")) == (0, 0), ended.stderr
