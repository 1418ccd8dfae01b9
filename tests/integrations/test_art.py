"""integrations/art: the user command's script, with and without a program called ART-cli; ART itself was not run."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from lightfuse import fuse
from lightfuse.images import read_picture

FOLDER = Path(__file__).parents[2] / "integrations" / "art"


@pytest.fixture
def programs(tmp_path):
    """A folder with lightfuse, and beside it only the system's programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    write(folder / "lightfuse", f'exec "{sys.executable}" -m lightfuse "$@"')
    return folder


def write(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def run(programs, *files):
    environment = os.environ | {"PATH": f"{programs}:/usr/bin:/bin"}
    line = [FOLDER / "lightfuse.sh", *files]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_selected_pictures_are_fused_beside_the_first(programs, folder, contents):
    before = contents(folder).keys()
    files = folder / "under.png", folder / "over.png"
    for name in ("under-fused.tif", "under-fused-2.tif"):
        ended = run(programs, *files)
        assert (ended.returncode, ended.stderr) == (0, "")
        fused = read_picture(folder / name).pixels
        assert np.array_equal(fused, fuse(*(read_picture(path).pixels.astype(np.uint16) * 257 for path in files)))
    assert contents(folder).keys() - before == {"under-fused.tif", "under-fused-2.tif"}


@pytest.mark.slow
def test_art_develops_the_files_where_it_is_installed(programs, folder):
    # As ART-cli is called: -o FOLDER, and -c with the files last.
    write(programs / "ART-cli", 'while [ "$1" != -o ]; do shift; done; out=$2; shift 3; cp "$@" "$out"')
    assert run(programs, folder / "under16.tif", folder / "over16.tif").returncode == 0
    assert tifffile.imread(folder / "under16-fused.tif").dtype == np.uint16


@pytest.mark.slow
def test_a_failure_is_told(programs, folder):
    ended = run(programs, folder / "under.png", folder / "nowhere.png")
    assert ended.returncode == 1
    assert "nowhere.png does not exist" in ended.stderr


def test_the_command_is_what_art_reads():
    command = configparser.ConfigParser()
    command.optionxform = str
    command.read(FOLDER / "lightfuse.txt")
    assert command.sections() == ["ART UserCommand"]
    told = command["ART UserCommand"]
    assert told.keys() <= {"Label", "Command", "MinArgs", "MatchCamera", "MatchFocalLen", "MatchDimensions"}
    assert (FOLDER / told["Command"]).stat().st_mode & 0o111
