"""MergeLightFuse, held to OpenCV's MergeMertens in its calls and to the Fuser in its pixels."""

import cv2
import numpy as np
import pytest

import lightfuse
from lightfuse import FuseOptions, Fuser, MergeLightFuse, PictureError


@pytest.fixture
def frames(pair):
    """Under and over as OpenCV reads them: blue first."""
    return [np.ascontiguousarray(picture[..., ::-1]) for picture in pair]


@pytest.fixture
def expected(pair):
    """The pair fused as floats, blue first."""
    under, over = (picture.astype(np.float32) / np.float32(255) for picture in pair)
    return Fuser()(under, over)[..., ::-1]


def test_it_takes_the_place_of_merge_mertens(frames, expected):
    for merge in (cv2.createMergeMertens(), MergeLightFuse()):
        fused = merge.process(frames)
        assert (fused.dtype, fused.shape) == (np.float32, frames[0].shape)
        assert 0.2 < fused.mean() < 0.8
    assert np.allclose(fused, expected, atol=1e-5)


def test_floats_and_16_bits_fuse_as_8_bits_do(frames, expected):
    floats = [frame.astype(np.float64) / 255 for frame in frames]
    sixteen = [frame.astype(np.uint16) * 257 for frame in frames]
    for given in (floats, sixteen, [frame.astype(np.float32) for frame in floats]):
        assert np.allclose(MergeLightFuse().process(given), expected, atol=1e-5)
    assert given[0].flags.writeable


def test_given_frames_stay_as_they_are(frames):
    floats = [np.ascontiguousarray(frame, np.float32) / 255 for frame in frames]
    before = [frame.copy() for frame in floats]
    MergeLightFuse().process(floats)
    assert all(np.array_equal(a, b) for a, b in zip(floats, before, strict=True))


def test_grey_frames_stay_grey(frames, pair):
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
    fused = MergeLightFuse().process(grey)
    assert (fused.dtype, fused.shape) == (np.float32, grey[0].shape)
    in_colour = MergeLightFuse().process([cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) for frame in grey])
    assert np.abs(in_colour - fused[..., None]).max() < 0.02


def test_times_order_the_frames(frames, expected):
    merge = MergeLightFuse()
    assert np.array_equal(merge.process(frames, [1 / 60, 1 / 4]), merge.process(frames[::-1], (1 / 4, 1 / 60)))
    times = np.array([[1 / 60], [1 / 4]], np.float32)  # As OpenCV's examples have them.
    assert np.allclose(merge.process(frames, times=times, response=np.ones((256, 1, 3))), expected, atol=1e-5)


def test_model_and_look_can_be_chosen(frames, expected):
    assert not np.allclose(MergeLightFuse("small").process(frames), expected, atol=1e-3)
    bright = MergeLightFuse(options=FuseOptions(align="off", deghost="off", look="bright")).process(frames)
    assert bright.mean() > expected.mean()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f[:1], "fusing takes two or more exposures"),
        (lambda f: [f[0], f[1][:-1]], "differ in size"),
        (lambda f: [f[0], f[1][..., 0]], "partly grey"),
        (lambda f: [f[0].astype(np.int32), f[1]], "H×W×3 or H×W, of uint8, uint16 or float"),
        (lambda f: [f[0][:0], f[1][:0]], "a frame is empty"),
        (lambda f: ["under.jpg", "over.jpg"], "must be an array"),
        (lambda f: [frame.astype(np.float32) for frame in f], "float pictures must lie in"),
    ],
)
def test_what_cannot_be_fused_is_refused(frames, change, sentence):
    with pytest.raises(PictureError, match=sentence):
        MergeLightFuse().process(change(frames))


@pytest.mark.parametrize("times", [[1], [1, 2, 3], [1, 0], [1, float("nan")]])
def test_times_must_fit_the_frames(frames, times):
    with pytest.raises(PictureError, match="2 frames need as many exposure times"):
        MergeLightFuse().process(frames, times)


def test_it_is_a_public_name():
    assert "MergeLightFuse" in lightfuse.__all__
