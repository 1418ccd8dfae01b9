"""Colours converted between profiles, checked with Pillow's ImageCms and by the numbers of the standards."""

import io

import numpy as np
import pytest
from builders.pictures import ICC, adobe_rgb, photo
from PIL import Image, ImageCms

from lightfuse.images import UnreadableError, convert_profile
from lightfuse.images.colour import profile_of_cicp, rgb_profile

ADOBE = adobe_rgb()
P3 = profile_of_cicp(12, 13)


def by_pillow(pixels, source, target):
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(icc)) for icc in (source, target)]
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(pixels), *profiles, renderingIntent=1))


@pytest.mark.parametrize(("source", "target"), [(ADOBE, None), (None, ADOBE), (ADOBE, P3), (P3, None)])
def test_eight_bit_profile_conversion_matches_pillow(source, target):
    converted = convert_profile(photo(), source, target)
    expected = by_pillow(photo(), source or rgb_profile(), target or rgb_profile())
    assert converted.dtype == np.uint8
    assert (converted != photo()).any()
    assert np.abs(converted.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_profile_conversion_matches_eight_bits(dtype):
    pixels = photo(dtype=dtype)
    most = 1 if dtype == np.float32 else 65_535
    converted = convert_profile(pixels, None, ADOBE)
    assert converted.dtype == dtype
    eight = convert_profile(photo(), None, ADOBE)
    assert np.abs(converted / most - eight / 255).max() < 2 / 255
    there_and_back = convert_profile(converted, ADOBE, None)
    assert np.abs(there_and_back / most - pixels / most)[pixels.min(axis=2) > most / 50].max() < 0.001


def test_sixteen_bit_profile_conversion_is_precise():
    """Little CMS's own shortcut for 16 bits would be off by 100 of 65,535."""
    pixels = np.random.default_rng(0).integers(0, 65_536, (100, 100, 3), dtype=np.uint16)
    exact = convert_profile((pixels / 65_535).astype(np.float32), None, ADOBE) * 65_535
    assert np.abs(convert_profile(pixels, None, ADOBE) - exact).max() < 2


def test_out_of_gamut_colours_are_clipped():
    green = np.array([[[0, 1, 0]]], np.float32)
    converted = convert_profile(green, ADOBE, None)
    np.testing.assert_allclose(converted, [[[0, 1, 0]]], atol=1e-3)
    assert converted.min() >= 0


@pytest.mark.parametrize("other", [None, rgb_profile(), profile_of_cicp(1, 4) and ADOBE], ids=["none", "srgb", "adobe"])
def test_equal_profiles_return_the_same_pixels(other):
    pixels = photo()
    assert convert_profile(pixels, other, other) is pixels


def test_equivalent_srgb_profiles_return_the_same_pixels():
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert other != rgb_profile()
    pixels = photo()
    assert convert_profile(pixels, other, None) is pixels
    assert convert_profile(pixels, None, other) is pixels


def test_unusable_profile_is_refused():
    with pytest.raises(UnreadableError, match="colour profile that cannot be used"):
        convert_profile(photo(), ICC, None)


def test_profiles_are_deterministic():
    assert profile_of_cicp(12, 13) == profile_of_cicp(12, 13)
    rgb_profile.cache_clear()
    assert profile_of_cicp(12, 13) == P3
    assert P3[24:36] == b"\x07\xd0\0\1\0\1\0\0\0\0\0\0"
