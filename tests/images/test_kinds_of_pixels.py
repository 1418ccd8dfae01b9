"""Pixels that are not plain RGB: grey with its profile, transparency, floats above white, pages, Adobe RGB by EXIF."""

import io

import numpy as np
import pytest
import tifffile
from builders.errors import read_error
from builders.pictures import exif_block, grey_profile, photo, pillow_bytes, tiff_bytes
from PIL import Image

from lightfuse.errors import PictureError
from lightfuse.images import EncodeOptions, Metadata, encode_picture, read_pages, read_picture
from lightfuse.images.colour import adobe_rgb_profile

RGBA = np.dstack([photo(), np.where(np.arange(60)[None] < 30, 255, np.where(np.arange(40)[:, None] < 9, 99, 0))])
RGBA = RGBA.astype(np.uint8)


# ---- Grey


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_grey_pictures_keep_their_grey_profile(kind):
    grey = np.ascontiguousarray(photo()[:, :, 0])
    picture = read_picture(pillow_bytes(grey, kind, icc_profile=grey_profile()))
    assert picture.grey
    assert picture.metadata.icc == grey_profile()
    assert picture.notes == ()
    assert not read_picture(pillow_bytes(photo(), kind)).grey


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_is_written_with_one_channel_and_its_profile(suffix, dtype):
    grey = photo(dtype=dtype)[:, :, :1]
    data = encode_picture(grey, suffix, Metadata(icc=grey_profile()))
    picture = read_picture(data)
    assert picture.grey
    assert picture.metadata.icc == grey_profile()
    most = 1 if picture.pixels.dtype == np.float32 else np.iinfo(picture.pixels.dtype).max
    assert np.abs(picture.pixels[..., 0] / most - photo(dtype=np.float32)[..., 0]).max() < 4 / 255
    if suffix == ".tif" and dtype != np.float32:
        np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), grey[..., 0])


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_formats_without_grey_get_srgb(suffix):
    linear = np.full((16, 16, 1), 128, np.uint8)
    picture = read_picture(encode_picture(linear, suffix, Metadata(icc=grey_profile(1.0))))
    assert picture.metadata.icc is None
    assert np.abs(picture.pixels.astype(int) - 188).max() <= 1


def test_grey_jpeg_of_many_strips_is_whole():
    tall = np.repeat(photo(64, 1500)[:, :, :1], 40, axis=0)
    shown = np.asarray(Image.open(io.BytesIO(encode_picture(tall, ".jpg"))))
    assert np.abs(shown.astype(int) - tall[..., 0]).max() < 8


def test_grey_with_a_profile_of_rgb_becomes_rgb():
    grey = np.ascontiguousarray(photo()[:, :, 0])
    picture = read_picture(pillow_bytes(grey, "TIFF", icc_profile=adobe_rgb_profile()))
    assert not picture.grey
    assert picture.metadata.icc == adobe_rgb_profile()


# ---- Transparency


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_alpha_is_returned_where_it_is_asked_for(kind):
    picture = read_picture(pillow_bytes(RGBA, kind), transparent=True)
    np.testing.assert_array_equal(picture.alpha, RGBA[..., 3])
    np.testing.assert_array_equal(picture.pixels[:, :30], RGBA[:, :30, :3])
    assert "is partly transparent" in read_error(pillow_bytes(RGBA, kind))
    assert read_picture(pillow_bytes(np.dstack([photo(), np.full((40, 60), 255, np.uint8)]), kind)).alpha is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_associated_alpha_is_divided_out(dtype):
    most = 1 if dtype == np.float32 else np.iinfo(dtype).max
    alpha = np.linspace(0.25, 1, 60)[None, :, None] * np.ones((40, 1, 1))
    multiplied = np.concatenate([photo(dtype=np.float64) * alpha, alpha], axis=2) * most
    data = tiff_bytes(multiplied.astype(dtype), photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(data, transparent=True)
    assert np.abs(picture.pixels / most - photo(dtype=np.float64)).max() < 5 / 255


def test_orientation_turns_alpha_too():
    data = pillow_bytes(Image.fromarray(RGBA), "PNG", exif=b"Exif\0\0" + exif_block(orientation=6))
    picture = read_picture(data, transparent=True)
    np.testing.assert_array_equal(picture.alpha, np.rot90(RGBA[..., 3], -1))
    assert picture.pixels.shape == (60, 40, 3)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_alpha_is_written(suffix, compression):
    data = encode_picture(RGBA, suffix, None, EncodeOptions(compression=compression))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), RGBA)


def test_transparent_parts_are_black_where_a_format_has_no_alpha():
    shown = np.asarray(Image.open(io.BytesIO(encode_picture(RGBA, ".jpg", options=EncodeOptions(100)))))
    assert shown.shape == (40, 60, 3)
    assert shown[20:, 40:].max() < 6


# ---- Floats and integers whose white is another


def test_floats_above_white_are_clipped_highlights():
    pixels = photo(dtype=np.float32) * 4 - np.float32(0.1)
    picture = read_picture(tiff_bytes(pixels, photometric="rgb"))
    np.testing.assert_array_equal(picture.pixels, np.clip(pixels, 0, 1))
    assert picture.notes == ("its values up to 3.9 above white were clipped",)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint16, 4095), (np.float32, 255)])
def test_white_level_is_stretched_to_white(dtype, white):
    pixels = (photo(dtype=np.float64) * white).astype(dtype)
    picture = read_picture(tiff_bytes(pixels, photometric="rgb"), white_level=white)
    most = 1 if dtype == np.float32 else 65_535
    assert np.abs(picture.pixels / most - photo(dtype=np.float64)).max() < 1 / 1000
    assert picture.pixels.max() == most


@pytest.mark.parametrize(
    ("dtype", "white"), [(np.uint8, 4095), (np.uint16, 65_536), (np.uint16, 0), (np.uint16, float("nan"))]
)
def test_a_white_level_that_no_value_reaches_is_refused(dtype, white):
    sentence = read_error(tiff_bytes(photo(dtype=dtype), photometric="rgb"), white_level=white)
    assert f"holds values up to {np.iinfo(dtype).max}, so {white} cannot be white; give another white level" in sentence


@pytest.mark.parametrize("white", [float("inf"), float("nan"), -1])
def test_a_white_level_of_floats_is_a_positive_number(white):
    data = tiff_bytes(photo(dtype=np.float32), photometric="rgb")
    assert f"so {white} cannot be white" in read_error(data, white_level=white)


# ---- TIFFs of other programs


def test_pages_of_one_tiff_are_read():
    stack = np.stack([photo(), 255 - photo(), photo() // 2])
    pages = read_pages(tiff_bytes(stack, photometric="rgb"))
    assert [page.name for page in pages] == [f"the given data (page {number})" for number in (1, 2, 3)]
    np.testing.assert_array_equal(np.stack([page.pixels for page in pages]), stack)
    assert not any(page.notes for page in pages)
    assert read_pages(tiff_bytes(photo(), photometric="rgb")) is None
    assert read_pages(pillow_bytes(photo(), "PNG")) is None


def test_imagej_channels_of_several_frames_are_refused():
    data = tiff_bytes(np.zeros((2, 3, 8, 9), np.uint8), imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(PictureError, match="has a page for each channel of each frame"):
        read_pages(data)


def test_previews_and_other_sizes_are_no_pages():
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as tiff:
        tiff.write(photo(), photometric="rgb", metadata=None)
        tiff.write(photo(20, 30), photometric="rgb", metadata=None)
        tiff.write(photo(), photometric="rgb", subfiletype=1, metadata=None)
    assert read_pages(stream.getvalue()) is None


def test_pages_together_count_as_pixels():
    sentence = "claims 60 × 120 pixels, more than the 5,000 allowed"
    with pytest.raises(Exception, match=sentence):
        read_pages(tiff_bytes(np.stack([photo()] * 3), photometric="rgb"), max_pixels=5000)


@pytest.mark.parametrize("options", [{"imagej": True}, {"metadata": {"axes": "YX"}}, {"ome": True}], ids=str)
def test_descriptions_of_layouts_are_dropped(options):
    grey = np.ascontiguousarray(photo(dtype=np.uint16)[..., 0])
    exif = read_picture(tiff_bytes(grey, **options)).metadata.exif or b""
    assert b"ImageJ" not in exif
    assert b"shape" not in exif
    assert b"OME" not in exif


def test_other_descriptions_stay():
    assert b"a hall" in read_picture(tiff_bytes(photo(), photometric="rgb", description="a hall")).metadata.exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_of_a_bigtiff_is_kept(order):
    data = tiff_bytes(
        photo(), photometric="rgb", bigtiff=True, byteorder=order, description="a hall", software="Maker 1"
    )
    picture = read_picture(data)
    assert picture.notes == ()
    again = read_picture(encode_picture(photo(), ".tif", picture.metadata))
    assert b"a hall" in again.metadata.exif
    assert b"Maker 1" in again.metadata.exif


# ---- Adobe RGB by EXIF


def adobe_exif(space=0xFFFF, index="R03"):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0xA001] = space
    if index:
        exif.get_ifd(0x8769)[0xA005] = {1: index}
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_adobe_rgb_told_by_exif_alone_gets_its_profile(kind):
    picture = read_picture(pillow_bytes(Image.fromarray(photo()), kind, exif=adobe_exif()))
    assert picture.metadata.icc == adobe_rgb_profile()


def test_exif_of_another_colour_space_gets_none():
    for exif in (adobe_exif(1, "R98"), adobe_exif(1), adobe_exif(0xFFFF, None), adobe_exif(0xFFFF, "R98")):
        assert read_picture(pillow_bytes(Image.fromarray(photo()), "JPEG", exif=exif)).metadata.icc is None
    assert read_picture(pillow_bytes(Image.fromarray(photo()), "JPEG", exif=adobe_exif(2, None))).metadata.icc


def test_a_profile_goes_before_exif():
    data = pillow_bytes(
        Image.fromarray(photo()), "JPEG", exif=adobe_exif(), icc_profile=grey_profile().replace(b"GRAY", b"RGB ")
    )
    assert read_picture(data).metadata.icc != adobe_rgb_profile()


def test_exif_says_srgb_once_the_picture_is():
    picture = read_picture(pillow_bytes(Image.fromarray(photo()), "JPEG", exif=adobe_exif()))
    srgb = encode_picture(photo(), ".jpg", Metadata(exif=picture.metadata.exif))
    assert read_picture(srgb).metadata.icc is None
    told = Image.open(io.BytesIO(srgb)).getexif().get_ifd(0x8769)
    assert told[0xA001] == 1
