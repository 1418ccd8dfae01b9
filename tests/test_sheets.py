"""The comparison sheet: every picture on it, in order, labelled, and no wider than requested."""

import cv2
import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.sheets import comparison_sheet, shrink


def noise(seed, height=60, width=90):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def place_of(part, whole):
    """Row and column where a part stands in a whole, pixel for pixel; None where it does not."""
    distance = cv2.matchTemplate(whole.astype(np.float32), part.astype(np.float32), cv2.TM_SQDIFF)
    y, x = np.unravel_index(distance.argmin(), distance.shape)
    found = (whole[y : y + part.shape[0], x : x + part.shape[1]] == part).all()
    return (int(y), int(x)) if found else None


def test_pair_and_fused_picture_are_one_row():
    sheet = comparison_sheet([noise(1), noise(2)], noise(3), ["under", "over"])
    places = [place_of(noise(seed), sheet) for seed in (1, 2, 3)]
    assert None not in places
    assert len({y for y, _ in places}) == 1
    assert sorted(places) == places
    assert place_of(noise(9), sheet) is None


@pytest.mark.parametrize(("frames", "columns"), [(1, 2), (3, 2), (4, 3), (7, 3), (9, 4)])
def test_brackets_fill_a_grid_with_the_fused_picture_last(frames, columns):
    pictures = [noise(seed) for seed in range(frames)]
    sheet = comparison_sheet(pictures, noise(99), [str(i) for i in range(frames)])
    places = [place_of(picture, sheet) for picture in [*pictures, noise(99)]]
    assert places == sorted(places)
    assert len({x for _, x in places}) == columns


@pytest.mark.parametrize("shape", [(400, 1000), (1000, 400), (1, 2000), (2000, 1), (1, 1)])
def test_sheet_is_no_wider_than_requested(shape):
    pictures = [noise(seed, *shape) for seed in range(3)]
    sheet = comparison_sheet(pictures[:2], pictures[2], ["under", "over"], width=1200)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] <= 1200
    column = (1200 - 4 * 14) // 3
    assert all(place_of(shrink(picture, column, round(1.5 * column)), sheet) for picture in pictures)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_16_bit_and_float_pictures_look_the_same(dtype):
    def deep(picture):
        return picture.astype(np.uint16) * np.uint16(257) if dtype == np.uint16 else picture.astype(np.float32) / 255

    pictures = [noise(seed) for seed in range(3)]
    labels = ["under", "over"]
    assert (
        comparison_sheet([deep(p) for p in pictures[:2]], deep(pictures[2]), labels)
        == comparison_sheet(pictures[:2], pictures[2], labels)
    ).all()


def test_labels_are_drawn():
    pictures = [noise(seed) for seed in range(3)]

    def drawn(*labels):
        return comparison_sheet(pictures[:2], pictures[2], labels[:2], fused_label=labels[2])

    plain = drawn("one", "two", "three")
    for changed in (("uno", "two", "three"), ("one", "due", "three"), ("one", "two", "tre")):
        other = drawn(*changed)
        assert other.shape == plain.shape
        assert (other != plain).any()


def test_long_labels_wrap_within_their_column():
    label = "a name of many words, each of them short, that does not fit into one line"
    short, long = (comparison_sheet([noise(1)], noise(2), [text]) for text in ("name", label))
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0]


def test_labels_that_are_no_text_are_drawn():
    """File names may hold bytes that are not UTF-8, which crashed OpenCV, and control characters."""
    pictures = [noise(1), noise(2)]
    drawn = comparison_sheet(pictures, noise(3), ["b\udce9_1.jpg", "a\n\x1b2.jpg"])
    np.testing.assert_array_equal(drawn, comparison_sheet(pictures, noise(3), ["b?_1.jpg", "a??2.jpg"]))


@pytest.mark.parametrize("labels", [[], ["one", "two", "three"]])
def test_each_frame_needs_a_label(labels):
    with pytest.raises(PictureError, match="a label for each"):
        comparison_sheet([noise(1), noise(2)], noise(3), labels)
