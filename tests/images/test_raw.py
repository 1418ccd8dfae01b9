"""Camera raw files: recognised and probed without the extra, developed with it by settings that frames share."""

import io
import struct
import sys

import numpy as np
import pytest
import tifffile
from builders.dng import dng_bytes
from builders.errors import read_error
from builders.pictures import exif_block, photo, pillow_bytes
from PIL import Image

from lightfuse.errors import PictureError
from lightfuse.images import INPUT_SUFFIXES, probe_picture, raw_white_balance, read_picture, shot_info
from lightfuse.images.raw import scan_raw

RAMP = np.broadcast_to(np.linspace(0.02, 0.8, 64), (48, 64))
INSIDE = (slice(8, -8), slice(8, -8))


def srgb(light):
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 65_535


def test_dng_becomes_sixteen_bit_srgb():
    pytest.importorskip("rawpy")
    pixels = read_picture(dng_bytes(RAMP)).pixels
    assert pixels.dtype == np.uint16
    assert pixels.shape == (48, 64, 3)
    expected = np.broadcast_to(srgb(RAMP)[:, :, None], pixels.shape)
    np.testing.assert_allclose(pixels[INSIDE].astype(float), expected[INSIDE], atol=300)


@pytest.mark.parametrize("stops", [1, 3])
def test_development_keeps_exposure_differences(stops):
    """No automatic brightness, and no white level guessed from the brightest pixel."""
    pytest.importorskip("rawpy")
    light = RAMP * 2.0**-stops
    pixels = read_picture(dng_bytes(light)).pixels
    expected = np.broadcast_to(srgb(light)[:, :, None], pixels.shape)
    np.testing.assert_allclose(pixels[INSIDE].astype(float), expected[INSIDE], atol=600)


def test_white_balance_of_the_base_applies_to_every_frame():
    pytest.importorskip("rawpy")
    base, other = dng_bytes(RAMP), dng_bytes(RAMP, neutral=(0.6, 1.0, 0.5))
    gains = raw_white_balance(base)
    assert gains == pytest.approx((2.0, 1.0, 1.6, 1.0))
    grey = read_picture(base, white_balance=gains).pixels[INSIDE].astype(float)
    assert np.abs(grey[..., 0] - grey[..., 2]).max() < 1500
    own = read_picture(other).pixels[INSIDE].astype(float)
    assert np.abs(own[..., 0] - own[..., 2]).max() < 1500
    warm = read_picture(other, white_balance=gains).pixels[INSIDE].astype(float)
    assert (warm[..., 0] - warm[..., 2]).min() > 1500


def test_dng_orientation_is_applied_once():
    pytest.importorskip("rawpy")
    data = dng_bytes(RAMP, orientation=6)
    picture = read_picture(data)
    assert picture.pixels.shape == (64, 48, 3)
    assert picture.pixels[10, 20, 0] < picture.pixels[50, 20, 0]


def test_dng_with_too_many_pixels_is_refused():
    pytest.importorskip("rawpy")
    assert "64 × 48 pixels, more than the 3,071 allowed" in read_error(dng_bytes(RAMP), max_pixels=3071)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_dng_is_refused(kept):
    pytest.importorskip("rawpy")
    data = dng_bytes(RAMP)
    assert "the given data is" in read_error(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    "head", [b"FUJIFILMCCD-RAW ", b"\0\0\0\x18ftypcrx ", b"IIRO", b"IIU\0", b"II*\0\x10\0\0\0CR\2\0", b"FOVb"]
)
def test_file_with_only_a_raw_signature_is_refused(head):
    pytest.importorskip("rawpy")
    assert "the given data is" in read_error(head + bytes(200))


def test_tiff_with_a_preview_first_is_refused():
    pytest.importorskip("rawpy")
    stream = io.BytesIO()
    tifffile.imwrite(stream, photo(), photometric="rgb", subfiletype=1)
    assert "preview" in read_error(stream.getvalue())


def test_raw_without_the_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    wanted = "is a camera raw file, which needs an extra: pip install 'lightfuse[raw]'"
    assert read_error(dng_bytes(RAMP)).endswith(wanted)
    with pytest.raises(PictureError, match=r"lightfuse\[raw\]"):
        raw_white_balance(dng_bytes(RAMP))


def test_probing_raw_needs_no_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = tmp_path / "a.DNG"
    path.write_bytes(dng_bytes(RAMP))
    header = probe_picture(path)
    assert (header.format, header.shot.make) == ("RAW", "Maker")


def test_tiff_with_a_raw_suffix_is_read_as_raw(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    (tmp_path / "a.nef").write_bytes(pillow_bytes(photo(), "TIFF"))
    assert "is a camera raw file" in read_error(tmp_path / "a.nef")
    (tmp_path / "a.tif").write_bytes(pillow_bytes(photo(), "TIFF"))
    assert read_picture(tmp_path / "a.tif").pixels.shape == photo().shape


def test_fujifilm_exif_is_read_from_the_preview():
    jpeg = pillow_bytes(photo(), "JPEG", exif=b"Exif\0\0" + exif_block(orientation=6))
    data = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 200, len(jpeg))
    shot = probe_picture(data.ljust(200, b"\0") + jpeg).shot
    assert (shot.exposure_time, shot.make) == (1 / 250, "LightFuse")


def test_maker_note_is_not_carried_from_raw():
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x8827: 200, 0x927C: b"maker's own" * 9})
    jpeg = pillow_bytes(photo(), "JPEG", exif=exif)
    data = b"FUJIFILMCCD-RAW ".ljust(84, b"\0") + struct.pack(">II", 200, len(jpeg))
    metadata = scan_raw(io.BytesIO(data.ljust(200, b"\0") + jpeg)).metadata
    assert b"maker's own" not in metadata.exif
    assert shot_info(metadata.exif).iso == 200


def test_panasonic_exif_is_read_from_the_preview():
    jpeg = pillow_bytes(photo(), "JPEG", exif=b"Exif\0\0" + exif_block(orientation=1))
    entry = struct.pack("<HHHII", 1, 0x2E, 7, len(jpeg), 26)
    assert probe_picture(b"IIU\0\x08\0\0\0" + entry + bytes(4) + jpeg).shot.exposure_time == 1 / 250


def test_cr3_exif_is_read_from_its_boxes():
    def box(kind, body):
        return struct.pack(">I4s", len(body) + 8, kind) + body

    def directory(tag, kind, count, value):
        return b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, tag, kind, count, 26) + bytes(4) + value

    blocks = box(b"CMT1", directory(0x010F, 2, 6, b"Canon\0")) + box(
        b"CMT2", directory(0x829A, 5, 1, struct.pack("<II", 1, 60))
    )
    data = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", box(b"uuid", bytes(16) + blocks))
    shot = probe_picture(data).shot
    assert (shot.make, shot.exposure_time) == ("Canon", 1 / 60)


def test_raw_suffixes_are_input_suffixes():
    assert {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"} <= INPUT_SUFFIXES
    assert {".jpg", ".avif", ".jxl", ".heic", ".webp", ".png", ".tif"} <= INPUT_SUFFIXES
