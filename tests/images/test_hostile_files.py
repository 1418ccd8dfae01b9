"""Files made to hang, exhaust or mislead a reader: each is read right or refused in one sentence, within a budget."""

import io
import shutil
import struct
import subprocess
import zlib
from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
import tifffile
from builders.dng import dng_bytes
from builders.errors import read_error
from builders.pictures import ICC, XMP_UPRIGHT, adobe_rgb, exif_block, photo, pillow_bytes, png_chunk

from lightfuse.errors import MissingExtraError, OutputError, PictureError
from lightfuse.images import (
    EncodeOptions,
    Metadata,
    check_output,
    convert_profile,
    encode_picture,
    read_picture,
)

CORRUPT_XMP = "its XMP is corrupt and was left out"
TOO_MUCH = "holds more metadata than 64 MB or 256 items; save it again without its metadata"


def box(kind, body):
    return struct.pack(">I4s", len(body) + 8, kind) + body


def png_with(*chunks, pixels=None):
    data = encode_picture(photo() if pixels is None else pixels, ".png")
    return data[:33] + b"".join(chunks) + data[33:]


def jxl_with(*boxes):
    pytest.importorskip("pyjpegxl")
    head = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    codestream = encode_picture(photo(), ".jxl", None, EncodeOptions(lossless=True))
    return head + b"".join(boxes) + box(b"jxlc", codestream)


@pytest.mark.parametrize(
    "xmp",
    [
        b"<a " + b"hdrgm:x=" * 100_000,
        b"<xmp:Thumbnails>" * 60_000,
        b"<hdrgm:a>" * 100_000 + b"</hdrgm:b>",
        b'<a tiff:Orientation="' + b" " * 1_000_000,
        b"\xff" * 1_000_000,
        b"<a>" * 300_000,
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        XMP_UPRIGHT.decode().encode("utf-16"),
        b"<a>" + b" " * (9 << 20) + b"</a>",
    ],
    ids=["attributes", "thumbnails", "crossed", "spaces", "no-text", "nested", "entities", "utf-16", "9 MB"],
)
def test_malformed_xmp_is_left_out_with_a_note(xmp):
    chunk = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))
    picture = read_picture(png_with(chunk))
    assert picture.metadata.xmp is None
    assert picture.notes == (CORRUPT_XMP,)
    np.testing.assert_array_equal(picture.pixels, photo())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<a tiff:Orientation = '3' b=\">\"/>", b"<a tiff:Orientation = '1' b=\">\"/>"),
        (b"<a b=\"tiff:Orientation='3'\"/>", b"<a b=\"tiff:Orientation='3'\"/>"),
        (b"<a><!-- tiff:Orientation='3' --></a>", b"<a><!-- tiff:Orientation='3' --></a>"),
        (
            b"<a><tiff:Orientation x='>'> 6 </tiff:Orientation></a>",
            b"<a><tiff:Orientation x='>'>1</tiff:Orientation></a>",
        ),
        (b"<a><tiff:Orientation/><xmp:CreatorTool/></a>", b"<a><tiff:Orientation/><xmp:CreatorTool/></a>"),
        (b"<a><hdrgm:Version/><b hdrgm:x='1'\n/></a>", b"<a><b\n/></a>"),
        (b"<a><xmp:Thumbnails><xmp:Thumbnails/></xmp:Thumbnails>\xc3\xa9</a>\0\0", b"<a>\xc3\xa9</a>"),
    ],
)
def test_xmp_edits_change_only_their_properties(before, after):
    assert read_picture(encode_picture(photo(), ".png", Metadata(xmp=before))).metadata.xmp == after


def test_png_text_that_unpacks_beyond_the_budget_is_refused():
    text = b"\nexif\n8\n" + b"00" * (40 << 20)
    chunk = png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text, 1))
    assert TOO_MUCH in read_error(png_with(chunk))


def test_large_malformed_png_text_is_ignored():
    chunk = png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"0 " * (20 << 20), 1))
    assert read_picture(png_with(chunk)).metadata == Metadata()


def test_more_than_256_metadata_items_are_refused():
    assert TOO_MUCH in read_error(png_with(*[png_chunk(b"tEXt", b"Comment\0a")] * 257))
    assert read_picture(png_with(*[png_chunk(b"tEXt", b"Comment\0a")] * 256)).notes == ()


def test_jpeg_with_too_many_segments_is_refused():
    data = encode_picture(photo(), ".jpg")
    segment = b"\xff\xe5\xff\xff" + bytes(0xFFFD)
    assert TOO_MUCH in read_error(data[:20] + segment * 1100 + data[20:])
    assert "more than 4,096 segments" in read_error(data[:20] + b"\xff\xe5\0\x02" * 5000 + data[20:])


@pytest.mark.parametrize("kind", [b"xml ", b"Exif"])
def test_brotli_metadata_beyond_the_budget_is_left_out_with_a_note(kind):
    packed = box(b"brob", kind + imagecodecs.brotli_encode(bytes(100 << 20), level=1))
    picture = read_picture(jxl_with(packed, packed))
    assert picture.metadata == Metadata()
    assert picture.notes == ("its compressed metadata is damaged or too large and was left out",)


def test_jxl_metadata_beyond_the_budget_is_refused():
    assert TOO_MUCH in read_error(jxl_with(box(b"xml ", bytes(65 << 20))))


def heif_items(locations, information=b""):
    meta = box(b"pitm", bytes(4) + b"\0\1") + box(b"iinf", bytes(6) + information) + box(b"iloc", locations)
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + box(b"meta", bytes(4) + meta)


def test_iloc_with_extents_of_no_size_is_refused():
    extents_of_no_size = struct.pack(">HHH", 1, 0, 65535) * 1000
    data = heif_items(struct.pack(">IBBH", 0, 0, 0, 1000) + extents_of_no_size)
    assert "its items are in implausibly many pieces" in read_error(data)


def test_implausibly_long_item_table_is_refused():
    assert "the list of its items is implausibly long" in read_error(heif_items(bytes(2 << 20)))


def test_too_many_boxes_are_refused():
    data = encode_picture(photo(), ".avif")
    assert "implausibly many boxes" in read_error(data + box(b"free", b"") * 70_000)


def test_animated_avif_is_refused_before_decoding(monkeypatch):
    data = imagecodecs.avif_encode(np.stack([photo(), 255 - photo()]), level=90, speed=9)
    monkeypatch.setattr(imagecodecs, "avif_decode", None)
    assert read_error(data).endswith("is an animated AVIF, which cannot be fused; give a still picture")


@pytest.mark.parametrize("lossless", [True, False])
def test_unusable_profile_is_refused_when_writing_jpeg_xl(lossless):
    pytest.importorskip("pyjpegxl")
    with pytest.raises(OutputError, match="cannot hold this picture's colour profile"):
        encode_picture(photo(), ".jxl", Metadata(icc=ICC), EncodeOptions(lossless=lossless))


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".jxl"])
def test_unusable_grey_profile_is_refused_where_grey_becomes_rgb(suffix):
    if suffix == ".jxl":
        pytest.importorskip("pyjpegxl")
    with pytest.raises(OutputError, match="cannot hold this picture's colour profile"):
        encode_picture(photo()[..., :1], suffix, Metadata(icc=ICC.replace(b"RGB ", b"GRAY")))


def test_jpeg_xl_without_the_extra_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pyjpegxl", None)
    assert read_error(b"\xff\x0a" + bytes(40)).endswith(
        "is a JPEG XL, which needs an extra: pip install 'lightfuse[jxl]'"
    )
    for write in (lambda: encode_picture(photo(), ".jxl"), lambda: check_output(tmp_path / "a.jxl", overwrite=False)):
        with pytest.raises(MissingExtraError, match=r"writing JPEG XL needs an extra: pip install 'lightfuse\[jxl\]'"):
            write()


def cjxl(tmp_path, pixels, icc, distance):
    pytest.importorskip("pyjpegxl")
    if shutil.which("cjxl") is None:
        pytest.skip("cjxl (Debian's libjxl-tools) is not installed")
    (tmp_path / "a.png").write_bytes(pillow_bytes(pixels, "PNG", icc_profile=icc))
    subprocess.run(["cjxl", "a.png", "a.jxl", "-d", distance], cwd=tmp_path, check=True, capture_output=True)
    return read_picture(tmp_path / "a.jxl")


@pytest.mark.parametrize("distance", ["0", "0.5"], ids=["lossless", "xyb"])
def test_jpeg_xl_with_profile_and_opaque_alpha_keeps_colours(tmp_path, distance):
    muted = (photo(64, 96) * 0.4 + 80).astype(np.uint8)
    picture = cjxl(tmp_path, np.dstack([muted, np.full(muted.shape[:2], 255, np.uint8)]), adobe_rgb(), distance)
    shown = convert_profile(picture.pixels, picture.metadata.icc, adobe_rgb())
    assert np.abs(shown.astype(int) - muted).mean() < (2 if distance != "0" else 1e-9)


@pytest.mark.parametrize("distance", ["0", "0.5"], ids=["lossless", "xyb"])
def test_linear_grey_jpeg_xl_becomes_srgb(tmp_path, distance):
    linear = bytes(imagecodecs.cms_profile("gray", whitepoint=[0.3127, 0.329, 1], gamma=1.0))
    picture = cjxl(tmp_path, np.full((32, 32), 128, np.uint8), linear, distance)
    assert picture.metadata.icc is None
    assert np.abs(picture.pixels.astype(int) - 188).max() <= 1  # The sRGB value of half the light.


def test_palette_tiff_with_two_samples_is_refused():
    stream = io.BytesIO()
    palette = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(stream, photo()[:, :, 0], photometric="palette", colormap=palette, metadata=None)
    data = bytearray(stream.getvalue())
    at = data.index(struct.pack("<HHI", 277, 3, 1)) + 8
    data[at] = 2
    assert "has a palette, but 2 samples per pixel" in read_error(bytes(data))


def jpeg_tiff(pixels, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, compression="jpeg", photometric="ycbcr", metadata=None, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"rowsperstrip": 16}, {"tile": (16, 32)}], ids=["one strip", "strips", "tiles"]
)
def test_jpeg_in_a_tiff_that_claims_a_larger_picture_is_refused(options):
    """The decoder would take gigabytes for it."""
    pixels = np.kron(photo(), np.ones((2, 2, 1), np.uint8))[:40, :48]
    data = jpeg_tiff(pixels, **options)
    assert read_picture(data).pixels.shape == pixels.shape
    at = data.rindex(b"\xff\xc0") + 5
    assert "the JPEG in it is larger than the picture" in read_error(data[:at] + b"\x7f\xff" * 2 + data[at + 4 :])


def test_tiff_compressed_by_another_format_is_refused():
    """Those have headers of their own, which may claim anything."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, photo(), compression="webp", photometric="rgb", metadata=None)
    sentence = "is compressed by a method that is not supported (WEBP); save it with LZW or ZIP"
    assert sentence in read_error(stream.getvalue())


def test_white_is_zero_floats_that_are_no_numbers_are_refused_without_a_warning():
    stream = io.BytesIO()
    pixels = np.full((4, 5), np.inf, np.float16)
    tifffile.imwrite(stream, pixels, photometric="miniswhite", metadata=None)
    assert "not finite numbers" in read_error(stream.getvalue())


def test_tiff_with_an_offset_out_of_range_is_refused():
    assert read_error(b"II+\0\x08\0\0\0" + b"\x81" * 8) == "the given data is damaged: its header cannot be read"


def test_dng_with_missing_strips_is_refused():
    pytest.importorskip("rawpy")
    data = bytearray(dng_bytes(np.full((48, 64), 0.5)))
    at = data.index(struct.pack("<H", 278), 8) + 8  # Rows per strip.
    data[at : at + 2] = struct.pack("<H", 8)  # Six strips are needed, one is there.
    assert "is truncated" in read_error(bytes(data))


@pytest.mark.parametrize("kept", [100, 754, 1478])
def test_dng_whose_compressed_values_are_damaged_is_refused_in_silence(kept, capfd):
    """LibRaw fills in noise, and says so on standard error alone."""
    pytest.importorskip("rawpy")
    plain = dng_bytes(np.linspace(0, 1, 24 * 32).reshape(24, 32))
    page = tifffile.TiffFile(io.BytesIO(plain)).pages[0]
    values = bytes(imagecodecs.ljpeg_encode(page.asarray(), bitspersample=16))

    def compressed(strip):
        data = bytearray(plain[: page.dataoffsets[0]]) + strip
        for code, layout, value in ((259, "<H", 7), (279, "<I", len(strip))):
            struct.pack_into(layout, data, page.tags[code].valueoffset, value)
        return bytes(data)

    np.testing.assert_array_equal(read_picture(compressed(values)).pixels, read_picture(plain).pixels)
    assert read_error(compressed(values[:kept] + b"\xff" * 2000)).endswith("is damaged or truncated; copy it again")
    assert capfd.readouterr() == ("", "")


def test_truncated_rw2_is_refused():
    pytest.importorskip("rawpy")
    from lightfuse.images.metadata import UnreadableError
    from lightfuse.images.raw import check_complete

    entries = [(2, 3, 4000), (3, 3, 3000), (0x2D, 3, 4), (0x118, 4, 100)]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    head = b"IIU\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + bytes(4)
    with pytest.raises(UnreadableError, match="is truncated"):
        check_complete(io.BytesIO(head + bytes(1000)))
    check_complete(io.BytesIO(head + bytes(4000 * 3000 * 16 // 14 + 100)))


@pytest.mark.parametrize("keyword", [b"exif", b"APP1"])
@pytest.mark.parametrize("packed", [True, False])
def test_orientation_in_a_png_raw_profile_is_applied(keyword, packed):
    block = b"Exif\0\0" + exif_block(orientation=3)
    text = b"\nexif\n%8d\n%b\n" % (len(block), block.hex().encode())
    keyword = b"Raw profile type " + keyword
    chunk = (
        png_chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))
        if packed
        else png_chunk(b"tEXt", keyword + b"\0" + text)
    )
    picture = read_picture(png_with(chunk))
    np.testing.assert_array_equal(picture.pixels, photo()[::-1, ::-1])
    assert picture.metadata.exif
    upright = png_chunk(b"eXIf", exif_block(orientation=1))
    np.testing.assert_array_equal(
        read_picture(png_with(chunk, upright)).pixels, photo()
    )  # The standard's own chunk wins.


def test_decoders_write_nothing_to_the_terminal(capfd):
    read_picture(png_with(png_chunk(b"acTL", bytes(8)), png_chunk(b"iCCP", b"a\0\0junk"), png_chunk(b"sRGB", b"\x09")))
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        data = pillow_bytes(photo(), kind)
        for at in range(30, len(data), max(1, len(data) // 40)):
            damaged = bytearray(data)
            damaged[at] ^= 0xFF
            with suppress(PictureError):
                read_picture(bytes(damaged), max_pixels=100_000)
    assert capfd.readouterr() == ("", "")


def test_decoder_messages_are_not_repeated():
    data = bytearray(encode_picture(photo(), ".png"))
    at = data.index(b"IDAT")
    data[at : at + 4] = b"\x88\x89\x8aT"
    assert read_error(bytes(data)) == "the given data is damaged: its pixels cannot be decoded"
