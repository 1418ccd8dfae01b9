"""Frames with transparency: what one does not show comes from the others, in its own tones."""

import numpy as np
import pytest

from lightfuse.brackets.masks import fill_transparent, opaque_masks, union_alpha

HEIGHT, WIDTH = 60, 90


def exposures(dtype):
    """Three exposures of a smooth scene: dark, middle, bright."""
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    scene = np.stack([0.1 + 0.5 * x, 0.1 + 0.5 * y, 0.1 + 0.3 * x + 0.2 * y], axis=2)
    unit = [np.clip(scene * gain, 0, 1) for gain in (0.5, 1.0, 1.6)]
    return [(u if dtype == np.float32 else np.rint(u * np.iinfo(dtype).max)).astype(dtype) for u in unit]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_missing_parts_are_filled_in_the_frames_own_tones(dtype):
    frames = exposures(dtype)
    masks = [np.ones((HEIGHT, WIDTH), bool) for _ in frames]
    masks[0][:, :20] = False
    masks[2][40:] = False
    black = [np.where(mask[..., None], frame, dtype(0)) for frame, mask in zip(frames, masks, strict=True)]
    filled = fill_transparent(black, masks)
    most = 1 if dtype == np.float32 else np.iinfo(dtype).max
    for got, truth, mask in zip(filled, frames, masks, strict=True):
        assert got.dtype == dtype
        np.testing.assert_array_equal(got[mask], truth[mask])
        assert np.abs(got / most - truth / most).mean() < 0.01
    assert filled[1] is black[1]


@pytest.mark.parametrize("level", [0, 255])
def test_part_that_the_other_frame_clips_gets_mean_tones(level):
    """Not those of the brightest or the darkest thing in the part of the other frame that is clipped."""
    frame = np.tile(np.linspace(80, 140, WIDTH).astype(np.uint8)[None, :, None], (HEIGHT, 1, 3))
    other = np.where(level, 2 * frame.astype(int) - 40, frame // 2).astype(np.uint8)
    frame[20:], other[20:] = 180 if level else 40, level
    frame[50:, :20] = level
    shown = np.ones((HEIGHT, WIDTH), bool)
    shown[20:40] = False
    filled = fill_transparent([np.where(shown[..., None], frame, np.uint8(0)), other], [shown, np.ones_like(shown)])
    assert np.abs(filled[0][30:35].astype(int) - frame[30:35]).max() <= 30


def test_what_no_frame_shows_is_black():
    frames = exposures(np.uint8)
    masks = [np.ones((HEIGHT, WIDTH), bool) for _ in frames]
    for mask in masks:
        mask[:10] = False
    assert all((frame[:10] == 0).all() for frame in fill_transparent(frames, masks))


def test_frames_without_common_parts_are_put_together():
    frames = exposures(np.uint8)[:2]
    left = np.arange(WIDTH)[None] < 45
    masks = [np.broadcast_to(left, (HEIGHT, WIDTH)), np.broadcast_to(~left, (HEIGHT, WIDTH))]
    for filled in fill_transparent(frames, masks):
        np.testing.assert_array_equal(filled[:, :45], frames[0][:, :45])
        np.testing.assert_array_equal(filled[:, 45:], frames[1][:, 45:])


def test_union_of_alphas():
    left, right = np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.uint8)
    left[:, :2], right[:, 1:3] = 255, 100
    np.testing.assert_array_equal(union_alpha([left, right])[0], [255, 255, 100, 0])
    assert union_alpha([left, None]) is None
    assert union_alpha([None, None]) is None
    one, other = opaque_masks([left, right], (2, 4, 3))
    np.testing.assert_array_equal(one[0], [True, True, False, False])
    np.testing.assert_array_equal(other[0], [False, False, True, False])  # Faint, but more than nothing.
