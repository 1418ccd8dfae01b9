"""Fuser.stream: the same results as pair by pair, in order, without flicker, in constant memory."""

import itertools
import weakref

import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.fuser import Fuser
from lightfuse.models import shipped_models
from tools.synthetic import Camera, Scene


def noise_pair(seed, height=24, width=40, dtype=np.uint8):
    random = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    return tuple(
        random.integers(low, high, (height, width, 3), dtype) for low, high in ((0, top // 2), (top // 3, top))
    )


@pytest.fixture(scope="module")
def fuser():
    return Fuser("small", threads=1)


def test_stream_gives_the_result_of_each_pair(fuser):
    """No state is carried from one pair to the next, and no result overwritten."""
    pairs = [noise_pair(seed) for seed in range(7)]
    fused = list(fuser.stream(pairs))
    assert len(fused) == len(pairs)
    for pair, result in zip(pairs, fused, strict=True):
        assert np.array_equal(result, fuser(*pair))


def test_size_and_dtype_may_change(fuser):
    kinds = [*[(24, 40, np.uint8)] * 3, *[(24, 40, np.uint16)] * 3, *[(9, 7, np.uint16)] * 3, (24, 40, np.uint8)]
    pairs = [noise_pair(seed, *kind) for seed, kind in enumerate(kinds)]
    for pair, frame in zip(pairs, fuser.stream(pairs), strict=True):
        assert np.array_equal(frame, fuser(*pair))
        assert frame.dtype == pair[0].dtype


def test_pairs_are_requested_lazily_and_released(fuser):
    asked, alive = [], []

    def pairs():
        for seed in range(4):
            assert not any(reference() is not None for reference in alive)
            asked.append(seed)
            pair = noise_pair(seed)
            alive.extend(map(weakref.ref, pair))
            yield pair
            del pair

    stream = fuser.stream(pairs())
    assert asked == []
    for number, _frame in enumerate(stream):
        assert asked == list(range(number + 1))


def test_alternating_exposures_are_fused_pairwise(fuser):
    frames = [noise_pair(seed)[seed % 2] for seed in range(5)]
    fused = list(fuser.stream(itertools.pairwise(frames)))
    assert len(fused) == 4
    assert np.array_equal(fused[2], fuser(frames[2], frames[3]))


@pytest.mark.parametrize("model", shipped_models())
@pytest.mark.slow
def test_static_scene_does_not_flicker(model):
    """The mean over the picture varies by less than 0.1 levels RMS under the noise of the samples' camera."""
    camera, light = Camera(), Scene(1).render(320, 180)
    pairs = (
        tuple(camera.photograph(light, ev, seed=2 * frame + bright) for bright, ev in enumerate((-3.0, 3.0)))
        for frame in range(24)
    )
    means = [frame.mean() for frame in Fuser(model).stream(pairs)]
    assert 0 < np.std(means) < 0.1


def test_invalid_pair_is_named_by_its_number(fuser):
    good = noise_pair(0)
    with pytest.raises(PictureError, match=r"pair 3 of the stream: the pictures differ in size"):
        list(fuser.stream([good, good, (good[0], good[1][1:])]))
    with pytest.raises(PictureError, match=r"pair 1 of the stream: a pair is two pictures, not 3"):
        list(fuser.stream([(*good, good[0])]))
    with pytest.raises(PictureError, match=r"pair 2 of the stream: picture 1 must be an RGB array"):
        list(fuser.stream([good, ("under", "over")]))


def test_errors_of_the_source_are_passed_on(fuser):
    def pairs():
        yield noise_pair(0)
        raise OSError("the camera is gone")

    stream = fuser.stream(pairs())
    next(stream)
    with pytest.raises(OSError, match="the camera is gone"):
        next(stream)
