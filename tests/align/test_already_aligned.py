"""The quick test: frames already aligned are told from those shifted by a fraction of a pixel."""

from functools import cache

import cv2
import numpy as np
import pytest

from lightfuse import core
from lightfuse.align import align_bracket
from tools.synthetic import HandShake, sample_bracket

WIDTH, HEIGHT = 600, 400
ALREADY_ALIGNED = 3  # of lf_reason, in align.h


@cache
def pictures(evs=(-2, 2), seed=3, shake=None, bits=8):
    return sample_bracket(WIDTH, HEIGHT, evs, seed=seed, shake=shake, bits=bits).pictures


def already_aligned(frames):
    """Whether the quick test says so of all but the first, the base; frames in the order of brightness."""
    answers = core.align_frames(frames[0], list(frames[1:]), False)
    return all(reason == ALREADY_ALIGNED for *_, reason in answers)


def grey(values):
    return np.repeat(values[..., None], 3, axis=2)


@pytest.mark.parametrize("evs", [(-1, 1), (-3, 3), (-4, -2, 0, 2, 4)])
@pytest.mark.slow
def test_aligned_frames_are_returned_without_registration(evs):
    frames = sample_bracket(WIDTH, HEIGHT, evs, seed=3).pictures
    aligned = align_bracket(frames, len(frames) - 1)
    assert all(out is frame for out, frame in zip(aligned.frames, frames, strict=True))
    assert aligned.moves == (0.0,) * len(frames)
    assert aligned.notes == ()
    assert already_aligned(frames)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_aligned_frames_of_16_bits_and_float_are_recognised(dtype):
    deep = pictures(bits=16)
    frames = deep if dtype is np.uint16 else [(picture / np.float32(65535)).astype(np.float32) for picture in deep]
    assert already_aligned(frames)


@pytest.mark.parametrize(
    "shake",
    [
        HandShake((0.5 / WIDTH, 0.0)),
        HandShake((0.0, -0.5 / WIDTH)),
        HandShake((3 / WIDTH, 2 / WIDTH)),
        HandShake((30 / WIDTH, 0.0)),
        HandShake(rotation=0.1),
        HandShake(rotation=2.0),
        HandShake((0.0, 0.0), 0.0, (0.002, 0.0)),
    ],
)
@pytest.mark.slow
def test_smallest_movement_worth_correcting_is_registered(shake):
    assert not already_aligned(pictures((-3, 3), shake=shake))


@pytest.mark.slow
def test_small_movements_from_frame_to_frame_add_up():
    drifting = HandShake((0.15 / WIDTH, 0.0))
    assert already_aligned(pictures((-2, -1), shake=drifting))
    assert not already_aligned(pictures((-2, -1, 0, 1, 2), shake=drifting))


def test_noise_does_not_make_a_movement_look_smaller():
    rng = np.random.default_rng(0)
    first, second = pictures((-1, 1), shake=HandShake((0.6 / WIDTH, 0.0)))
    noisy = [np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8) for picture in (first, second)]
    assert not already_aligned(noisy)


@pytest.mark.slow
def test_frames_with_nothing_in_common_are_registered():
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8) for _ in range(2)]
    assert not already_aligned(noise)
    assert not already_aligned([np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (0, 255)])
    assert not already_aligned([pictures()[0], cv2.flip(pictures()[1], 1)])


def test_large_moving_object_does_not_need_registration():
    first, second = pictures((-1, 1))
    second = second.copy()
    second[140:260, 200:330] = np.roll(second, 30, axis=1)[140:260, 200:330]
    assert already_aligned([first, second])


@pytest.mark.parametrize("shape", [(48, 48), (100, 700), (300, 300)])
def test_pictures_too_small_for_windows_are_registered(shape):
    picture = grey(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    assert not already_aligned([picture, picture])
