"""examples/film-scans.sh: a roll in one tone, and again where it stopped."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lightfuse
from lightfuse.images import read_picture, write_picture
from tools.synthetic import sample_bracket

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "examples" / "film-scans.sh"
CARD = (slice(60, 100), slice(90, 150))


def fuse_roll(folder, *arguments):
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", SCRIPT, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def roll(tmp_path):
    """Three frames of 16 bits, in each the same grey card: of the sample scene, of night around it, and of snow."""
    (tmp_path / "scans").mkdir()
    scene = [np.uint16(257) * picture for picture in sample_bracket(240, 160, (-1.5, 1.5)).pictures]
    for number, brightness in enumerate((1.0, 0.3, 1.8), 1):
        for name, card, exposure in zip("ab", (70, 170), scene, strict=True):
            pixels = np.clip(exposure * brightness, 0, 65535).astype(np.uint16)
            pixels[CARD] = card * 257
            write_picture(tmp_path / "scans" / f"{number:02}{name}.tif", pixels)
    return tmp_path


def cards(folder):
    return [read_picture(path).pixels[CARD].mean() / 257 for path in sorted(folder.glob("0*.tif"))]


def test_the_frames_of_a_roll_have_one_tone(roll):
    (roll / "alone").mkdir()
    for frame in ("01", "02", "03"):
        scans = [roll / "scans" / f"{frame}{letter}.tif" for letter in "ab"]
        write_picture(roll / "alone" / f"{frame}.tif", lightfuse.fuse(*scans))
    ended = fuse_roll(roll, "scans", "fused", "scans/01a.tif", "scans/01b.tif")
    assert ended.returncode == 0, ended.stderr
    fused = sorted((roll / "fused").glob("0*.tif"))
    assert len(fused) == 3
    assert read_picture(fused[0]).pixels.dtype == np.uint16
    together, alone = cards(roll / "fused"), cards(roll / "alone")
    assert np.ptp(together) < 0.7 * np.ptp(alone)  # The rest is local: what is around the card decides, too.

    fused[1].unlink()
    kept = fused[0].stat().st_mtime_ns
    assert fuse_roll(roll, "scans", "fused", "scans/01a.tif", "scans/01b.tif").returncode == 0
    assert cards(roll / "fused") == together
    assert fused[0].stat().st_mtime_ns == kept


def test_without_its_arguments_it_says_what_it_needs(tmp_path):
    ended = fuse_roll(tmp_path, "scans")
    assert ended.returncode == 2
    assert "film-scans.sh SCANS OUT DARK LIGHT" in ended.stdout
