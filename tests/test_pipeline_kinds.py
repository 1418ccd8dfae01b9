"""Brackets of every kind of pixels from files to file: the result looks as that of the same scene in plain sRGB."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from builders.dng import dng_bytes
from builders.pictures import grey_profile, tiff_bytes
from PIL import Image

from lightfuse.colorspace import linear_to_srgb, srgb_to_linear
from lightfuse.fuser import Fuser
from lightfuse.images import convert_profile, is_grey, read_picture
from lightfuse.images.colour import adobe_rgb_profile, profile_of_cicp, rgb_profile
from lightfuse.options import FuseOptions
from lightfuse.pipeline import fuse, fuse_files

LINEAR = rgb_profile(gamma=1.0)
PROPHOTO = rgb_profile(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585), 1.8)
HEIGHT, WIDTH = 96, 144
EVS = (-3, 2)


@pytest.fixture(scope="module")
def fuser():
    return Fuser(threads=1)


def light(ev, height=HEIGHT, width=WIDTH):
    """A dim room with a bright window, in linear light of sRGB's primaries, unclipped."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    room = 0.02 + 0.1 * x + 0.03 * np.sin(40 * x) * np.sin(30 * y) ** 2
    scene = np.stack([room, 0.9 * room, 0.7 * room], axis=2)
    scene[height // 2 : -8, 10:40] = [0.3, 0.05, 0.04]
    scene[8 : height // 2, width // 2 : -10] = [4, 5, 6]
    return (scene * 2.0**ev).astype(np.float32)


def coded(ev, icc, dtype):
    """The exposure in a profile's values."""
    unit = linear_to_srgb(np.clip(light(ev), 0, 1)).astype(np.float32)
    unit = convert_profile(unit, None, icc)
    return unit if dtype == np.float32 else np.rint(unit * np.iinfo(dtype).max).astype(dtype)


def fused(folder, fuser, frames, suffix=".tif", *, name="out", **options):
    """Fuse TIFFs of these bytes; return the result and the report."""
    paths = [folder / f"{name}-{number}.tif" for number in range(len(frames))]
    for path, data in zip(paths, frames, strict=True):
        path.write_bytes(data)
    report = fuse_files(paths, folder / f"{name}{suffix}", fuser, FuseOptions(**options))
    return read_picture(folder / f"{name}{suffix}", transparent=True), report


def as_levels(picture):
    """The picture in sRGB, from 0 to 255."""
    srgb = convert_profile(picture.pixels, picture.metadata.icc, None)
    return srgb / (1 if srgb.dtype == np.float32 else np.iinfo(srgb.dtype).max) * 255


def tiffs(icc, dtype):
    return [tiff_bytes(coded(ev, icc, dtype), photometric="rgb", iccprofile=icc, metadata=None) for ev in EVS]


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize(
    "icc",
    [LINEAR, PROPHOTO, profile_of_cicp(9, 14), profile_of_cicp(12, 13), adobe_rgb_profile()],
    ids=["linear", "prophoto", "rec2020", "p3", "adobe"],
)
def test_other_profiles_give_the_result_of_srgb(tmp_path, fuser, icc, dtype):
    srgb, _ = fused(tmp_path, fuser, tiffs(None, dtype), name="srgb")
    picture, report = fused(tmp_path, fuser, tiffs(icc, dtype))
    assert picture.metadata.icc == icc
    assert picture.pixels.dtype == dtype
    assert report.notes == []
    difference = np.abs(as_levels(picture) - as_levels(srgb))
    assert difference.mean() < 0.3
    assert np.percentile(difference, 99) <= 2


def test_unclipped_linear_floats_are_fused_like_clipped_ones(tmp_path, fuser):
    clipped, _ = fused(tmp_path, fuser, tiffs(LINEAR, np.float32), name="clipped")
    data = [tiff_bytes(light(ev), photometric="rgb", iccprofile=LINEAR, metadata=None) for ev in EVS]
    picture, report = fused(tmp_path, fuser, data)
    assert np.abs(picture.pixels - clipped.pixels).max() < 0.01
    assert "its values up to 24 above white were clipped" in report.notes[0]


def test_eight_bits_of_linear_frames_are_written_in_srgb(tmp_path, fuser):
    srgb, _ = fused(tmp_path, fuser, tiffs(None, np.uint16), name="srgb")
    picture, report = fused(tmp_path, fuser, tiffs(LINEAR, np.uint16), ".jpg", compare=True, hdr=tmp_path / "hdr.jpg")
    assert picture.metadata.icc is None
    assert np.abs(as_levels(picture) - as_levels(srgb)).mean() < 2
    assert report.notes == ["8 bits are too few for the frames' linear colour profile: the result is in sRGB"]
    assert read_picture(tmp_path / "out-compare.jpg").metadata.icc is None
    assert np.abs(as_levels(read_picture(tmp_path / "hdr.jpg")) - as_levels(srgb)).mean() < 2


BROKEN = bytes(16) + b"RGB " + bytes(200)


def test_a_profile_that_cannot_be_used_is_kept_with_a_note(tmp_path, fuser):
    data = [tiff_bytes(coded(ev, None, np.uint8), photometric="rgb", iccprofile=BROKEN) for ev in EVS]
    picture, report = fused(tmp_path, fuser, data)
    assert picture.metadata.icc == BROKEN
    assert any("colour profile that cannot be used" in note for note in report.notes)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".dng", ".avif", ".jxl"])
@pytest.mark.parametrize("profile", ["broken", "grey"])
def test_hdr_pictures_are_made_of_what_is_fused_like_srgb(tmp_path, fuser, profile, suffix):
    """Of frames whose profile cannot be used, and of grey ones with sRGB's curve."""
    if suffix == ".jxl":
        pytest.importorskip("pyjpegxl")
    if profile == "grey":
        curve = np.rint(srgb_to_linear(np.linspace(0, 1, 1024)) * 65_535).astype(np.uint16)
        white = [0.3127, 0.329, 1]
        icc = bytes(imagecodecs.cms_profile("gray", whitepoint=white, transferfunction=curve))
        data = [tiff_bytes(coded(ev, None, np.uint8)[..., 0], iccprofile=icc, metadata=None) for ev in EVS]
    else:
        data = [tiff_bytes(coded(ev, None, np.uint8), photometric="rgb", iccprofile=BROKEN) for ev in EVS]
    fused(tmp_path, fuser, data, hdr=tmp_path / f"hdr{suffix}", compare=True)
    assert (tmp_path / f"hdr{suffix}").stat().st_size > 0


# ---- Grey


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("gamma", [2.2, 1.0])
def test_grey_frames_give_a_grey_result(tmp_path, fuser, dtype, gamma):
    most = np.iinfo(dtype).max
    unit = [np.clip(light(ev)[..., 1], 0, 1) for ev in EVS]
    icc = grey_profile(gamma)
    own = [np.rint(u ** (1 / gamma) * most).astype(dtype) for u in unit]
    plain = [np.rint(linear_to_srgb(u) * most).astype(dtype) for u in unit]
    srgb, _ = fused(tmp_path, fuser, [tiff_bytes(g, photometric="minisblack", metadata=None) for g in plain], name="s")
    data = [tiff_bytes(g, photometric="minisblack", iccprofile=icc, metadata=None) for g in own]
    picture, report = fused(tmp_path, fuser, data)
    assert srgb.grey
    assert picture.grey
    if not (gamma == 1.0 and dtype == np.uint8):
        assert picture.metadata.icc == icc
        assert report.notes == []
        difference = np.abs(as_levels(picture) - as_levels(srgb))
        assert difference.mean() < 1
    else:
        assert picture.metadata.icc is None
    assert tifffile.imread(tmp_path / "out.tif").shape == (HEIGHT, WIDTH)


def test_grey_and_colour_frames_give_srgb(tmp_path, fuser):
    grey = coded(EVS[0], None, np.uint8)[..., 1]
    data = [
        tiff_bytes(grey, photometric="minisblack", iccprofile=grey_profile(), metadata=None),
        tiff_bytes(coded(EVS[1], None, np.uint8), photometric="rgb", metadata=None),
    ]
    for order in (data, data[::-1]):
        picture, _ = fused(tmp_path, fuser, order, overwrite=True)
        assert not picture.grey
        assert not is_grey(picture.metadata.icc)


def test_formats_without_grey_say_so(tmp_path, fuser):
    data = [tiff_bytes(coded(ev, None, np.uint8)[..., 1], photometric="minisblack", metadata=None) for ev in EVS]
    picture, report = fused(tmp_path, fuser, data, ".webp")
    assert np.ptp(picture.pixels.astype(int), axis=2).max() <= 4
    assert report.notes == ["WebP is written in colour here, though the frames are grey; write JPEG, PNG or TIFF"]


# ---- Transparency


def masked(ev, dtype, mask):
    pixels, top = coded(ev, None, dtype), np.iinfo(dtype).max
    rgba = np.dstack([np.where(mask[..., None], pixels, 0), np.where(mask, top, 0)]).astype(dtype)
    return tiff_bytes(rgba, photometric="rgb", extrasamples=["unassalpha"], metadata=None)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_frames_count_where_they_are_opaque(tmp_path, fuser, dtype):
    masks = [np.ones((HEIGHT, WIDTH), bool), np.ones((HEIGHT, WIDTH), bool)]
    masks[0][:, :12] = False
    masks[1][:, -9:] = False
    for mask in masks:
        mask[:10] = False
    whole, _ = fused(tmp_path, fuser, tiffs(None, dtype), name="whole", align="off")
    picture, report = fused(tmp_path, fuser, [masked(ev, dtype, m) for ev, m in zip(EVS, masks, strict=True)])
    top = np.iinfo(dtype).max
    np.testing.assert_array_equal(picture.alpha == top, masks[0] | masks[1])
    assert (picture.alpha[:10] == 0).all()
    difference = np.abs(picture.pixels[10:] / top - whole.pixels[10:] / top) * 255
    assert difference.mean() < 3
    assert difference[:, :12].mean() < 8
    assert report.notes == []


def test_frames_of_the_stack_keep_their_transparency(tmp_path, fuser):
    masks = [np.ones((HEIGHT, WIDTH), bool), np.ones((HEIGHT, WIDTH), bool)]
    masks[0][:, :12] = False
    masks[1][:10] = False
    fused(
        tmp_path, fuser, [masked(ev, np.uint8, m) for ev, m in zip(EVS, masks, strict=True)], stack=tmp_path / "stack"
    )
    for path, mask in zip(sorted((tmp_path / "stack").iterdir()), masks, strict=True):
        np.testing.assert_array_equal(read_picture(path, transparent=True).alpha, np.where(mask, 65_535, 0))


def test_formats_without_transparency_say_so(tmp_path, fuser):
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[:10] = False
    picture, report = fused(tmp_path, fuser, [masked(ev, np.uint8, mask) for ev in EVS], ".jpg")
    assert picture.pixels[:6].max() < 10
    assert "JPEG is written without transparency" in report.notes[0]


# ---- 360° pictures


def test_wrapped_pictures_have_no_seam(tmp_path, fuser):
    """The brightness falls all the way round, so that left and right edge see different halves of the scene."""
    turn = np.linspace(0, 2 * np.pi, 384, endpoint=False)
    bright = 0.02 + 0.5 * (1 + np.cos(turn - 1.0)) ** 3 / 8 + 0.01 * np.sin(24 * turn)
    scene = (
        np.repeat(np.repeat(bright[None, :, None], 192, axis=0), 3, axis=2) * np.linspace(0.6, 1.4, 192)[:, None, None]
    )
    for number, ev in enumerate((-2, 3)):
        frame = np.rint(linear_to_srgb(np.clip(scene * 2.0**ev, 0, 1)) * 255).astype(np.uint8)
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
        Image.fromarray(np.roll(frame, 192, axis=1)).save(tmp_path / f"r{number}.png")
    results = []
    for name in ("", "r"):
        paths = [tmp_path / f"{name}{number}.png" for number in (0, 1)]
        fuse_files(paths, tmp_path / f"{name}out.png", fuser, FuseOptions(wrap=True))
        results.append(read_picture(tmp_path / f"{name}out.png").pixels.astype(int))
    plain, rolled = results[0], np.roll(results[1], -192, axis=1)
    assert np.abs(plain - rolled).max() <= 1  # Wherever the picture is cut, it is the same.
    steps = np.abs(plain - np.roll(plain, 1, axis=1)).mean(axis=(0, 2))
    assert steps[0] <= steps[[1, 2, 3, -1, -2, -3]].mean() + 1


# ---- Files of scientific programs


def test_pages_of_one_tiff_are_frames(tmp_path, fuser):
    pages = np.stack([coded(ev, None, np.uint16)[..., 1] for ev in (-3, 0, 2)])
    apart, _ = fused(tmp_path, fuser, [tiff_bytes(page, photometric="minisblack", metadata=None) for page in pages])
    together, report = fused(tmp_path, fuser, [tiff_bytes(pages, photometric="minisblack")], name="stack")
    np.testing.assert_array_equal(together.pixels, apart.pixels)
    assert report.exposures == [f"{tmp_path / 'stack-0.tif'} (page {number})" for number in (1, 2, 3)]


def test_pages_and_raw_files_are_read_the_same_without_writing_a_file(tmp_path, fuser):
    pages = np.stack([coded(ev, None, np.uint16)[..., 1] for ev in EVS])
    together, _ = fused(tmp_path, fuser, [tiff_bytes(pages, photometric="minisblack")])
    np.testing.assert_array_equal(fuse(tmp_path / "out-0.tif"), together.pixels)
    pytest.importorskip("rawpy")
    for name, ev, neutral in (("dark", -3, (0.6, 1.0, 0.5)), ("bright", 0, (0.5, 1.0, 0.625))):
        (tmp_path / f"{name}.dng").write_bytes(dng_bytes(np.clip(light(ev)[..., 1], 0, 1), neutral=neutral))
    paths = [tmp_path / "dark.dng", tmp_path / "bright.dng"]
    fuse_files(paths, tmp_path / "raw.tif", fuser)
    np.testing.assert_array_equal(fuse(*paths), read_picture(tmp_path / "raw.tif").pixels)


@pytest.mark.parametrize("bits", [12, 14])
def test_white_level_is_suggested_and_obeyed(tmp_path, fuser, bits):
    full, white = [coded(ev, None, np.uint16) for ev in EVS], 2**bits - 1
    data = [tiff_bytes(pixels >> 16 - bits, photometric="rgb", metadata=None) for pixels in full]
    _, report = fused(tmp_path, fuser, data, name="dark")
    assert report.notes == [
        f"the pictures hardly use their 16 bits: the largest value is {white}; "
        f"if white is {white}, give --white-level {white}"
    ]
    expected, _ = fused(tmp_path, fuser, tiffs(None, np.uint16), name="full")
    picture, report = fused(tmp_path, fuser, data, white_level=white)
    assert report.notes == []
    assert np.abs(as_levels(picture) - as_levels(expected)).max() < 1


def test_adobe_rgb_by_exif_is_embedded_and_mixed_with_srgb(tmp_path, fuser):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    for number, ev in enumerate(EVS):
        for name, icc in (("adobe", adobe_rgb_profile()), ("srgb", None)):
            stream = io.BytesIO()
            Image.fromarray(coded(ev, icc, np.uint8)).save(stream, "PNG", **({"exif": exif} if icc else {}))
            (tmp_path / f"{name}{number}.png").write_bytes(stream.getvalue())
    results = {}
    for names in (("srgb0", "srgb1"), ("adobe0", "adobe1"), ("adobe0", "srgb1"), ("srgb0", "adobe1")):
        output = tmp_path / f"{'-'.join(names)}.png"
        fuse_files([tmp_path / f"{name}.png" for name in names], output, fuser)
        results[names] = read_picture(output)
    assert results["adobe0", "adobe1"].metadata.icc == adobe_rgb_profile()
    expected = as_levels(results["srgb0", "srgb1"])
    assert all(np.abs(as_levels(picture) - expected).mean() < 2 for picture in results.values())


def cropped(ev, x, y, width=110, height=80):
    """A part of the exposure as nona writes it: its position on the canvas in tags."""
    part = coded(ev, None, np.uint8)[y : y + height, x : x + width]
    tags = [(286, "2I", 1, (x, 150), True), (287, "2I", 1, (y, 150), True)]
    tags += [(33300, "I", 1, WIDTH, True), (33301, "I", 1, HEIGHT, True)]
    return tiff_bytes(part, photometric="rgb", metadata=None, resolution=(150, 150), extratags=tags)


def test_parts_of_a_canvas_are_fused_in_their_places(tmp_path, fuser):
    whole, _ = fused(tmp_path, fuser, tiffs(None, np.uint8), name="whole", align="off")
    picture, report = fused(tmp_path, fuser, [cropped(EVS[0], 20, 5), cropped(EVS[1], 24, 12)])
    assert picture.metadata.place == (20, 5, WIDTH, HEIGHT)
    assert picture.pixels.shape == (87, 114, 3)
    assert (picture.alpha[:7, 110:] == 0).all()
    both = slice(7, 80), slice(4, 110)
    wrapped, _ = fused(tmp_path, fuser, [cropped(EVS[0], 20, 5), cropped(EVS[1], 24, 12)], name="wrapped", wrap=True)
    np.testing.assert_array_equal(wrapped.pixels, picture.pixels)  # The edges of a part are no neighbours.
    expected = whole.pixels[5:92, 20:134]
    difference = np.abs(picture.pixels[both].astype(int) - expected[both]).mean()
    assert difference < 6
    assert report.notes == []
