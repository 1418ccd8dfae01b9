"""A frame whose orientation tag differs is turned as the others, if that makes it show the same scene."""

import numpy as np
import pytest
from builders.photographs import boxes, exposed
from PIL import Image

from lightfuse.brackets.reading import turned_alike
from lightfuse.images import Picture, ShotInfo, read_picture
from lightfuse.images.pixels import turn_upright

LIGHT = boxes(240, 160, seed=2, rise=1)


def tagged(pixels, orientation):
    return Picture(pixels, "", shot=ShotInfo(orientation=orientation))


@pytest.mark.parametrize("tag", [3, 6, 8])
def test_a_frame_with_another_tag_is_turned_as_the_others(tag):
    frames = [exposed(LIGHT, ev) for ev in (0, -2, 2)]
    frames[2] = np.ascontiguousarray(turn_upright(frames[2], tag))
    *others, turned = turned_alike([tagged(*one) for one in zip(frames, (1, 1, tag), strict=True)])
    assert all(picture.pixels is frame for picture, frame in zip(others, frames[:2], strict=True))
    assert turned.notes == (f"its orientation tag ({tag}) is not that of the other frames and was not followed",)
    assert np.array_equal(turned.pixels, exposed(LIGHT, 2))


def test_a_tag_that_is_right_is_followed():
    """The camera was turned, and its tag says so: the pixels agree as they are."""
    for tag in (1, 3):
        frames = [tagged(exposed(LIGHT, ev), tag if ev == 2 else 1) for ev in (0, -2, 2)]
        assert turned_alike(frames) == frames


def test_mixed_tags_in_files_are_fused_with_a_note(tmp_path, lightfuse_program):
    for name, ev, tag in (("a", 0, 1), ("b", -2, 1), ("c", 2, 6)):
        exif = Image.Exif()
        exif[0x0112] = tag
        Image.fromarray(exposed(LIGHT, ev)).save(tmp_path / f"{name}.png", exif=exif)
    files = [tmp_path / f"{name}.png" for name in "abc"]
    ended = lightfuse_program("fuse", *files, "-o", tmp_path / "o.png")
    assert ended.code == 0
    assert "c.png: its orientation tag (6) is not that of the other frames and was not followed" in ended.err
    assert read_picture(tmp_path / "o.png").pixels.shape == (160, 240, 3)
