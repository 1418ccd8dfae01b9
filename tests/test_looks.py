"""Looks: moderate, without clipping or hue shifts, the same for every dtype and number of threads."""

from itertools import pairwise

import numpy as np
import pytest

from lightfuse.errors import LightFuseError, PictureError
from lightfuse.looks import LOOKS, apply_look
from lightfuse.metrics.colour import rgb_to_lab

CHANGING = [look for look in LOOKS if look != "natural"]


def all_colours(steps=33):
    """Every colour of a cube of so many steps, float32 in [0, 1], as a picture."""
    axis = np.linspace(0, 1, steps, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(steps, -1, 3)


def greys(count=65536):
    return np.repeat(np.linspace(0, 1, count, dtype=np.float32)[None, :, None], 3, axis=2)


def chroma_and_hue(picture):
    _, a, b = np.moveaxis(rgb_to_lab(picture.astype(np.float64)), -1, 0)
    return np.hypot(a, b), np.degrees(np.arctan2(b, a))


def turned(before, after):
    """Degrees between two hues, 0 to 180."""
    return np.abs((after - before + 180) % 360 - 180)


@pytest.mark.parametrize("look", LOOKS)
def test_zero_strength_changes_nothing(look, pair):
    assert (apply_look(pair[1], look, 0.0) == pair[1]).all()


def test_natural_changes_nothing(pair):
    assert (apply_look(pair[1], "natural", 1.0) == pair[1]).all()


@pytest.mark.parametrize("look", CHANGING)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_look_keeps_shape_and_dtype_and_its_input(look, dtype):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    picture = (all_colours(9) * top).astype(dtype)
    before = picture.copy()
    result = apply_look(picture, look)
    assert result.shape == picture.shape
    assert result.dtype == dtype
    assert (picture == before).all()
    assert (result != picture).any()


@pytest.mark.parametrize("look", CHANGING)
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_dtypes_agree(look, strength):
    levels = np.round(all_colours(52) * 255).astype(np.uint8)
    exact = apply_look((levels / np.float32(255)).astype(np.float32), look, strength)
    assert np.abs(apply_look(levels, look, strength) / 255.0 - exact).max() < 0.51 / 255
    deep = apply_look(levels.astype(np.uint16) * np.uint16(257), look, strength)
    assert np.abs(deep / 65535.0 - exact).max() < 2e-4


@pytest.mark.parametrize("look", CHANGING)
def test_nothing_is_clipped(look):
    """Colours that differ still differ: no two of a fine ramp to white, or to a pure colour, fall together."""
    result = apply_look(all_colours(), look)
    assert result.min() >= 0
    assert result.max() <= 1
    ramp = np.linspace(0.7, 1, 200, dtype=np.float32)
    for towards in ((1, 1, 1), (1, 0.4, 0.2), (0.2, 0.4, 1)):
        line = apply_look((ramp[:, None] * np.array(towards, np.float32))[None], look)[0]
        assert (np.diff(line.max(axis=1)) > 0).all()


@pytest.mark.parametrize("look", CHANGING)
def test_greys_stay_neutral(look):
    result = apply_look(greys(), look)
    assert (result[..., 0] == result[..., 1]).all()
    assert (result[..., 1] == result[..., 2]).all()
    assert result[0, 0, 0] == 0
    assert result[0, -1, 0] == 1


def test_bright_keeps_a_16_bit_ramp_smooth():
    """No bands: from one level to the next of 65,536 the result never falls and never jumps."""
    levels = np.repeat(np.arange(65536, dtype=np.uint16)[None, :, None], 3, axis=2)
    steps = np.diff(apply_look(levels, "bright")[0, :, 0].astype(int))
    assert steps.min() >= 0
    assert steps.max() <= 2


def test_vivid_keeps_a_16_bit_hue_gradient_smooth():
    place = np.linspace(0, 1, 20_000)[None, :, None]
    ends = np.array([0.8, 0.45, 0.3]), np.array([0.35, 0.5, 0.8])  # from skin to sky
    gradient = np.round((ends[0] + (ends[1] - ends[0]) * place) * 65535).astype(np.uint16)
    before, after = (np.abs(np.diff(p[0].astype(int), axis=0)).max() for p in (gradient, apply_look(gradient, "vivid")))
    assert after <= 3 * before + 2


def test_bright_lifts_mid_tones_most():
    v = np.linspace(0, 1, 256, dtype=np.float32)
    lift = apply_look(np.repeat(v[None, :, None], 3, axis=2), "bright")[0, :, 0] - v
    assert 0.06 < lift[128] < 0.12
    assert 0.3 < v[lift.argmax()] < 0.7
    assert lift[10] < 0.01


def test_vivid_favours_pale_colours_and_protects_skin():
    colours = {
        "leaf": (0.45, 0.55, 0.38),
        "full green": (0.1, 0.9, 0.1),
        "skin": (0.8, 0.6, 0.5),
        "sky": (0.5, 0.65, 0.8),
    }
    gains = {}
    for name, colour in colours.items():
        before = np.array(colour, np.float32)[None, None]
        gains[name] = (chroma_and_hue(apply_look(before, "vivid"))[0] / chroma_and_hue(before)[0]).item()
    assert gains["leaf"] > 1.3
    assert gains["full green"] < 1.1
    assert gains["skin"] < 1.2
    assert gains["skin"] < gains["sky"] < gains["leaf"]


@pytest.mark.parametrize("look", CHANGING)
def test_hues_are_preserved(look):
    before = all_colours()
    chroma, hue = chroma_and_hue(before)
    coloured = chroma > 10
    turn = turned(hue, chroma_and_hue(apply_look(before, look))[1])[coloured]
    assert turn.mean() < 2
    assert np.percentile(turn, 95) < 5


@pytest.mark.parametrize("look", CHANGING)
def test_effect_grows_with_strength(look):
    before = all_colours(17)
    changes = [apply_look(before, look, strength) - before for strength in (0.25, 0.5, 1.0)]
    for less, more in pairwise(changes):
        assert (np.abs(less) <= np.abs(more) + 1e-6).all()
        assert (less * more >= -1e-9).all()
    assert 0.01 < np.abs(changes[0]).max() < 0.5 * np.abs(changes[2]).max()


@pytest.mark.parametrize("look", CHANGING)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pixels_depend_on_neither_threads_nor_neighbours(look, dtype):
    noise = np.random.default_rng(1).random((300, 1000, 3), np.float32)
    picture = noise if dtype == np.float32 else (noise * np.iinfo(dtype).max).astype(dtype)
    whole = apply_look(picture, look, threads=1)
    assert (apply_look(picture, look, threads=3) == whole).all()
    assert (apply_look(picture[:, 501:, :], look) == whole[:, 501:]).all()


@pytest.mark.parametrize("look", CHANGING)
def test_values_slightly_out_of_range_stay_finite(look):
    picture = np.array([[[-1e-4, 0.5, 1.0001], [-1e-4, -1e-4, -1e-4]]], np.float32)
    assert np.isfinite(apply_look(picture, look)).all()


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_strength_out_of_range_is_refused(strength, pair):
    with pytest.raises(LightFuseError, match="between 0 and 1"):
        apply_look(pair[0], "bright", strength)


def test_unknown_look_is_refused_by_name(pair):
    with pytest.raises(LightFuseError, match="no look 'sepia'; use one of natural, bright, vivid"):
        apply_look(pair[0], "sepia")


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.int32)])
def test_invalid_pictures_are_refused(picture):
    with pytest.raises(PictureError, match="the picture must be"):
        apply_look(picture, "bright")
