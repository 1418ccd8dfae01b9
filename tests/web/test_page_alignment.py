"""The page's alignment in Node, against movements known exactly."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders.node import needs_node, rgba, run_node

from lightfuse import core
from lightfuse.web.files import STATIC
from tools.synthetic import HandShake, sample_bracket

HERE = Path(__file__).parent
SIZE = (480, 320)
FARTHEST_OFF = 0.35  # pixels, at the corner that is farthest off
pytestmark = needs_node


def aligned_in_node(folder, pairs):
    """What `align` tells of each (base, frame), with the picture it gives, RGB, as "picture"."""
    jobs = []
    for number, (base, frame) in enumerate(pairs):
        paths = {name: str(folder / f"{number}-{name}.rgba") for name in ("base", "frame", "out")}
        Path(paths["base"]).write_bytes(rgba(base).tobytes())
        Path(paths["frame"]).write_bytes(rgba(frame).tobytes())
        jobs.append({**paths, "width": base.shape[1], "height": base.shape[0]})
    job, answer = folder / "job.json", folder / "answer.json"
    job.write_text(json.dumps(jobs))
    ended = run_node(HERE / "align_in_node.mjs", STATIC / "engine" / "index.js", job, answer)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(answer.read_text())
    for one, (base, _), paths in zip(told, pairs, jobs, strict=True):
        one["picture"] = np.frombuffer(Path(paths["out"]).read_bytes(), np.uint8).reshape(*base.shape[:2], 4)[..., :3]
    return told


def corners_off(warp, truth, size=SIZE):
    """How far apart two homographies carry the corner where they differ most."""
    x, y = size[0] - 1.0, size[1] - 1.0
    corners = np.array([[0, x, x, 0], [0, 0, y, y], [1.0, 1, 1, 1]])
    a, b = np.reshape(warp, (3, 3)) @ corners, truth @ corners
    return np.linalg.norm(a[:2] / a[2] - b[:2] / b[2], axis=0).max()


@pytest.fixture(scope="module")
def shaken(tmp_path_factory):
    """Shaken brackets of two, 2 to 6 stops apart, and what was told of laying the second of each on the first."""
    shakes = [
        (1.0, HandShake((0.03, -0.02), 1.0)),
        (2.0, HandShake((-0.012, 0.03), -2.0, (0.004, 0.003))),
        (3.0, HandShake((0.01, 0.008), 0.6, (-0.005, 0.004))),
        (
            3.0,
            HandShake((0.0005, 0.0)),
        ),
    ]
    brackets = [sample_bracket(*SIZE, (-ev, ev), seed=i, shake=shake) for i, (ev, shake) in enumerate(shakes)]
    told = aligned_in_node(tmp_path_factory.mktemp("shaken"), [bracket.pictures for bracket in brackets])
    return list(zip(brackets, told, strict=True))


def test_movements_of_a_hand_are_found_to_a_part_of_a_pixel(shaken):
    off = [corners_off(one["warp"], bracket.homographies[1]) for bracket, one in shaken[:3]]
    assert [one["moved"] for _, one in shaken[:3]] == [True] * 3
    assert max(off) < FARTHEST_OFF, off


def test_registration_is_the_same_to_the_bit_as_that_of_the_native_core(shaken):
    for bracket, told in shaken:
        base, frame = bracket.pictures
        ((warp, pixels, before, after, _),) = core.align_frames(base, [frame], False)
        assert [warp, pixels, before, after] == [told[name] for name in ("warp", "pixels", "before", "after")]


def test_a_frame_is_moved_by_as_much_as_is_told(shaken):
    for bracket, one in shaken[:3]:
        assert one["pixels"] == pytest.approx(corners_off(one["warp"], np.eye(3)))
        assert abs(one["pixels"] - corners_off(np.eye(3), bracket.homographies[1])) < FARTHEST_OFF
        assert one["after"] > one["before"] + 0.1


def test_a_movement_of_less_than_a_third_of_a_pixel_is_not_worth_the_blur(shaken):
    bracket, told = shaken[3]
    assert 0.2 < corners_off(np.eye(3), bracket.homographies[1]) < 0.3
    assert not told["moved"]
    assert np.array_equal(told["picture"], bracket.pictures[1])


def test_the_moved_frame_lies_on_the_base_and_its_border_goes_on_in_its_own_tones(shaken):
    """Against the frame that a steady hand would have taken; noise and interpolation allowed for."""
    for index, (bracket, told) in enumerate(shaken[:3]):
        steady = sample_bracket(*SIZE, bracket.evs, seed=index).pictures[1].astype(float)
        error = np.abs(told["picture"] - steady).mean(axis=2)
        before = np.abs(bracket.pictures[1] - steady).mean(axis=2)
        inside, border = np.s_[20:-20, 20:-20], np.ones(error.shape, bool)
        border[inside] = False
        assert error[inside].mean() < before[inside].mean() / 4
        assert error[border].mean() < before[border].mean() / 2


def test_frames_that_lie_right_or_show_nothing_stay_the_very_same(tmp_path):
    under, over = sample_bracket(*SIZE, (-3, 3), seed=2).pictures
    noise = np.random.default_rng(0).integers(0, 256, over.shape, dtype=np.uint8)
    pairs = [(over, under), (over, np.zeros_like(over)), (over, noise), (over, over)]
    told = aligned_in_node(tmp_path, pairs)
    assert [one["moved"] for one in told] == [False] * 4
    assert [bool(one["reason"]) for one in told] == [False, True, True, False]
    for one, (_, frame) in zip(told, pairs, strict=True):
        assert np.array_equal(one["picture"], frame)
