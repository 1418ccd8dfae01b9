"""examples/train-weights.sh: from folders of pictures to weights, in one command, and again where it stopped."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightfuse.images import write_picture
from lightfuse.models import KNOWN_MODELS, load_weights
from tools.synthetic import sample_bracket

pytest.importorskip("torch", reason="needs the extra: train")

SCRIPT = Path(__file__).parents[2] / "examples" / "train-weights.sh"
SHORT = ("steps=2", "patch=64", "batch=1", "batch_unlabelled=1", "log_every=1", "validate_every=1", "threads=1")


def write_scene(folder, seed, *, reference):
    bracket = sample_bracket(320, 240, (-3.0, 0.0, 3.0), seed=seed)
    scene = folder / f"scene{seed}"
    scene.mkdir(parents=True)
    for number, exposure in enumerate(bracket.pictures):
        write_picture(scene / f"{number}.png", exposure)
    if reference:
        write_picture(scene / "reference.png", bracket.reference)


def train(folder):
    command = ["bash", SCRIPT, "small", "sice", "brackets", "validation", "out", *SHORT]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "The weights: out/small.safetensors"


def test_the_script_trains_from_folders_and_resumes(tmp_path):
    for number, name in enumerate(("sice", "brackets", "validation")):
        write_scene(tmp_path / name, number, reference=name == "sice")
    train(tmp_path)
    out = tmp_path / "out"
    weights = (out / "small.safetensors").read_bytes()
    train(tmp_path)
    assert (out / "small.safetensors").read_bytes() == weights
    assert load_weights(out / "small.safetensors").config == KNOWN_MODELS["small"]
    with open(out / "run" / "log.csv", encoding="utf-8") as log:
        assert [row["step"] for row in csv.DictReader(log)] == ["1", "2"]
