"""All eight orientations in every format, and what becomes of the tags that told them."""

import io

import numpy as np
import pytest
from builders.pictures import JPEG_THUMBNAIL, XMP, XMP_UPRIGHT, exif_block, photo, pillow_bytes
from PIL import Image, ImageOps

from lightfuse.images import read_picture
from lightfuse.images.exif import IfdError, upright_exif


def lossless(kind):
    return {"lossless": True} if kind == "WEBP" else {}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_matches_pillows_exif_transpose(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = pillow_bytes(photo(), kind, exif=exif, **lossless(kind))
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    pixels = read_picture(data).pixels
    assert pixels.shape == expected.shape
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_to_deep_pixels(orientation, dtype):
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, photo(dtype=dtype), photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    deep = read_picture(stream.getvalue()).pixels
    exif = Image.Exif()
    exif[0x0112] = orientation
    eight = read_picture(pillow_bytes(photo(), "PNG", exif=exif)).pixels
    white = 1 if dtype == np.float32 else 65535
    np.testing.assert_allclose(deep / white, eight / 255, atol=1 / 255)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_exif_changes_only_the_orientation(order, orientation):
    block = exif_block(order, orientation, thumbnail=None)
    upright, found = upright_exif(block)
    assert found == orientation
    assert upright == exif_block(order, 1, thumbnail=None)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_invalid_orientation_counts_as_upright(orientation):
    upright, found = upright_exif(exif_block(orientation=orientation))
    assert found == 1
    assert upright_exif(upright)[1] == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_thumbnail_at_the_end_is_cut_off(order):
    block = exif_block(order)
    assert JPEG_THUMBNAIL in block
    upright, _ = upright_exif(block)
    assert JPEG_THUMBNAIL not in upright
    exif = Image.Exif()
    exif.load(upright)
    assert exif[0x010F] == "LightFuse"
    assert exif.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 250)
    assert not exif.get_ifd(1)


def test_thumbnail_in_the_middle_is_unlinked():
    block = exif_block() + b"maker's data"
    upright, _ = upright_exif(block)
    assert len(upright) == len(block)
    exif = Image.Exif()
    exif.load(upright)
    assert not exif.get_ifd(1)


@pytest.mark.parametrize("block", [b"", b"II*\0", b"garbage" * 9, b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\xff\xff"])
def test_exif_without_a_directory_is_corrupt(block):
    with pytest.raises(IfdError):
        upright_exif(block)


def test_damaged_exif_is_read_or_refused():
    block = exif_block()
    for at in range(len(block)):
        for damaged in (block[:at], block[:at] + bytes([block[at] ^ 0xFF]) + block[at + 1 :]):
            try:
                _, orientation = upright_exif(damaged)
            except IfdError:
                continue
            assert 1 <= orientation <= 8


def test_exif_pointer_loops_do_not_hang():
    block = bytearray(exif_block(thumbnail=None))
    pointer_value_at = 8 + 2 + 2 * 12 + 8
    block[pointer_value_at : pointer_value_at + 4] = (8).to_bytes(4, "little")  # The Exif directory is IFD0 itself.
    next_at = 8 + 2 + 3 * 12
    block[next_at : next_at + 4] = (8).to_bytes(4, "little")  # And so is the thumbnail's.
    assert upright_exif(bytes(block))[1] == 6


def test_xmp_orientation_attribute_becomes_upright():
    picture = read_picture(pillow_bytes(photo(), "JPEG", xmp=XMP))
    assert picture.metadata.xmp == XMP_UPRIGHT


def test_xmp_orientation_element_becomes_upright():
    xmp = b"<rdf:Description><tiff:Orientation>8</tiff:Orientation></rdf:Description>"
    picture = read_picture(pillow_bytes(photo(), "JPEG", xmp=xmp))
    assert picture.metadata.xmp == xmp.replace(b">8<", b">1<")


def test_corrupt_exif_is_left_out_with_a_note():
    picture = read_picture(pillow_bytes(photo(), "JPEG", exif=b"Exif\0\0 no directory here"))
    assert picture.metadata.exif is None
    assert picture.pixels.shape == photo().shape
    assert any("EXIF is corrupt" in note for note in picture.notes)
