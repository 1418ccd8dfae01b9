"""Merging exposures: the radiance of a synthetic scene is recovered, for any camera curve, with or without EXIF."""

from dataclasses import dataclass

import numpy as np
import pytest

from lightfuse.colorspace import srgb_to_linear
from lightfuse.errors import PictureError
from lightfuse.hdr.merge import merge_radiance
from tools.synthetic import Camera, Scene

EVS = (-3.0, 0.0, 3.0)
SIZE = (360, 240)


@dataclass(frozen=True)
class Shots:
    light: np.ndarray
    pictures: tuple[np.ndarray, ...]


def shots_of(light, evs=EVS, camera=None, *, noise=True):
    camera = camera or Camera()
    return Shots(light, tuple(camera.photograph(light, ev, noise=noise, seed=i) for i, ev in enumerate(evs)))


@pytest.fixture(scope="module")
def light():
    return Scene(0).render(*SIZE)


@pytest.fixture(scope="module")
def bracket(light):
    """The pictures of three exposures by a camera with a shoulder, noise and 8 bits, and the light."""
    return shots_of(light)


class BentCamera(Camera):
    """A camera with a strong S-curve on top of sRGB's, as many have: sRGB gives wrong stops everywhere."""

    def encode(self, signal):
        code = super().encode(signal)
        return code + np.float32(0.35) * code * (1 - code) * (2 * code - 1) * 2


def stops_off(merged, truth, dark=0.002, bright=1.0):
    """Stops between two lights' luminances, where the truth is in the range that the darkest frame holds."""
    true, found = (light @ np.array([0.2126, 0.7152, 0.0722], np.float32) for light in (truth, merged))
    held = (truth.max(axis=-1) < bright) & (true > dark)
    assert held.mean() > 0.5
    return np.log2(np.maximum(found[held], 1e-6) / true[held])


@pytest.mark.parametrize("stops", [None, EVS])
def test_merge_recovers_scene_radiance(bracket, stops):
    radiance = merge_radiance(bracket.pictures, stops, base=1)
    assert radiance.shape == (SIZE[1], SIZE[0], 3)
    assert radiance.dtype == np.float32
    assert radiance.min() >= 0
    off = stops_off(radiance, bracket.light, bright=8.0 * 0.95)
    assert abs(np.median(off)) < 0.15
    assert np.percentile(np.abs(off - np.median(off)), 95) < 0.25


def test_radiance_is_in_the_unit_of_the_base(bracket):
    light = [merge_radiance(bracket.pictures, None, base) for base in range(3)]
    ratios = [np.median(np.log2(light[i][light[0] > 0] / light[0][light[0] > 0])) for i in (1, 2)]
    assert ratios == pytest.approx([3.0, 6.0], abs=0.15)


def test_exposures_are_estimated_from_pixels(bracket):
    estimated, given = (merge_radiance(bracket.pictures, evs, base=1) for evs in (None, EVS))
    lit = given.min(axis=-1) > 1e-3
    assert np.percentile(np.abs(np.log2(estimated[lit] / given[lit])), 99) < 0.15


def test_response_of_a_camera_with_an_s_curve_is_recovered(light):
    """Under sRGB the frames of such a camera contradict each other; the recovered curve brings them together."""
    bent = shots_of(light, camera=BentCamera(response="srgb"))
    off = stops_off(merge_radiance(bent.pictures, EVS, base=1), bent.light, bright=8.0 * 0.95)
    assert np.percentile(np.abs(off - np.median(off)), 90) < 0.1


def test_clipped_frames_get_no_weight(bracket):
    """The sky is white in the two brighter frames: its light is what the darkest alone recorded."""
    clipped = (bracket.pictures[1].min(axis=-1) == 255) & (bracket.pictures[0].max(axis=-1) < 250)
    merged = merge_radiance(bracket.pictures, EVS, base=1)[clipped]
    off = np.log2(merged / bracket.light[clipped])
    assert off.size > 1000
    assert np.percentile(np.abs(off - np.median(off)), 90) < 0.15
    assert abs(np.median(off)) < 0.15


def test_shadows_come_from_the_brightest_frame(bracket):
    quiet = shots_of(bracket.light, noise=False)
    shadow = (quiet.pictures[2].max(axis=-1) < 120) & (quiet.light.min(axis=-1) > 1e-3)
    merged = merge_radiance(bracket.pictures, EVS, base=2)
    brightest = merge_radiance([quiet.pictures[1], quiet.pictures[2]], EVS[1:], base=1)
    noise = np.log2(merged[shadow] / brightest[shadow]).std()
    assert noise < 0.12


def test_smooth_ramp_has_no_seam_between_frames():
    """A smooth ramp of light stays smooth even where the stops are a little wrong, so that the frames disagree."""
    ramp = np.repeat(np.exp2(np.linspace(-8, 2.5, 3000, dtype=np.float32))[None, :, None], 40, axis=0)
    light = np.repeat(ramp, 3, axis=2)
    frames = [Camera(headroom=1.0).photograph(light, ev, bits=16, noise=False) for ev in EVS]
    merged = merge_radiance(frames, (-3.0, 0.15, 2.85), base=1)[20, :, 1]
    steps = np.diff(np.log2(merged[200:]))
    assert steps.min() > 0
    assert steps.max() < 3 * np.median(steps)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deeper_frames_merge_to_the_same_radiance(bracket, dtype):
    scale = 257 if dtype == np.uint16 else 1 / 255
    deep = [(picture.astype(np.float64) * scale).astype(dtype) for picture in bracket.pictures]
    shallow = merge_radiance(bracket.pictures, EVS, base=1)
    assert np.allclose(merge_radiance(deep, EVS, base=1), shallow, rtol=0.03, atol=2e-3)


def test_frames_of_equal_exposure_are_merged(bracket):
    twins = [Camera().photograph(bracket.light, 0.0, seed=9), bracket.pictures[1]]
    merged = merge_radiance([bracket.pictures[0], *twins], (-3.0, 0.0, 0.0), base=1)
    assert np.isfinite(merged).all()


def test_one_exposure_becomes_linear(bracket):
    """As is left of equal exposures once they are averaged."""
    radiance = merge_radiance(bracket.pictures[:1], None, base=0)
    values = np.float64(bracket.pictures[0]) / 255
    np.testing.assert_allclose(radiance, srgb_to_linear(values), atol=1e-6)


def test_exposures_without_common_tones_need_exif():
    dark, bright = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    with pytest.raises(PictureError, match="no tones in common"):
        merge_radiance([dark, bright], None, base=0)
    assert np.isfinite(merge_radiance([dark, bright], (0, 10), base=0)).all()
