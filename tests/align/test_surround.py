"""A surround that stays where it is while the scene moves: eyepieces, mounts, letterboxes, borders."""

import numpy as np
import pytest

from lightfuse.align import align_bracket
from lightfuse.align.surround import find_scene
from lightfuse.sample import sample_pair
from tools.synthetic import HandShake, sample_bracket

WIDTH, HEIGHT = 600, 400
Y, X = np.mgrid[:HEIGHT, :WIDTH]
SCENES = {
    "eyepiece": np.hypot(X - 280, Y - 190) < 170,
    "small eyepiece": np.hypot(X - 330, Y - 210) < 110,
    "letterbox": (Y >= 60) & (Y < 340),
    "mount": (X >= 100) & (X < 550) & (Y >= 40) & (Y < 310),
    "thin border": (X >= 10) & (X < WIDTH - 10) & (Y >= 10) & (Y < HEIGHT - 10),
}
LEVELS = {"black": (3, 3), "white": (250, 255)}


@pytest.fixture(scope="module")
def shaken():
    return sample_bracket(WIDTH, HEIGHT, (-3, 3), seed=2, shake=HandShake((0.012, -0.01), 0.8, (0.002, -0.002)), bits=8)


@pytest.fixture(scope="module")
def still():
    return sample_bracket(WIDTH, HEIGHT, (-3, 3), seed=3, bits=8).pictures


def surrounded(pictures, scene, levels):
    return [np.where(scene[..., None], p, np.uint8(level)) for p, level in zip(pictures, levels, strict=True)]


@pytest.mark.parametrize("levels", LEVELS.values(), ids=LEVELS)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_the_scene_is_aligned_whatever_surrounds_it(shaken, scene, levels):
    aligned = align_bracket(surrounded(shaken.pictures, scene, levels), 0)
    at = np.stack([X[scene], Y[scene], np.ones(scene.sum())])
    found, truth = (warp @ at for warp in (aligned.warps[1], shaken.homographies[1]))
    assert np.linalg.norm(found[:2] / found[2] - truth[:2] / truth[2], axis=0).max() < 0.5


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
@pytest.mark.parametrize(
    "dtype", [np.uint8, *(pytest.param(t, marks=pytest.mark.slow) for t in (np.uint16, np.float32))]
)
def test_a_still_scene_with_a_surround_stays_where_it_is(still, scene, dtype):
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    frames = [(frame.astype(np.float64) * scale).astype(dtype) for frame in surrounded(still, scene, (3, 3))]
    aligned = align_bracket(frames, 1)
    assert aligned.moves == (0.0, 0.0)
    assert aligned.frames[0] is frames[0]


@pytest.mark.parametrize(
    "frames",
    [
        [np.zeros((400, 600, 3), np.uint8)] * 2,
        [np.full((400, 600, 3), 255, np.uint8)] * 2,
        sample_pair(WIDTH, HEIGHT),
        [np.where((X % 40 == 20) & (Y % 40 == 20), 255, 0).astype(np.uint8)[..., None].repeat(3, 2)] * 2,
        surrounded([np.full((400, 600, 3), 99, np.uint8)] * 2, (X < 330) & (X > 300), (0, 0)),
    ],
    ids=["black", "white", "no surround", "stars", "too little"],
)
def test_frames_without_a_surround_are_compared_as_they_are(frames):
    scene = find_scene(frames, 48)
    assert all(one is other for one, other in zip(scene.frames, frames, strict=True))
    assert (scene.left, scene.top) == (0, 0)


def test_black_in_one_frame_only_is_no_surround(shaken):
    dark = surrounded(shaken.pictures, SCENES["mount"], (3, 3))
    assert find_scene([dark[0], shaken.pictures[1]], 48).frames[0] is dark[0]
