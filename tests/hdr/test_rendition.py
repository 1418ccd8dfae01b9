"""HDR pictures for HDR screens, read back by libavif, FFmpeg and djxl."""

import shutil
import subprocess

import imagecodecs
import numpy as np
import pytest
from builders.hdr import picture_and_radiance
from builders.pictures import exif_block

from lightfuse.errors import MissingExtraError, PictureError
from lightfuse.hdr.files import WHITE_NITS, check_hdr_output, pq, write_hdr
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg
from lightfuse.images import EncodeOptions, Metadata, encode_picture, read_picture
from lightfuse.images.jxl import encode_hdr_jxl

REC_709_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087-0


@pytest.fixture(scope="module")
def scene():
    return picture_and_radiance(240, 160)


@pytest.fixture(scope="module")
def expected(scene):
    """The rendition that libultrahdr shows of the gain-map JPEG: cd/m², Rec. 2020."""
    jpeg = encode_gain_map_jpeg(*scene, options=EncodeOptions(quality=100))
    shown = imagecodecs.ultrahdr_decode(jpeg)[..., :3].astype(np.float64)
    return np.maximum(shown, 0) @ REC_709_TO_2020.T * WHITE_NITS


def nits(coded):
    """Luminance in cd/m² of PQ values, 0 to 1 (SMPTE ST 2084, 5.2: the inverse)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.asarray(coded, np.float64) ** (1 / m2)
    return 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def stops(measured, expected):
    """Mean difference in stops where the light is above 1 cd/m²."""
    where = expected.min(axis=-1) > 1
    return float(np.abs(np.log2(np.maximum(measured[where], 0.1) / expected[where])).mean())


def test_pq_is_the_standards_curve():
    assert pq(np.array([0, 100, 203, 1000, 10_000], np.float32)) == pytest.approx(
        [0, 0.508, 0.581, 0.752, 1], abs=5e-4
    )  # ITU-R BT.2408-7, table 1


@pytest.mark.parametrize(("options", "depth"), [(None, 10), (EncodeOptions(bit_depth=12), 12)])
def test_avif_is_rec_2020_pq(tmp_path, scene, expected, options, depth):
    path = tmp_path / "hdr.avif"
    write_hdr(path, *scene, Metadata(exif=exif_block()), options)
    data = path.read_bytes()
    assert data[data.index(b"nclx") + 4 :][:6] == bytes((0, 9, 0, 16, 0, 9))
    assert b"LightFuse" in data  # The EXIF's maker.
    decoded = imagecodecs.avif_decode(data)
    assert decoded.max() > (1 << depth - 1)
    measured = nits(decoded / ((1 << depth) - 1))
    assert stops(measured, expected) < 0.15
    assert measured.max() > 3 * WHITE_NITS


def test_ffmpeg_reads_the_avif_as_hdr(tmp_path, scene):
    av = pytest.importorskip("av", reason="needs the extra: video")
    write_hdr(tmp_path / "hdr.avif", *scene)
    with av.open(str(tmp_path / "hdr.avif")) as container:
        frame = next(container.decode(video=0))
    assert (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)) == (9, 9, 16)
    assert (frame.format.name, frame.width, frame.height) == ("yuv444p10le", 240, 160)


def test_jpeg_xl_is_rec_2100_pq(tmp_path, scene, expected):
    pytest.importorskip("pyjpegxl", reason="needs the extra: jxl")
    path = tmp_path / "hdr.jxl"
    write_hdr(path, *scene, Metadata(exif=exif_block()), EncodeOptions(quality=98))
    assert b"Exif" in path.read_bytes()
    with pytest.raises(PictureError, match="is an HDR picture"):
        read_picture(path)
    if shutil.which("djxl") is None:
        pytest.skip("djxl is not installed")
    said = subprocess.run(["jxlinfo", "-v", path], capture_output=True, text=True, check=True).stdout
    assert "Rec.2100 primaries, PQ transfer function" in said
    line = ["djxl", path, tmp_path / "hdr.png", "--bits_per_sample=16"]
    subprocess.run(line, capture_output=True, check=True)
    measured = nits(imagecodecs.png_decode((tmp_path / "hdr.png").read_bytes())[..., :3] / 65535)
    assert stops(measured, expected) < 0.15
    assert measured.max() > 3 * WHITE_NITS


@pytest.mark.parametrize("nits", [256.0, 333.3, 1000.1, 1623.7, 4000.0])
def test_jpeg_xl_of_any_brightness_is_written(nits):
    pytest.importorskip("pyjpegxl", reason="needs the extra: jxl")
    light = np.full((8, 8, 3), 0.5, np.float32)
    assert b"".join(encode_hdr_jxl(light, nits, Metadata(), 95)).startswith(b"\xff\x0a")


def test_jpeg_xl_without_highlights_is_written(tmp_path):
    pytest.importorskip("pyjpegxl", reason="needs the extra: jxl")
    dim = np.full((32, 32, 3), 100, np.uint8)
    write_hdr(tmp_path / "hdr.jxl", dim, np.full((32, 32, 3), 0.1, np.float32))
    with pytest.raises(PictureError, match="is an HDR picture"):
        read_picture(tmp_path / "hdr.jxl")


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("lightfuse.errors.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="jxl"):
        check_hdr_output(tmp_path / "hdr.jxl", overwrite=False)
    check_hdr_output(tmp_path / "hdr.avif", overwrite=False)


def test_gain_maps_of_inputs_are_said_to_be_left_out(scene):
    jpeg = encode_gain_map_jpeg(*scene)
    assert read_picture(jpeg).notes == ("its HDR gain map was left out",)
    fused = encode_picture(scene[0], ".jpg", read_picture(jpeg).metadata)
    assert b"hdrgm:Version" not in fused
