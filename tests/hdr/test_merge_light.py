"""Merged light: true to the light behind a sample bracket, whatever the camera's curve, with or without EXIF."""

from dataclasses import dataclass

import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.hdr import merge_light
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
    """A camera with a strong S-curve on top of sRGB's, as many have for taste: no stops are what sRGB says."""

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
def test_the_light_is_the_scenes(bracket, stops):
    radiance = merge_light(bracket.pictures, stops, base=1)
    assert radiance.light.shape == (SIZE[1], SIZE[0], 3)
    assert radiance.light.dtype == np.float32
    assert radiance.light.min() >= 0
    off = stops_off(radiance.light, bracket.light, bright=8.0 * 0.95)
    assert abs(np.median(off)) < 0.15
    assert np.percentile(np.abs(off - np.median(off)), 95) < 0.25


def test_the_light_is_in_the_bases_unit(bracket):
    light = [merge_light(bracket.pictures, base=base).light for base in range(3)]
    ratios = [np.median(np.log2(light[i][light[0] > 0] / light[0][light[0] > 0])) for i in (1, 2)]
    assert ratios == pytest.approx([3.0, 6.0], abs=0.15)


def test_the_stops_are_estimated_from_the_pictures_in_any_order(bracket):
    dark, middle, bright = bracket.pictures
    assert merge_light([middle, bright, dark], base=0).stops == pytest.approx([0.0, 3.0, -3.0], abs=0.15)


def test_the_base_is_the_frame_nearest_the_middle_unless_told(bracket):
    nearest = int(np.argmin([abs(picture.mean() - 127.5) for picture in bracket.pictures]))
    assert merge_light(bracket.pictures).stops.index(0.0) == nearest


def test_the_order_of_the_frames_does_not_matter(bracket):
    dark, middle, bright = bracket.pictures
    straight, mixed = merge_light([dark, middle, bright], base=1), merge_light([bright, dark, middle], base=2)
    assert (straight.light == mixed.light).all()


def test_an_s_curve_is_found_out(light):
    """Under sRGB the frames of such a camera contradict each other; the recovered curve brings them together."""
    bent = shots_of(light, camera=BentCamera(response="srgb"))
    off = stops_off(merge_light(bent.pictures, EVS, base=1).light, bent.light, bright=8.0 * 0.95)
    assert np.percentile(np.abs(off - np.median(off)), 90) < 0.1


def test_a_clipped_frame_has_no_say(bracket):
    """The sky is white in the two brighter frames: its light is what the darkest alone recorded."""
    clipped = (bracket.pictures[1].min(axis=-1) == 255) & (bracket.pictures[0].max(axis=-1) < 250)
    merged = merge_light(bracket.pictures, EVS, base=1).light[clipped]
    off = np.log2(merged / bracket.light[clipped])
    assert off.size > 1000
    assert np.percentile(np.abs(off - np.median(off)), 90) < 0.15
    assert abs(np.median(off)) < 0.15


def test_shadows_are_the_bright_frames_which_is_the_cleaner(bracket):
    quiet = shots_of(bracket.light, noise=False)
    shadow = (quiet.pictures[2].max(axis=-1) < 120) & (quiet.light.min(axis=-1) > 1e-3)
    merged = merge_light(bracket.pictures, EVS, base=2).light
    brightest = merge_light([quiet.pictures[1], quiet.pictures[2]], EVS[1:], base=1).light
    noise = np.log2(merged[shadow] / brightest[shadow]).std()
    assert noise < 0.12


def test_no_seam_where_one_frame_hands_over_to_the_next():
    """A smooth ramp of light stays smooth even where the stops are a little wrong, so that the frames disagree."""
    ramp = np.repeat(np.exp2(np.linspace(-8, 2.5, 3000, dtype=np.float32))[None, :, None], 40, axis=0)
    light = np.repeat(ramp, 3, axis=2)
    frames = [Camera(headroom=1.0).photograph(light, ev, bits=16, noise=False) for ev in EVS]
    merged = merge_light(frames, (-3.0, 0.15, 2.85), base=1).light[20, :, 1]
    steps = np.diff(np.log2(merged[200:]))
    assert steps.min() > 0
    assert steps.max() < 3 * np.median(steps)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deeper_frames_merge_to_the_same_light(bracket, dtype):
    scale = 257 if dtype == np.uint16 else 1 / 255
    deep = [(picture.astype(np.float64) * scale).astype(dtype) for picture in bracket.pictures]
    shallow = merge_light(bracket.pictures, EVS, base=1).light
    assert np.allclose(merge_light(deep, EVS, base=1).light, shallow, rtol=0.03, atol=2e-3)


def test_frames_of_one_exposure_are_averaged(bracket):
    twins = [Camera().photograph(bracket.light, 0.0, seed=9), bracket.pictures[1]]
    merged = merge_light([*twins, bracket.pictures[0]], (0.0, 0.0, -3.0), base=0)
    assert merged.stops == (0.0, 0.0, -3.0)
    assert np.isfinite(merged.light).all()


def test_without_tones_in_common_exif_is_needed():
    dark, bright = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    with pytest.raises(PictureError, match="no tones in common"):
        merge_light([dark, bright])
    assert np.isfinite(merge_light([dark, bright], (0, 10)).light).all()


@pytest.mark.parametrize(
    ("frames", "stops", "sentence"),
    [
        ([np.zeros((4, 4, 3), np.uint8)], None, "two exposures or more"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)], None, "one size and type"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint16)], None, "one size and type"),
        ([np.zeros((4, 4), np.uint8)] * 2, None, "must be RGB"),
        ([np.zeros((4, 4, 3), np.int32)] * 2, None, "uint8, uint16 or float32"),
        ([np.zeros((4, 4, 3), np.uint8)] * 2, (1.0,), "as many exposures"),
        ([np.zeros((4, 4, 3), np.uint8)] * 2, (1.0, float("nan")), "finite"),
    ],
)
def test_what_cannot_be_merged_is_refused(frames, stops, sentence):
    with pytest.raises(PictureError, match=sentence):
        merge_light(frames, stops)
