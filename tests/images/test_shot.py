"""What EXIF says of a shot: believed where it makes sense, None where it does not, read without decoding pixels."""

import struct
from datetime import datetime

import pytest
from builders.pictures import exif_block, photo, pillow_bytes
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from lightfuse.images import ShotInfo, probe_picture, read_picture, shot_info

TIME, NUMBER, ISO, BIAS, MODE = 0x829A, 0x829D, 0x8827, 0x9204, 0xA402
ORIGINAL, DIGITISED, SUBSECONDS, SERIAL = 0x9003, 0x9004, 0x9291, 0xA431


def metadata(shooting, camera=None):
    exif = Image.Exif()
    exif.update(camera or {})
    exif.get_ifd(0x8769).update(shooting)
    return exif.tobytes().removeprefix(b"Exif\0\0")


FULL = metadata(
    {
        TIME: IFDRational(1, 250),
        NUMBER: IFDRational(56, 10),
        ISO: 400,
        BIAS: IFDRational(-4, 3),
        MODE: 2,
        ORIGINAL: "2024:05:06 07:08:09",
        SUBSECONDS: "25",
        SERIAL: "X-123",
    },
    {0x010F: "Maker ", 0x0110: "Model 5", 0x0112: 6},
)
SAID = ShotInfo(
    exposure_time=1 / 250,
    f_number=5.6,
    iso=400,
    exposure_bias=-4 / 3,
    taken=datetime(2024, 5, 6, 7, 8, 9, 250_000),
    make="Maker",
    model="Model 5",
    serial="X-123",
    exposure_mode=2,
)


def test_shot_info_reads_every_field():
    assert shot_info(FULL) == SAID


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_probe_returns_the_shot_and_stored_orientation(tmp_path, kind):
    path = tmp_path / "picture"
    path.write_bytes(pillow_bytes(photo(), kind, exif=b"Exif\0\0" + FULL))
    shot = probe_picture(path).shot
    assert shot.orientation == 6
    assert shot_info(read_picture(path).metadata.exif, orientation=6) == shot
    assert (shot.exposure_time, shot.taken, shot.serial) == (SAID.exposure_time, SAID.taken, SAID.serial)


@pytest.mark.parametrize("order", ["<", ">"])
def test_shot_info_reads_both_byte_orders(order):
    shot = shot_info(exif_block(order))
    assert (shot.exposure_time, shot.make) == (1 / 250, "LightFuse")


def test_shot_info_without_exif_is_empty():
    assert shot_info(None) == ShotInfo()
    assert probe_picture(pillow_bytes(photo(), "JPEG")).shot == ShotInfo()


@pytest.mark.parametrize("exif", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"no exif"])
def test_shot_info_of_corrupt_exif_is_empty(exif):
    assert shot_info(exif) == ShotInfo()


@pytest.mark.parametrize(
    "shooting",
    [
        {TIME: IFDRational(1, 0)},
        {TIME: IFDRational(0, 0)},
        {TIME: IFDRational(0, 1)},
        {TIME: IFDRational(4_000_000_000, 1)},
        {NUMBER: IFDRational(0, 1)},
        {NUMBER: IFDRational(0, 0)},
        {0x9202: IFDRational(0, 1)},
        {ISO: 0},
        {BIAS: IFDRational(-100, 1)},
        {BIAS: IFDRational(1, 0)},
        {MODE: 99},
        {ORIGINAL: "0000:00:00 00:00:00"},
        {ORIGINAL: "2024:13:40 25:61:61"},
        {ORIGINAL: "                   "},
        {SERIAL: "\0\0\0"},
        {SUBSECONDS: "25"},
    ],
    ids=str,
)
def test_implausible_values_are_ignored(shooting):
    assert shot_info(metadata(shooting)) == ShotInfo()


def test_iso_above_65535_is_read_from_the_long_tag():
    assert shot_info(metadata({ISO: 65535, 0x8832: 102_400})).iso == 102_400
    assert shot_info(metadata({ISO: 65535})).iso == 65535


@pytest.mark.parametrize("digits", ["", "  ", "x", "-5", "²"])
def test_malformed_subseconds_are_ignored(digits):
    taken = shot_info(metadata({ORIGINAL: "2024:05:06 07:08:09", SUBSECONDS: digits})).taken
    assert taken == datetime(2024, 5, 6, 7, 8, 9)


def test_subseconds_never_round_into_the_next_second():
    taken = shot_info(metadata({ORIGINAL: "2024:05:06 07:08:09", SUBSECONDS: "9999999"})).taken
    assert taken == datetime(2024, 5, 6, 7, 8, 9, 999_999)


def test_malformed_original_time_falls_back_to_the_digitised():
    shot = shot_info(metadata({ORIGINAL: "0000:00:00 00:00:00", DIGITISED: "2024:05:06 07:08:09"}))
    assert shot.taken == datetime(2024, 5, 6, 7, 8, 9)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_implausible_flash_is_ignored(value):
    def directory(tag, kind, value, at):
        return struct.pack("<HHHI", 1, tag, kind, 1) + value + struct.pack("<I", at)

    exif = b"II*\0\x08\0\0\0" + directory(0x8769, 4, struct.pack("<I", 26), 0)
    exif += directory(0x9209, 11, struct.pack("<f", value), 0)
    assert shot_info(exif) == ShotInfo()


@pytest.mark.parametrize(("value", "rendered"), [(0, False), (1, True), (3, True), (4, False), (None, False)])
def test_special_processing_is_told(value, rendered):
    assert shot_info(metadata({} if value is None else {0xA401: value, TIME: IFDRational(1, 30)})).rendered is rendered


@pytest.mark.parametrize(
    ("software", "merges"),
    [("LightFuse 1.2 tone:3", True), ("Photomatix Pro 6.1", True), ("Adobe Lightroom 7.0", False), ("Ver.1.03", False)],
)
def test_programs_that_merge_exposures_are_known(software, merges):
    assert shot_info(metadata({}, {0x0131: software})).rendered is merges
