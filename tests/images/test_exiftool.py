"""Metadata written into every format, read back by ExifTool (Debian's libimage-exiftool-perl)."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from builders.pictures import JPEG_THUMBNAIL, adobe_rgb, exif_block, photo, pillow_bytes
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from lightfuse.images import (
    SUFFIXES,
    EncodeOptions,
    Metadata,
    convert_profile,
    encode_picture,
    read_picture,
    with_software,
    without_metadata,
    write_picture,
)
from lightfuse.images.pixels import to_depth

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed"),
]

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/'
    b'1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmp:Rating="4" xmp:CreatorTool="Camera 3" tiff:Orientation="6"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
IPTC = b"\x1c\x02\x05\x00\x07The pub\x1c\x02\x78\x00\x0bA fine view"
NO_IPTC = {".png", ".webp", ".avif", ".jxl"}
ALL = [suffix for suffix in SUFFIXES if suffix not in (".jpeg", ".tiff")]


def full_metadata():
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0110: "Model X", 0x0112: 6, 0x0131: "Camera 3", 0x8298: "(c) Ann"})
    exif.get_ifd(0x8769).update(
        {0x829A: IFDRational(1, 125), 0x8827: 200, 0xA002: 6000, 0xA003: 4000, 0x9003: "2024:05:06 07:08:09"}
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 30.0, 0.0), 3: "E", 4: (8.0, 15.0, 0.0)})
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    jpeg = pillow_bytes(photo(), "JPEG", exif=b"Exif\0\0" + block, xmp=XMP, icc_profile=adobe_rgb())
    found = read_picture(jpeg).metadata
    return with_software(Metadata(icc=found.icc, exif=found.exif, xmp=found.xmp, iptc=IPTC), "LightFuse 9.9")


def told(path):
    """What ExifTool reads in a file, by group and tag."""
    listed = subprocess.run(
        ["exiftool", "-json", "-G0", "-a", "-n", "-u", str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(listed.stdout)[0]


@pytest.fixture(scope="module")
def metadata():
    return full_metadata()


@pytest.mark.parametrize("suffix", ALL)
def test_exiftool_reads_all_metadata_of_every_format(tmp_path, metadata, suffix):
    path = tmp_path / f"a{suffix}"
    write_picture(path, photo(), metadata)
    said = told(path)
    assert not [key for key in said if "Warning" in key or "Error" in key]
    assert (said["EXIF:Make"], said["EXIF:Model"], said["EXIF:Copyright"]) == ("Maker", "Model X", "(c) Ann")
    assert said["EXIF:ExposureTime"] == pytest.approx(1 / 125)
    assert (said["EXIF:ISO"], said["EXIF:DateTimeOriginal"]) == (200, "2024:05:06 07:08:09")
    assert said["EXIF:GPSLatitude"] == pytest.approx(47.5)
    assert said["EXIF:Orientation"] == 1
    assert said["EXIF:Software"] == "LightFuse 9.9"
    assert (said["EXIF:ExifImageWidth"], said["EXIF:ExifImageHeight"]) == (60, 40)
    assert (said["XMP:Rating"], said["XMP:Orientation"], said["XMP:CreatorTool"]) == (4, 1, "Camera 3")
    assert not any("Thumbnail" in key for key in said)
    if suffix != ".jxl":  # Whose colours are Rec. 2020's: see the next test.
        assert said["ICC_Profile:ProfileDescription"] == "Adobe RGB (compatible)"
    if suffix in NO_IPTC:
        assert not any(key.startswith("IPTC") for key in said)
    else:
        assert (said["IPTC:ObjectName"], said["IPTC:Caption-Abstract"]) == ("The pub", "A fine view")


@pytest.mark.skipif(shutil.which("djxl") is None, reason="djxl (Debian's libjxl-tools) is not installed")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("icc", [None, adobe_rgb()], ids=["srgb", "adobe"])
@pytest.mark.parametrize("lossless", [False, True])
def test_djxl_reads_the_same_colours(tmp_path, dtype, icc, lossless):
    most = np.iinfo(dtype).max
    muted = (photo(400, 600, np.float64) * 0.4 + 0.3) * most  # Inside sRGB: djxl clips what is outside.
    pixels = np.rint(muted).astype(dtype)
    data = encode_picture(pixels, ".jxl", Metadata(icc=icc), EncodeOptions(lossless=lossless))
    (tmp_path / "a.jxl").write_bytes(data)
    subprocess.run(["djxl", "a.jxl", "a.png"], cwd=tmp_path, check=True, capture_output=True)
    decoded = read_picture(tmp_path / "a.png")
    shown = to_depth(convert_profile(decoded.pixels, decoded.metadata.icc, icc), 32)
    assert decoded.pixels.dtype == (dtype if icc is None else np.uint16)
    assert np.abs(shown - pixels / most).mean() <= (0.005 if not lossless else 0.0005 if icc else 1e-6)


@pytest.mark.parametrize("suffix", ALL)
def test_stripped_files_hold_only_the_colour_profile(tmp_path, metadata, suffix):
    path = tmp_path / f"a{suffix}"
    write_picture(path, photo(), without_metadata(metadata))
    said = told(path)
    groups = {key.partition(":")[0] for key in said}
    assert not groups & {"XMP", "IPTC", "Photoshop", "MakerNotes"}
    assert not {key.split(":")[-1] for key in said} & {"Make", "Model", "Software", "ExposureTime", "GPSLatitude"}
    kept = read_picture(path).metadata
    assert kept == Metadata(icc=kept.icc if suffix == ".jxl" else adobe_rgb())


def test_thumbnail_is_removed_from_every_format(tmp_path):
    jpeg = pillow_bytes(photo(), "JPEG", exif=b"Exif\0\0" + exif_block())
    (tmp_path / "before.jpg").write_bytes(jpeg)
    assert any("Thumbnail" in key for key in told(tmp_path / "before.jpg"))
    picture = read_picture(jpeg)
    for suffix in ALL:
        write_picture(tmp_path / f"a{suffix}", picture.pixels, picture.metadata)
        assert not any("Thumbnail" in key for key in told(tmp_path / f"a{suffix}"))
        assert JPEG_THUMBNAIL not in (tmp_path / f"a{suffix}").read_bytes()
