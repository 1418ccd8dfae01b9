"""Borders that are black or white in both exposures: they change nothing inside, and stay what they are."""

import numpy as np
import pytest

from lightfuse.fuser import Fuser
from lightfuse.sample import sample_pair

MODELS = ("small", "base")
INSIDE = sample_pair(240, 160)
ONE_SIDED = [(0.4, 0, 0, 0), (0, 0.3, 0, 0), (0, 0, 0.4, 0), (0, 0, 0, 0.2)]


def bordered(picture, sides, level):
    """The picture with a border of a part of its size to the left, above, to the right and below."""
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(part * side) for part, side in zip(sides, (width, height) * 2, strict=True))
    framed = np.full((height + top + bottom, width + left + right, 3), level, picture.dtype)
    framed[top : top + height, left : left + width] = picture
    return framed, (slice(top, top + height), slice(left, left + width))


@pytest.mark.parametrize("level", [0, 4, 255])
@pytest.mark.parametrize("sides", [*((part,) * 4 for part in (0.04, 0.4, 2.0)), *ONE_SIDED, (0.2, 0, 0.1, 0.4)])
@pytest.mark.parametrize("model", MODELS)
def test_a_border_changes_nothing_inside(model, sides, level):
    fuser = Fuser(model)
    framed, place = zip(*(bordered(picture, sides, level) for picture in INSIDE), strict=True)
    fused = fuser(*framed)
    inside = fused[place[0]]
    assert np.abs(inside - fuser(*INSIDE).astype(float)).mean() <= 5
    outside = np.ones(fused.shape[:2], bool)
    outside[place[0]] = False
    assert np.abs(fused[outside].astype(int) - level).max() <= 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_inside_is_fused_as_if_it_were_alone(dtype):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    pair = [(picture / 255 * top).astype(dtype) for picture in INSIDE]
    for picture in pair:
        picture[0, 0] = picture[-1, -1] = top / 2  # The scene reaches into its corners.
    framed, place = zip(*(bordered(picture, (0.3, 0.1, 0, 0.2), 0) for picture in pair), strict=True)
    for threads in (1, 4):
        assert np.array_equal(Fuser("base", threads)(*framed)[place[0]], Fuser("base")(*pair))


@pytest.mark.parametrize("level", [0, 255])
def test_pictures_without_a_scene_are_fused_whole(level):
    flat = np.full((40, 50, 3), level, np.uint8)
    assert np.array_equal(Fuser("base")(flat, flat), flat)
    dot = flat.copy()
    dot[20, 30] = 128
    assert np.abs(Fuser("base")(flat, dot).astype(int) - level).max() <= 128


def test_what_is_black_in_one_exposure_only_belongs_to_the_scene():
    under, over = (picture.copy() for picture in INSIDE)
    under[:60] = 0
    assert not np.array_equal(Fuser("base")(under, over)[60:], Fuser("base")(under[60:], over[60:]))
