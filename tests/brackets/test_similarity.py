"""Frames of one scene are told from frames of different scenes; what cannot be compared is not judged."""

import numpy as np
import pytest
from builders.photographs import boxes, exposed

from lightfuse.brackets.similarity import MIN_SIMILARITY, find_mismatch
from tools.synthetic import Camera, Scene

EVS = (-3.0, 0.0, 3.0)


@pytest.fixture(scope="module")
def frames():
    light = Scene(0).render(480, 320)
    return [Camera().photograph(light, ev, seed=number) for number, ev in enumerate(EVS)]


def other_scene(frames):
    """A frame of another scene: synthetic rooms resemble each other, so this one is turned by 180°."""
    return np.ascontiguousarray(frames[1][::-1, ::-1])


def test_frames_of_one_scene_pass(frames):
    assert find_mismatch(frames) is None
    assert find_mismatch([frames[0], frames[2]]) is None


def test_frame_of_another_scene_is_found(frames):
    position, similarity = find_mismatch([frames[0], other_scene(frames), frames[2]])
    assert position in (0, 1)
    assert similarity < MIN_SIMILARITY / 2


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_dtypes_agree(frames, dtype):
    def converted(frame):
        return frame.astype(dtype) * dtype(257) if dtype == np.uint16 else frame.astype(dtype) / dtype(255)

    mixed = [frames[0], other_scene(frames)]
    expected = find_mismatch(mixed)[1]
    assert find_mismatch([converted(frame) for frame in mixed])[1] == pytest.approx(expected, abs=0.01)
    assert find_mismatch([converted(frame) for frame in frames]) is None


def test_small_shift_and_moving_object_pass(frames):
    moved = np.roll(frames[2], (4, -6), axis=(0, 1))
    moved[100:200, 150:260] = 130
    assert find_mismatch([frames[0], frames[1], moved]) is None


def test_incomparable_frames_pass(frames):
    black, white = np.zeros_like(frames[0]), np.full_like(frames[0], 255)
    noise = [np.random.default_rng(seed).normal(100, 1, frames[0].shape).astype(np.uint8) for seed in (1, 2)]
    assert find_mismatch([black, white]) is None
    assert find_mismatch([black, frames[1], white]) is None
    assert find_mismatch(noise) is None
    assert find_mismatch([frames[0][:20], other_scene(frames)[:20]]) is None
    assert find_mismatch(frames[:1]) is None


@pytest.mark.parametrize("evs", [(0, -2), (0, 1), (-2, 1)])
def test_scenes_that_share_their_walls_are_told_apart(evs):
    """Half of the picture is the same: its correlation alone would pass."""
    y, x = np.mgrid[0:200, 0:300]
    walls = 0.05 + 0.2 * x / 300 + 0.04 * np.sin(x / 7) * np.sin(y / 9) ** 2
    rooms = [boxes(300, 200, seed=seed) for seed in (1, 2)]
    for room in rooms:
        room[:90] = walls[:90, :, None]
    assert find_mismatch([exposed(room, ev, noise=1) for room, ev in zip(rooms, evs, strict=True)]) is not None
    assert find_mismatch([exposed(rooms[0], ev, noise=1) for ev in evs]) is None


def test_moving_water_passes():
    """Half of the picture has other contrasts in every frame, but its tones stay in order."""
    random = np.random.default_rng(1)
    frames = []
    for ev in (-1, 1):
        light = boxes(300, 200, seed=3, rise=2)
        light[100:] = 0.1 * (1 + 0.3 * random.standard_normal((50, 150, 1)).repeat(2, 0).repeat(2, 1))
        frames.append(exposed(light, ev))
    assert find_mismatch(frames) is None
