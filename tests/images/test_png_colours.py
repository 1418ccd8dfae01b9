"""PNGs that tell their colours by chunks: cICP, gAMA and cHRM are read as the profile that they stand for."""

import struct

import numpy as np
import pytest
from builders.errors import read_error
from builders.pictures import adobe_rgb, photo, png_chunk

from lightfuse.fuser import Fuser
from lightfuse.images import Metadata, convert_profile, encode_picture, read_picture
from lightfuse.images.colour import adobe_rgb_profile, profile_of_cicp, rgb_profile, same_colours
from lightfuse.pipeline import fuse_files

AFTER_HEADER = 33
SRGB_POINTS = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
ADOBE_POINTS = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
SRGB_CHUNK = png_chunk(b"sRGB", b"\0")


def png(*chunks, pixels=None, icc=None):
    """A PNG with chunks right behind its header."""
    data = encode_picture(photo() if pixels is None else pixels, ".png", Metadata(icc=icc))
    return data[:AFTER_HEADER] + b"".join(chunks) + data[AFTER_HEADER:]


def gamma(value):
    return png_chunk(b"gAMA", struct.pack(">I", value))


def points(*values):
    return png_chunk(b"cHRM", struct.pack(">8I", *values))


def cicp(*numbers):
    return png_chunk(b"cICP", bytes(numbers))


def icc_of(*chunks, **options):
    picture = read_picture(png(*chunks, **options))
    assert picture.notes == ()
    return picture.metadata.icc


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([cicp(12, 13, 0, 1)], profile_of_cicp(12, 13)),
        ([cicp(9, 1, 0, 1)], profile_of_cicp(9, 13)),
        ([cicp(1, 8, 0, 1)], rgb_profile(gamma=1.0)),
        ([gamma(100_000)], rgb_profile(gamma=1.0)),
        ([gamma(100_000), points(*SRGB_POINTS)], rgb_profile(gamma=1.0)),
        ([points(*ADOBE_POINTS), gamma(45_455)], adobe_rgb_profile()),
        ([points(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)], profile_of_cicp(12, 13)),
    ],
)
def test_chunks_are_read_as_the_profile_they_stand_for(chunks, expected):
    assert same_colours(icc_of(*chunks), expected)


@pytest.mark.parametrize(
    "chunks",
    [[], [cicp(1, 13, 0, 1)], [cicp(1, 1, 0, 1)], [gamma(45_455)], [gamma(45_000), points(*SRGB_POINTS)]],
)
def test_chunks_of_srgb_need_no_profile(chunks):
    assert icc_of(*chunks) is None


def test_chunks_count_in_the_order_of_the_specification():
    """That is cICP, iCCP, sRGB, gAMA with cHRM; a profile that says what cICP says is kept to the byte."""
    assert icc_of(cicp(12, 13, 0, 1), icc=adobe_rgb()) == profile_of_cicp(12, 13)
    p3 = profile_of_cicp(12, 13) + b"trailing"
    assert icc_of(cicp(12, 13, 0, 1), icc=p3) == p3
    assert icc_of(cicp(2, 2, 0, 1), icc=adobe_rgb()) == adobe_rgb()
    assert icc_of(gamma(100_000), SRGB_CHUNK, icc=adobe_rgb()) == adobe_rgb()
    assert icc_of(gamma(100_000), SRGB_CHUNK) is None


@pytest.mark.parametrize("chunk", [gamma(100_000), cicp(1, 8, 0, 1)])
def test_grey_becomes_rgb(chunk):
    picture = read_picture(png(chunk, pixels=photo()[..., :1]))
    assert not picture.grey
    assert same_colours(picture.metadata.icc, rgb_profile(gamma=1.0))


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_refused(transfer, name):
    assert f"is an HDR picture ({name}); convert it to sRGB first" in read_error(png(cicp(9, transfer, 0, 1)))


def test_narrow_range_is_refused():
    assert "holds the narrow range of values of video" in read_error(png(cicp(1, 1, 0, 0)))


@pytest.mark.parametrize(
    ("chunk", "what"),
    [(gamma(0), "gamma"), (gamma(1), "gamma"), (gamma(2**31), "gamma"), (points(*[0] * 8), "list of primaries")],
)
def test_nonsense_is_left_out_with_a_note(chunk, what):
    picture = read_picture(png(chunk))
    assert picture.metadata.icc is None
    assert picture.notes == (f"its {what} makes no sense and was left out",)


def test_damaged_chunks_are_skipped():
    chunk = bytearray(gamma(100_000))
    chunk[-1] ^= 1
    assert icc_of(bytes(chunk), png_chunk(b"cHRM", b"short"), png_chunk(b"cICP", b"abc")) is None


def test_linear_pngs_give_the_result_of_srgb_and_a_profile(tmp_path):
    """16 bits whose gAMA is 1: fused like the same frames in sRGB, and given back in linear light."""
    frames = [photo(dtype=np.float32) * 0.3 + 0.02, photo(dtype=np.float32) * 0.5 + 0.4]
    for number, frame in enumerate(frames):
        linear = convert_profile(frame, None, rgb_profile(gamma=1.0))
        for name, pixels, chunks in (("linear", linear, [gamma(100_000)]), ("srgb", frame, [])):
            data = png(*chunks, pixels=np.rint(pixels * 65_535).astype(np.uint16))
            (tmp_path / f"{name}{number}.png").write_bytes(data)
    fuser, results = Fuser(threads=1), []
    for name in ("linear", "srgb"):
        output = tmp_path / f"{name}-fused.png"
        fuse_files([tmp_path / f"{name}0.png", tmp_path / f"{name}1.png"], output, fuser)
        results.append(read_picture(output))
    linear, srgb = results
    assert linear.metadata.icc == rgb_profile(gamma=1.0)
    assert srgb.metadata.icc is None
    in_srgb = convert_profile(linear.pixels, linear.metadata.icc, None)
    assert np.abs(in_srgb.astype(int) - srgb.pixels).max() < 257
