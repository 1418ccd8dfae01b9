"""The coding in which pictures are fused: right against Little CMS, undone without loss, one for every profile."""

import struct

import imagecodecs
import numpy as np
import pytest
from builders.pictures import ICC, adobe_rgb, grey_profile, photo

from lightfuse.images import FusingCoding, UnreadableError, convert_profile, fusing_coding
from lightfuse.images.colour import adobe_rgb_profile, profile_of_cicp, rgb_profile

LINEAR = rgb_profile(gamma=1.0)
PROPHOTO = rgb_profile(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585), 1.8)
REC2020 = profile_of_cicp(9, 14)
P3 = profile_of_cicp(12, 13)
PROFILES = {"linear": LINEAR, "prophoto": PROPHOTO, "rec2020": REC2020, "p3": P3, "adobe": adobe_rgb()}


@pytest.mark.parametrize("icc", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colours_inside_srgb_become_srgb(icc, dtype):
    most = 1 if dtype == np.float32 else np.iinfo(dtype).max
    muted = photo(dtype=np.float32) * 0.5 + 0.25
    srgb = muted if most == 1 else np.rint(muted * most).astype(dtype)
    encoded = fusing_coding(icc).encode(convert_profile(srgb, None, icc))
    assert encoded.dtype == dtype
    assert np.abs(encoded / most - muted).max() * 255 < (4 if dtype == np.uint8 else 0.3)


@pytest.mark.parametrize("icc", PROFILES.values(), ids=PROFILES)
def test_decoding_undoes_encoding_outside_srgb_too(icc):
    coding = fusing_coding(icc)
    pixels = photo(dtype=np.float32) * np.float32(0.7)
    error = np.abs(coding.decode(coding.encode(pixels)) - pixels) * 255
    assert error.mean() < 0.05
    assert np.percentile(error, 99) < 0.5  # What is both outside sRGB and brighter than its white is clipped there.


@pytest.mark.parametrize("icc", [PROPHOTO, REC2020, P3], ids=["prophoto", "rec2020", "p3"])
def test_primaries_survive(icc):
    coding = fusing_coding(icc)
    primaries = np.eye(3, dtype=np.float32)[None]
    encoded = coding.encode(primaries)
    assert encoded.min() >= 0
    assert encoded.max() <= 1
    assert np.abs(coding.decode(encoded) - primaries).max() < 0.05


@pytest.mark.parametrize("icc", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_pictures_converted_from_srgb_become_what_they_were(icc, dtype):
    """Saturated colours too: where frames hold nothing outside sRGB, nothing is compressed."""
    most = 1 if dtype == np.float32 else np.iinfo(dtype).max
    converted = convert_profile(photo(dtype=dtype), None, icc)
    encoded = fusing_coding(icc).fitted([converted]).encode(converted)
    assert np.abs(encoded / most - photo(dtype=np.float32)).max() * 255 < 0.5


def test_eight_bits_of_p3_converted_from_srgb_are_compressed_no_more_than_rounding_asks():
    converted = convert_profile(photo(), None, P3)
    encoded = fusing_coding(P3).fitted([converted]).encode(converted)
    error = np.abs(encoded.astype(int) - photo())
    assert error.mean() < 0.5
    assert error.max() <= 8  # What rounding to 8 bits of P3 makes of the darkest values.


@pytest.mark.parametrize("icc", [PROPHOTO, REC2020, P3], ids=["prophoto", "rec2020", "p3"])
def test_colours_outside_srgb_survive_the_fitted_coding(icc):
    frames = [photo(dtype=np.float32) * np.float32(0.7), photo(dtype=np.float32) * np.float32(0.3)]
    coding = fusing_coding(icc).fitted(frames)
    for frame in frames:
        assert np.percentile(np.abs(coding.decode(coding.encode(frame)) - frame), 99) * 255 < 0.5


def test_fitting_leaves_the_coding_of_the_profile_as_it_is():
    """Sets of brackets share that one."""
    grey = np.full((4, 4, 3), 0.5, np.float32)
    before = fusing_coding(P3).encode(photo(dtype=np.float32))
    fusing_coding(P3).fitted([grey])
    assert (fusing_coding(P3).encode(photo(dtype=np.float32)) == before).all()


def test_profiles_that_mean_srgb_need_no_coding():
    assert fusing_coding(None) is None
    assert fusing_coding(rgb_profile() + b"trailing") is None


def test_grey_profile_is_encoded_like_its_curve():
    coding = fusing_coding(grey_profile(1.0))
    half = np.full((2, 2, 3), 128, np.uint8)
    assert (coding.encode(half) == 188).all()  # The sRGB value of half the light.
    assert (coding.decode(coding.encode(half)) == half).all()
    assert coding.is_coarse


def test_only_linear_profiles_are_too_coarse_for_eight_bits():
    assert [name for name, icc in PROFILES.items() if fusing_coding(icc).is_coarse] == ["linear"]


def test_profile_of_tables_is_converted_by_little_cms():
    """What is no more than a matrix and curves takes the same way where it is told that it is not."""
    coding, muted = FusingCoding(P3), photo(dtype=np.float32) * np.float32(0.5) + np.float32(0.25)
    expected = coding.encode(muted)
    coding._is_matrix = False
    np.testing.assert_allclose(coding.encode(muted), expected, atol=2e-3)
    np.testing.assert_allclose(coding.decode(expected), muted, atol=2e-3)


def test_unusable_profile_is_refused():
    with pytest.raises(UnreadableError, match="colour profile that cannot be used"):
        fusing_coding(ICC)


def test_profile_without_a_way_back_is_refused():
    """As makers of scanners give: a table of three inputs towards XYZ, here of two steps and bent, and none back."""
    matrix = np.array([[0.60976, 0.20524, 0.14922], [0.31112, 0.62566, 0.06322], [0.01948, 0.06089, 0.74484]])
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)]) @ matrix.T
    corners[6] *= 0.8
    numbers = [0, 65_535] * 3, np.rint(corners * 32_768).clip(0, 65_535).astype(int).ravel(), [0, 65_535] * 3
    table = b"mft2" + bytes(4) + bytes([3, 3, 2, 0]) + struct.pack(">9i2H", *(65_536 * np.eye(3, dtype=int)).flat, 2, 2)
    white = struct.pack(">3i", 63_190, 65_536, 54_061)
    tags = {
        b"desc": b"desc" + struct.pack(">4xI", 8) + b"scanner\0" + bytes(80),
        b"cprt": b"text" + bytes(4) + b"none",
        b"wtpt": b"XYZ " + bytes(4) + white,
        b"A2B0": table + struct.pack(">36H", *(value for part in numbers for value in part)),
    }
    at, index = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags))
    for name, body in tags.items():
        index += name + struct.pack(">II", at, len(body))
        at += len(body)
    head = struct.pack(">I4sI12s6H4s", at, b"lcms", 0x02400000, b"scnrRGB XYZ ", 2000, 1, 1, 0, 0, 0, b"acsp")
    scanner = head.ljust(68, b"\0") + white + bytes(48) + index + b"".join(tags.values())
    assert convert_profile(photo(), scanner, None).shape == photo().shape
    with pytest.raises(UnreadableError, match="colour profile that cannot be used"):
        fusing_coding(scanner)


def test_adobe_rgb_profile_is_that_of_little_cms():
    known = bytes(imagecodecs.cms_profile("adobergb"))
    assert np.abs(convert_profile(photo(), known, adobe_rgb_profile()).astype(int) - photo()).max() <= 1
    assert "AdobeRGB1998".encode("utf-16-be") in adobe_rgb_profile()
