"""EXIF, ICC profile and XMP carried from every format into every format, checked with Pillow and tifffile."""

import io
import zlib

import numpy as np
import pytest
import tifffile
from builders.errors import read_error
from builders.pictures import ICC, XMP, XMP_UPRIGHT, exif_block, photo, pillow_bytes, png_chunk
from PIL import Image

from lightfuse.images import Metadata, encode_picture, read_picture, with_software, without_metadata
from lightfuse.images.exif import exif_with_size, exif_with_software

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
def test_metadata_blocks_are_read_byte_for_byte(kind, order):
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
def test_metadata_blocks_are_written_byte_for_byte(suffix):
    image = opened(encode_picture(photo(), suffix, FULL))
    exif = image.info["exif"]
    assert exif.removeprefix(b"Exif\0\0") == EXIF
    assert image.info["icc_profile"] == ICC
    xmp = image.info["xmp"]
    assert (xmp.encode() if isinstance(xmp, str) else xmp) == XMP_UPRIGHT
    assert image.size == (60, 40)


@pytest.mark.parametrize("before", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("after", [".jpg", ".png", ".webp"])
def test_metadata_survives_conversion_between_formats(before, after):
    first = read_picture(encode_picture(photo(), before, FULL))
    second = read_picture(encode_picture(first.pixels, after, first.metadata))
    assert second.metadata == FULL


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_round_trips_through_tiff_tags(order):
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


def test_exif_of_another_writer_survives_a_tiff():
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


def test_large_profile_is_split_over_jpeg_segments():
    profile = ICC + np.random.default_rng(0).bytes(200_000)
    for suffix in SUFFIXES:
        data = encode_picture(photo(), suffix, Metadata(icc=profile))
        assert opened(data).info["icc_profile"] == profile
        assert read_picture(data).metadata.icc == profile


def test_incomplete_profile_is_left_out_with_a_note():
    data = encode_picture(photo(), ".jpg", Metadata(icc=ICC + bytes(100_000)))
    second = data.index(b"ICC_PROFILE\0\x02")
    picture = read_picture(data[:second] + b"NOT_PROFILE" + data[second + 11 :])
    assert picture.metadata.icc is None
    assert any("profile is incomplete" in note for note in picture.notes)


def test_grey_profile_of_colours_is_left_out_with_a_note():
    picture = read_picture(pillow_bytes(photo(), "PNG", icc_profile=ICC.replace(b"RGB ", b"GRAY")))
    assert picture.metadata.icc is None
    assert any("profile is not for RGB" in note for note in picture.notes)


def long_exif(maker_note):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769).update({0x8827: 200, 0x927C: maker_note})
    return exif.tobytes().removeprefix(b"Exif\0\0")


def test_large_exif_loses_its_maker_note_in_a_jpeg():
    block = long_exif(bytes(70_000))
    exif = opened(encode_picture(photo(), ".jpg", Metadata(exif=block))).getexif()
    assert exif[0x010F] == "Maker"
    assert dict(exif.get_ifd(0x8769)) == {0x8827: 200}
    assert read_picture(encode_picture(photo(), ".png", Metadata(exif=block))).metadata.exif == block


def test_metadata_a_jpeg_cannot_hold_is_left_out():
    data = encode_picture(photo(), ".jpg", Metadata(icc=ICC, exif=b"II*\0" + bytes(70_000), xmp=bytes(70_000)))
    assert read_picture(data).metadata == Metadata(icc=ICC)


def test_png_chunk_with_a_wrong_checksum_is_ignored():
    data = encode_picture(photo(), ".png", Metadata(exif=EXIF))
    chunk = png_chunk(b"eXIf", EXIF)
    broken = data.replace(chunk, chunk[:-1] + bytes([chunk[-1] ^ 1]))
    picture = read_picture(broken)
    assert picture.metadata.exif is None
    np.testing.assert_array_equal(picture.pixels, photo())


def test_profile_that_inflates_beyond_the_budget_is_refused():
    bomb = png_chunk(b"iCCP", b"bomb\0\0" + zlib.compress(bytes(70_000_000), 1))
    data = encode_picture(photo(), ".png")
    assert "holds more metadata than 64 MB" in read_error(data[:33] + bomb + data[33:])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_picture_with_corrupt_exif_is_written(suffix):
    data = encode_picture(photo(), suffix, Metadata(exif=b"II*\0\xff\xff\xff\xff"))
    assert read_picture(data).pixels.shape == photo().shape


IPTC = b"\x1c\x02\x78\x00\x05Hello"


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_iptc_is_carried_in_jpeg_and_tiff(suffix):
    assert read_picture(encode_picture(photo(), suffix, Metadata(iptc=IPTC))).metadata == Metadata(iptc=IPTC)


def test_iptc_is_left_out_of_other_formats():
    for suffix in (".png", ".webp", ".avif", ".jxl"):
        assert read_picture(encode_picture(photo(), suffix, Metadata(iptc=IPTC))).metadata == Metadata()


def photoshop(*resources):
    return b"".join(
        b"8BIM" + kind.to_bytes(2, "big") + b"\x03abc" + len(body).to_bytes(4, "big") + body + bytes(len(body) % 2)
        for kind, body in resources
    )


def test_iptc_is_read_from_photoshop_resources():
    resources = photoshop((0x040C, b"a stale thumbnail"), (0x0404, IPTC), (0x0425, b"digest"))
    data = encode_picture(photo(), ".jpg")
    segment = b"Photoshop 3.0\0" + resources
    jpeg = data[:20] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[20:]
    assert read_picture(jpeg).metadata == Metadata(iptc=IPTC)
    assert b"stale" not in encode_picture(photo(), ".jpg", read_picture(jpeg).metadata)
    stream = io.BytesIO()
    tifffile.imwrite(stream, photo(), photometric="rgb", metadata=None, extratags=[(34377, 7, None, resources, True)])
    assert read_picture(stream.getvalue()).metadata.iptc == IPTC


@pytest.mark.parametrize("resources", [b"", b"8BIM", b"8BIM\x04\x04\0\0\0\0\xff\xff", photoshop((0x0404, b"no iptc"))])
def test_malformed_photoshop_resources_are_ignored(resources):
    data = encode_picture(photo(), ".jpg")
    segment = b"Photoshop 3.0\0" + resources
    jpeg = data[:20] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[20:]
    assert read_picture(jpeg).metadata == Metadata()


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_with_software_changes_only_the_software_tag(order):
    block = exif_block(order, orientation=1)
    once = exif_with_software(block, "LightFuse 1.0")
    assert once[8 : len(block)] == block[8:]
    twice = exif_with_software(once, "LightFuse 22.0")
    for written, version in ((once, "LightFuse 1.0"), (twice, "LightFuse 22.0")):
        exif = exif_of(written)
        assert (exif[0x0131], exif[0x010F], exif[0x0112]) == (version, "LightFuse", 1)
        assert exif.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 250)


@pytest.mark.parametrize("exif", [None, b"", b"corrupt", b"II*\0\xff\xff\xff\xff"])
def test_exif_with_software_creates_a_missing_block(exif):
    assert dict(exif_of(exif_with_software(exif, "LightFuse 1.0"))) == {0x0131: "LightFuse 1.0"}


def test_with_software_leaves_the_xmp_as_it_is():
    """Whose creator tool is the first that made the picture, by the XMP specification."""
    xmp = b'<a xmp:CreatorTool="Old 1"/>'
    assert with_software(Metadata(xmp=xmp), "LightFuse 1.0").xmp == xmp


def test_without_metadata_keeps_only_the_profile():
    assert without_metadata(Metadata(icc=ICC, exif=EXIF, xmp=XMP, iptc=IPTC)) == Metadata(icc=ICC)


def test_exif_size_tags_are_updated():
    exif = Image.Exif()
    exif[0x0100], exif[0x0101] = 6000, 4000
    exif.get_ifd(0x8769).update({0xA002: 6000, 0xA003: 4000})
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    sized = exif_of(exif_with_size(block, 70_000, 40))
    below = sized.get_ifd(0x8769)
    assert (sized[0x0101], below[0xA003]) == (40, 40)
    assert {sized[0x0100], below[0xA002]} <= {70_000, 0}  # A tag of 16 bits has no room for it: unknown.
    written = read_picture(encode_picture(photo(), ".jpg", Metadata(exif=block))).metadata.exif
    assert exif_of(written).get_ifd(0x8769)[0xA002] == 60
    assert exif_with_size(EXIF, 5, 5) == EXIF
    assert exif_with_size(b"corrupt", 5, 5) == b"corrupt"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<a><xmp:Thumbnails><b>/9j/</b></xmp:Thumbnails><c/></a>", b"<a><c/></a>"),
        (b"""<a hdrgm:Version="1.0" hdrgm:GainMapMax='3' tiff:Make="M"/>""", b'<a tiff:Make="M"/>'),
        (b"<a><Container:Directory><rdf:Seq/></Container:Directory></a>", b"<a></a>"),
        (b'<a xmpNote:HasExtendedXMP="00FF" xmp:Rating="4"/>', b'<a xmp:Rating="4"/>'),
        (b"<a><xmpNote:HasExtendedXMP>00FF</xmpNote:HasExtendedXMP></a>", b"<a></a>"),
        (b'<a GCamera:MotionPhoto="1" GCamera:MicroVideoOffset="9" GCamera:Mode="2"/>', b'<a GCamera:Mode="2"/>'),
        (b"<a><Camera:MotionPhotoVersion>1</Camera:MotionPhotoVersion></a>", b"<a></a>"),
        (b'<a GDepth:Format="RangeInverse" GImage:Mime="image/jpeg" GAudio:Mime="audio/mp4"/>', b"<a/>"),
    ],
)
def test_stale_xmp_properties_are_removed(before, after):
    assert read_picture(encode_picture(photo(), ".png", Metadata(xmp=before))).metadata.xmp == after
