"""EXIF, ICC profile and XMP carried from every format into every format, checked with Pillow and tifffile."""

import io
import zlib

import numpy as np
import pytest
import tifffile
from picture_files import ICC, XMP, XMP_UPRIGHT, exif_block, photo, pillow_bytes, png_chunk
from PIL import Image

from lightfuse.images import Metadata, encode_picture, read_picture

EXIF = exif_block(orientation=1, thumbnail=None)
FULL = Metadata(icc=ICC, exif=EXIF, xmp=XMP_UPRIGHT)
SUFFIXES = [".jpg", ".png", ".webp", ".tif"]


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def exif_of(block):
    exif = Image.Exif()
    exif.load(block)
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_blocks_are_read_byte_for_byte(kind, order):
    block = exif_block(order, orientation=1, thumbnail=None)
    options = {"xmp": XMP_UPRIGHT} if kind != "PNG" else {"pnginfo": png_text()}
    data = pillow_bytes(photo(), kind, exif=b"Exif\0\0" + block, icc_profile=ICC, **options)
    assert read_picture(data).metadata == Metadata(icc=ICC, exif=block, xmp=XMP_UPRIGHT)


def png_text(compressed=False):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP_UPRIGHT.decode(), zip=compressed)
    return info


def test_compressed_xmp_in_png_is_read():
    assert read_picture(pillow_bytes(photo(), "PNG", pnginfo=png_text(True))).metadata.xmp == XMP_UPRIGHT


def test_a_picture_without_metadata_has_none():
    for kind in ("JPEG", "PNG", "WEBP"):
        assert read_picture(pillow_bytes(photo(), kind)).metadata == Metadata()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_blocks_are_written_byte_for_byte(suffix):
    image = opened(encode_picture(photo(), suffix, FULL))
    exif = image.info["exif"]
    assert exif.removeprefix(b"Exif\0\0") == EXIF
    assert image.info["icc_profile"] == ICC
    xmp = image.info["xmp"]
    assert (xmp.encode() if isinstance(xmp, str) else xmp) == XMP_UPRIGHT
    assert image.size == (60, 40)


@pytest.mark.parametrize("before", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("after", [".jpg", ".png", ".webp"])
def test_metadata_survives_from_format_to_format(before, after):
    first = read_picture(encode_picture(photo(), before, FULL))
    second = read_picture(encode_picture(first.pixels, after, first.metadata))
    assert second.metadata == FULL


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_becomes_tiff_tags_and_exif_again(order):
    block = exif_block(order, orientation=1)
    data = encode_picture(photo(), ".tif", Metadata(icc=ICC, exif=block, xmp=XMP_UPRIGHT))
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        tags = tiff.pages.first.tags
        assert tags["Make"].value == "LightFuse"
        assert tags["ExifTag"].value["ExposureTime"] == (1, 250)
        assert tags["InterColorProfile"].value == ICC
        assert tags["XMP"].value == XMP_UPRIGHT
    exif = opened(data).getexif()
    assert exif.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 250)
    metadata = read_picture(data).metadata
    assert (metadata.icc, metadata.xmp) == (ICC, XMP_UPRIGHT)
    again = exif_of(metadata.exif)
    assert again[0x010F] == "LightFuse"
    assert again.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 250)


def test_rich_exif_of_another_writer_survives_a_tiff():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0132] = "Maker", "Model X", "2024:05:06 07:08:09"
    exif[0x013B], exif[0x8298], exif[0x010E] = "Ann", "(c) Ann", "A room"
    exif.get_ifd(0x8769).update({0x8827: 200, 0x9204: -1.5, 0x9003: "2024:05:06 07:08:09", 0x927C: b"maker's own" * 9})
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 3.5)})
    jpeg = read_picture(pillow_bytes(photo(), "JPEG", exif=exif))
    tiff = read_picture(encode_picture(jpeg.pixels, ".tiff", jpeg.metadata))
    before, after = exif_of(jpeg.metadata.exif), exif_of(tiff.metadata.exif)
    for tag in (0x010F, 0x0110, 0x0132, 0x013B, 0x8298, 0x010E):
        assert after[tag] == before[tag]
    for below in (0x8769, 0x8825):
        assert dict(after.get_ifd(below)) == dict(before.get_ifd(below))


def test_main_tags_of_a_big_endian_tiff_become_exif():
    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        photo(),
        photometric="rgb",
        byteorder=">",
        resolution=(300, 300),
        metadata=None,
        iccprofile=ICC,
        extratags=[(271, "s", 0, "Maker", True), (33432, "s", 0, "(c) Ann", True), (700, "B", len(XMP), XMP, True)],
    )
    metadata = read_picture(stream.getvalue()).metadata
    exif = exif_of(metadata.exif)
    assert (exif[271], exif[33432], exif[282]) == ("Maker", "(c) Ann", 300)
    assert 256 not in exif
    assert (metadata.icc, metadata.xmp) == (ICC, XMP_UPRIGHT)


def test_a_profile_beyond_one_segment_is_split_and_joined():
    profile = ICC + np.random.default_rng(0).bytes(200_000)
    for suffix in SUFFIXES:
        data = encode_picture(photo(), suffix, Metadata(icc=profile))
        assert opened(data).info["icc_profile"] == profile
        assert read_picture(data).metadata.icc == profile


def test_a_profile_with_a_part_missing_is_left_out_and_noted():
    data = encode_picture(photo(), ".jpg", Metadata(icc=ICC + bytes(100_000)))
    second = data.index(b"ICC_PROFILE\0\x02")
    picture = read_picture(data[:second] + b"NOT_PROFILE" + data[second + 11 :])
    assert picture.metadata.icc is None
    assert any("profile is incomplete" in note for note in picture.notes)


def test_a_grey_profile_is_left_out_of_rgb_pixels_and_noted():
    grey = np.ascontiguousarray(photo()[:, :, 0])
    picture = read_picture(pillow_bytes(grey, "PNG", icc_profile=ICC.replace(b"RGB ", b"GRAY")))
    assert picture.metadata.icc is None
    assert any("profile is not for RGB" in note for note in picture.notes)


def long_exif(maker_note):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769).update({0x8827: 200, 0x927C: maker_note})
    return exif.tobytes().removeprefix(b"Exif\0\0")


def test_exif_beyond_one_segment_loses_its_maker_note_in_a_jpeg():
    block = long_exif(bytes(70_000))
    exif = opened(encode_picture(photo(), ".jpg", Metadata(exif=block))).getexif()
    assert exif[0x010F] == "Maker"
    assert dict(exif.get_ifd(0x8769)) == {0x8827: 200}
    assert read_picture(encode_picture(photo(), ".png", Metadata(exif=block))).metadata.exif == block


def test_what_a_jpeg_cannot_hold_is_left_out():
    data = encode_picture(photo(), ".jpg", Metadata(icc=ICC, exif=b"II*\0" + bytes(70_000), xmp=bytes(70_000)))
    assert read_picture(data).metadata == Metadata(icc=ICC)


def test_a_png_chunk_with_a_wrong_checksum_is_passed_over():
    data = encode_picture(photo(), ".png", Metadata(exif=EXIF))
    chunk = png_chunk(b"eXIf", EXIF)
    broken = data.replace(chunk, chunk[:-1] + bytes([chunk[-1] ^ 1]))
    picture = read_picture(broken)
    assert picture.metadata.exif is None
    np.testing.assert_array_equal(picture.pixels, photo())


def test_a_profile_that_inflates_without_end_is_passed_over():
    bomb = png_chunk(b"iCCP", b"bomb\0\0" + zlib.compress(bytes(70_000_000), 1))
    data = encode_picture(photo(), ".png")
    assert read_picture(data[:33] + bomb + data[33:]).metadata.icc is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_corrupt_exif_does_not_stop_a_picture_being_written(suffix):
    data = encode_picture(photo(), suffix, Metadata(exif=b"II*\0\xff\xff\xff\xff"))
    assert read_picture(data).pixels.shape == photo().shape
