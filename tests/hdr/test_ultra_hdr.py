"""Gain-map JPEGs, read back by libultrahdr, by ordinary decoders and byte by byte."""

import struct
from io import BytesIO
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pytest
from builders.hdr import picture_and_radiance
from PIL import Image, ImageCms

from lightfuse.colorspace import LUMINANCE_WEIGHTS, srgb_to_linear
from lightfuse.hdr.gain_map import gain_map
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg
from lightfuse.images import Metadata, encode_picture, read_picture

LUMINANCE = np.array(LUMINANCE_WEIGHTS)
XMP_NAMES, ISO_NAME = b"hdrgm:", b"urn:iso:std:iso:ts:21496:-1"
CONTAINER = "{http://ns.google.com/photos/1.0/container/}"
ITEM = "{http://ns.google.com/photos/1.0/container/item/}"


def linear(picture):
    return srgb_to_linear(picture.astype(np.float64) / 255)


@pytest.fixture(scope="module")
def scene():
    return picture_and_radiance(480, 320)


@pytest.fixture(scope="module")
def jpeg(scene):
    return encode_gain_map_jpeg(*scene)


def hdr_rendition(jpeg):
    """What a screen with full headroom shows, decoded by libultrahdr: linear, 1.0 is the base picture's white."""
    decoded = imagecodecs.ultrahdr_decode(jpeg)
    assert decoded.dtype == np.float16
    return decoded[..., :3].astype(np.float64)


def segments(jpeg):
    at = 2
    while jpeg[at + 1] != 0xDA:
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield at, jpeg[at + 1], jpeg[at + 4 : at + 2 + length]
        at += 2 + length


def xmp_of(jpeg):
    name = b"http://ns.adobe.com/xap/1.0/\0"
    (packet,) = (payload[len(name) :] for _, _, payload in segments(jpeg) if payload.startswith(name))
    return packet


def appended(jpeg):
    """The second picture of the file, found by the multi-picture index."""
    at, payload = next((at, payload) for at, _, payload in segments(jpeg) if payload.startswith(b"MPF\0"))
    (_, first_size, first, *_), (_, size, offset, *_) = struct.iter_unpack("<IIIHH", payload[-32:])
    header = at + 4 + 4
    assert first == 0
    assert header + offset == first_size
    assert first_size + size == len(jpeg)
    return jpeg[header + offset :][:size]


def test_ordinary_readers_show_the_fused_picture(scene, jpeg):
    plain = imagecodecs.jpeg8_decode(encode_picture(scene[0], ".jpg"))
    assert (imagecodecs.jpeg8_decode(jpeg) == plain).all()
    assert (np.asarray(Image.open(BytesIO(jpeg)).convert("RGB")) == plain).mean() > 0.99
    assert (read_picture(jpeg).pixels == plain).all()


def test_gain_restores_highlights(scene, jpeg):
    fused, light = scene
    shown, true = hdr_rendition(jpeg) @ LUMINANCE, light @ LUMINANCE
    middle = (linear(fused) @ LUMINANCE > 0.05) & (linear(fused) @ LUMINANCE < 0.4)
    level = np.median(np.log2(linear(fused)[middle] @ LUMINANCE) - np.log2(true[middle]))
    wanted = np.log2(true) + level - np.log2(linear(fused) @ LUMINANCE + 1e-6)
    highlight = (wanted > 1.0) & (wanted < 1.9) & (true * 2**level > 0.6)
    assert highlight.sum() > 500
    off = np.log2(shown[highlight]) - np.log2(true[highlight]) - level
    assert abs(np.median(off)) < 0.2
    assert np.percentile(np.abs(off), 75) < 0.35


def test_shadows_and_mid_tones_get_no_gain(scene, jpeg):
    """Where the light is below what the fused picture shows as mid-grey, the HDR rendition is the picture."""
    base = linear(imagecodecs.jpeg8_decode(jpeg)) @ LUMINANCE
    dark = scene[1] @ LUMINANCE < 0.05 * np.median(scene[1] @ LUMINANCE[:, None])
    gain = np.log2((hdr_rendition(jpeg) @ LUMINANCE + 1 / 64) / (base + 1 / 64))
    assert dark.mean() > 0.02
    assert np.percentile(np.abs(gain[dark]), 99) < 0.05
    assert (gain < 0.05).mean() > 0.4
    assert gain.min() > -0.05
    assert gain.max() > 1.5


def test_uncompressed_picture_gets_no_gain():
    values = np.linspace(10, 240, 64 * 96).reshape(64, 96, 1)
    picture = np.round(np.repeat(values, 3, axis=2)).astype(np.uint8)
    assert gain_map(picture, linear(picture).astype(np.float32) * 5).max() < 0.01


def test_gain_rises_with_radiance_up_to_max_stops():
    fused = np.full((64, 400, 3), 160, np.uint8)
    stops = np.where(np.arange(400) < 240, 0, (np.arange(400) - 240) / 20)
    light = (linear(fused) * np.exp2(stops)[None, :, None]).astype(np.float32)
    gain = gain_map(fused, light)
    assert gain.max() <= 3.0
    row = gain[8]
    assert row[:58].max() < 0.01
    assert (np.diff(row) > -0.001).all()
    exact = (stops[2::4] > 1.1) & (stops[2::4] < 1.9)
    assert np.abs(row[exact] - stops[2::4][exact]).max() < 0.1


def test_only_highlights_gain():
    """Where radiance exceeds the picture by the same ratio, a dark corner stays as it is and a bright wall gains."""
    fused = np.full((64, 240, 3), 150, np.uint8)
    fused[:, 120:180] = 12
    light = linear(fused).astype(np.float32)
    light[:, 120:180] *= 4
    light[:, 180:] = 4 * light[0, 0]
    gain = gain_map(fused, light)
    stops = gain[8]
    assert stops[:44].max() < 0.02
    assert stops[46:].min() > 1.5


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (257, 130), (64, 1)])
def test_any_size_is_written(shape):
    fused = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    light = linear(fused).astype(np.float32) ** 2 * 30
    gain = gain_map(fused, light)
    assert gain.shape == (-(-shape[0] // 4), -(-shape[1] // 4))
    data = encode_gain_map_jpeg(fused, light)
    assert imagecodecs.jpeg8_decode(data).shape == (*shape, 3)
    assert imagecodecs.jpeg8_decode(appended(data)).shape == gain.shape


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_16_bit_and_float_pictures_get_the_same_gain(scene, dtype):
    fused, light = scene
    deep = fused.astype(np.uint16) * np.uint16(257) if dtype == np.uint16 else fused.astype(np.float32) / 255
    shallow = gain_map(fused, light)
    assert np.abs(gain_map(deep, light) - shallow).max() < 0.02


@pytest.mark.parametrize("kept", ["ISO 21496-1", "XMP"])
def test_xmp_or_iso_21496_alone_is_enough(jpeg, kept):
    name = XMP_NAMES if kept == "ISO 21496-1" else ISO_NAME
    assert jpeg.count(name) >= 2
    alone = jpeg.replace(name, b"x" * len(name))
    assert np.abs(hdr_rendition(alone) - hdr_rendition(jpeg)).max() < 0.02


def test_without_gain_metadata_it_is_no_ultra_hdr(jpeg):
    bare = jpeg.replace(XMP_NAMES, b"x" * len(XMP_NAMES)).replace(ISO_NAME, b"x" * len(ISO_NAME))
    with pytest.raises(imagecodecs.UltrahdrError):
        imagecodecs.ultrahdr_decode(bare)


def test_mpf_index_and_xmp_directory_locate_the_gain_map(jpeg):
    gain = appended(jpeg)
    assert gain.startswith(b"\xff\xd8")
    assert gain.endswith(b"\xff\xd9")
    packet = ElementTree.fromstring(xmp_of(jpeg))
    items = packet.findall(f".//{CONTAINER}Item")
    assert [item.get(f"{ITEM}Semantic") for item in items] == ["Primary", "GainMap"]
    assert items[1].get(f"{ITEM}Length") == str(len(gain))


def test_exif_iptc_and_icc_profile_are_kept(scene):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    iptc = b"\x1c\x02\x78\0\5Hello"
    data = encode_gain_map_jpeg(*scene, Metadata(icc=icc, exif=exif.tobytes()[6:], iptc=iptc))
    found = Image.open(BytesIO(data))
    assert found.getexif()[0x010F] == "Maker"
    assert found.info["icc_profile"] == icc
    assert read_picture(data).metadata.iptc == iptc


XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmlns:Container="http://ns.google.com/photos/1.0/container/" xmp:Rating="4" hdrgm:Version="0.9">{inside}
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def written_xmp(scene, packet):
    data = encode_gain_map_jpeg(*scene, Metadata(xmp=packet))
    assert hdr_rendition(data).max() > 2
    return data, xmp_of(data)


def test_xmp_is_kept_without_its_stale_gain_map(scene):
    stale = "<Container:Directory><Container:Item/></Container:Directory><xmp:Label>Küche</xmp:Label>"
    data, packet = written_xmp(scene, XMP.format(inside=stale).encode() + b"\n" * 50 + b"\0")
    root = ElementTree.fromstring(packet)
    assert root.find(".//*[@{http://ns.adobe.com/xap/1.0/}Rating='4']") is not None
    assert root.findtext(".//{http://ns.adobe.com/xap/1.0/}Label") == "Küche"
    versions = [e.get("{http://ns.adobe.com/hdr-gain-map/1.0/}Version") for e in root.iter()]
    assert [version for version in versions if version] == ["1.0"]
    assert len(root.findall(f".//{CONTAINER}Directory")) == 1
    assert len(root.findall(f".//{CONTAINER}Item")) == 2
    assert data.count(b"Container:Directory>") == 2


@pytest.mark.parametrize(
    "packet",
    [
        b"not XML at all",
        b"\xff\xfe<broken",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + XMP.format(inside="<xmp:Label>&a;</xmp:Label>").encode(),
        XMP.format(inside="<xmp:Label>" + "long " * 13_000 + "</xmp:Label>").encode(),
    ],
    ids=["no XML", "broken", "no RDF", "entities", "too long"],
)
def test_unusable_xmp_is_replaced(scene, packet):
    _, written = written_xmp(scene, packet)
    assert b"Label" not in written
    assert b"GainMap" in written
