"""``lightfuse demo``: the sample pair, fused, side by side."""

import numpy as np
import pytest

from lightfuse.fuser import Fuser
from lightfuse.images import read_picture
from lightfuse.sample import sample_file

PICTURES = {"under.jpg", "over.jpg", "fused.jpg", "fused-compare.jpg"}


@pytest.mark.slow
def test_the_four_pictures_are_what_they_are_called(lightfuse_program, tmp_path):
    folder = tmp_path / "new" / "demo"
    ended = lightfuse_program("demo", "-o", folder)
    assert (ended.code, ended.err) == (0, "")
    first, second = ended.out.splitlines()
    assert first.endswith(str(folder / "fused-compare.jpg"))
    assert second.startswith(f"{folder / 'fused.jpg'}: 1500×1000 ")
    assert {path.name for path in folder.iterdir()} == PICTURES

    under, over, fused = (
        read_picture(folder / f"{name}.jpg").pixels.astype(int) for name in ("under", "over", "fused")
    )
    assert (folder / "over.jpg").read_bytes() == sample_file("over")
    assert under.mean() < over.mean()
    assert np.abs(fused - Fuser()(under.astype(np.uint8), over.astype(np.uint8))).mean() < 5
    height, width, _ = read_picture(folder / "fused-compare.jpg").pixels.shape
    assert 2300 <= width <= 2400
    assert height < width / 3


def test_quiet_prints_nothing(lightfuse_program, tmp_path):
    ended = lightfuse_program("demo", "-o", tmp_path / "demo", "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_demo_keeps_existing_pictures(refused, tmp_path, name):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / name).write_text("dear to someone")
    assert refused(folder, "demo", "-o", folder) == (f"{folder / name} already exists; give --overwrite to replace it")


@pytest.mark.slow
def test_overwrite_makes_them_anew(lightfuse_program, tmp_path, contents):
    assert lightfuse_program("demo", "-o", tmp_path).code == 0
    first = contents(tmp_path)
    (tmp_path / "fused.jpg").write_text("old")
    assert lightfuse_program("demo", "-o", tmp_path, "--overwrite").code == 0
    assert contents(tmp_path) == first


def test_demo_refuses_a_file_as_folder(refused, tmp_path):
    (tmp_path / "demo").write_text("a file")
    assert "cannot be made" in refused(tmp_path, "demo", "-o", tmp_path / "demo")


def test_bad_weights_stop_it_before_anything_is_made(refused, tmp_path):
    (tmp_path / "bad.safetensors").write_text("no weights")
    refused(tmp_path, "demo", "-o", tmp_path / "demo", "--weights", tmp_path / "bad.safetensors")
