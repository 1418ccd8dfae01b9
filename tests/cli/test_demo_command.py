"""``lightfuse demo``: a pair out of nothing, fused, side by side."""

import numpy as np
import pytest

from lightfuse.fuser import Fuser
from lightfuse.images import read_picture
from tools.synthetic import sample_pair

SMALL = ("--width", 120, "--height", 80)
PICTURES = {"under.jpg", "over.jpg", "fused.jpg", "side-by-side.jpg"}


def test_the_four_pictures_are_what_they_are_called(lightfuse_program, tmp_path):
    folder = tmp_path / "new" / "demo"
    ended = lightfuse_program("demo", "-o", folder, *SMALL)
    assert (ended.code, ended.err) == (0, "")
    first, second = ended.out.splitlines()
    assert first.endswith(str(folder / "side-by-side.jpg"))
    assert second.startswith(f"{folder / 'fused.jpg'}: 120×80 ")
    assert {path.name for path in folder.iterdir()} == PICTURES

    under, over, fused, sheet = (
        read_picture(folder / f"{name}.jpg").pixels.astype(int) for name in ("under", "over", "fused", "side-by-side")
    )
    for read, made in zip((under, over), sample_pair(120, 80), strict=True):
        assert np.abs(read - made).mean() < 5
    assert np.abs(fused - Fuser()(under.astype(np.uint8), over.astype(np.uint8))).mean() < 5
    assert sheet.shape == (80, 3 * 120 + 2 * 16, 3)
    assert np.abs(sheet[:, :120] - under).mean() < 5
    assert np.abs(sheet[:, 136:256] - over).mean() < 5
    assert np.abs(sheet[:, 272:] - fused).mean() < 5


def test_another_seed_is_another_picture(lightfuse_program, tmp_path):
    for seed in (0, 1):
        assert lightfuse_program("demo", "-o", tmp_path / f"{seed}", *SMALL, "--seed", seed).code == 0
    rooms = [read_picture(tmp_path / seed / "over.jpg").pixels.astype(int) for seed in ("0", "1")]
    assert np.abs(rooms[0] - rooms[1]).mean() > 5


def test_quiet_prints_nothing(lightfuse_program, tmp_path):
    ended = lightfuse_program("demo", "-o", tmp_path / "demo", *SMALL, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_pictures_that_are_there_are_kept(refused, tmp_path, name):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / name).write_text("dear to someone")
    assert refused(folder, "demo", "-o", folder, *SMALL) == (
        f"{folder / name} already exists; give --overwrite to replace it"
    )


def test_overwrite_makes_them_anew(lightfuse_program, tmp_path, contents):
    assert lightfuse_program("demo", "-o", tmp_path, *SMALL).code == 0
    first = contents(tmp_path)
    (tmp_path / "fused.jpg").write_text("old")
    assert lightfuse_program("demo", "-o", tmp_path, *SMALL, "--overwrite").code == 0
    assert contents(tmp_path) == first


def test_a_file_is_no_folder(refused, tmp_path):
    (tmp_path / "demo").write_text("a file")
    assert "cannot make the folder" in refused(tmp_path, "demo", "-o", tmp_path / "demo", *SMALL)


def test_bad_weights_stop_it_before_anything_is_made(refused, tmp_path):
    (tmp_path / "bad.safetensors").write_text("no weights")
    refused(tmp_path, "demo", "-o", tmp_path / "demo", *SMALL, "--weights", tmp_path / "bad.safetensors")


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 33)])
def test_the_smallest_sizes_work(lightfuse_program, tmp_path, width, height):
    ended = lightfuse_program("demo", "-o", tmp_path, "--width", width, "--height", height)
    assert ended.code == 0
    assert read_picture(tmp_path / "fused.jpg").pixels.shape == (height, width, 3)
