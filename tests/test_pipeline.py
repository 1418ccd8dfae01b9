"""The pipeline: pictures from anywhere in, one fused picture out, with the base exposure's metadata."""

import functools
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import lightfuse
from lightfuse.errors import OutputError, PictureError, WeightsError
from lightfuse.fuser import Fuser
from lightfuse.images import EncodeOptions, convert_profile, read_picture
from lightfuse.images.colour import rgb_profile
from lightfuse.options import FuseOptions
from lightfuse.pipeline import fuse_files

WIDTH, HEIGHT = 240, 160  # Of the sample pair.
ORIENTATION, DESCRIPTION = 0x0112, 0x010E


@pytest.fixture(scope="module")
def fuser():
    return Fuser(threads=1)


@functools.cache  # Pillow writes the second of its making into it.
def srgb(description):
    """An sRGB profile, told apart by trailing bytes."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + description.encode()


def exif(description, orientation=1):
    block = Image.Exif()
    block[DESCRIPTION], block[ORIENTATION] = description, orientation
    return block


def as_float(picture):
    return picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)


# ---- lightfuse.fuse ---------------------------------------------------------------------------------------------


def test_paths_arrays_and_pil_pictures_give_the_same(folder, pair):
    expected = Fuser(threads=1)(*pair)
    under, over = folder / "under.png", folder / "over.png"
    assert np.array_equal(lightfuse.fuse(under, over), expected)
    assert np.array_equal(lightfuse.fuse(str(over), str(under), threads=2), expected)
    assert np.array_equal(lightfuse.fuse(*pair), expected)
    assert np.array_equal(lightfuse.fuse(*map(Image.fromarray, pair)), expected)
    with Image.open(under) as opened:
        assert np.array_equal(lightfuse.fuse(opened, pair[1]), expected)


def test_the_inputs_are_left_alone(pair):
    kept = [picture.copy() for picture in pair]
    lightfuse.fuse(*pair)
    assert all(np.array_equal(a, b) for a, b in zip(pair, kept, strict=True))


def test_sixteen_bits_stay_sixteen(folder, pair16):
    expected = Fuser(threads=1)(*pair16)
    assert expected.dtype == np.uint16
    assert np.array_equal(lightfuse.fuse(folder / "under16.png", folder / "over16.tif"), expected)


def test_of_two_depths_the_wider_is_taken(pair, pair16, fuser):
    mixed = lightfuse.fuse(pair[0], pair16[1])
    assert mixed.dtype == np.uint16
    assert np.array_equal(mixed, fuser(pair[0].astype(np.uint16) * np.uint16(257), pair16[1]))
    floats = lightfuse.fuse(as_float(pair16[0]), pair[1])
    assert floats.dtype == np.float32
    assert np.array_equal(floats, fuser(as_float(pair16[0]), as_float(pair[1])))
    assert np.array_equal(lightfuse.fuse(as_float(pair[0]), pair16[1]), fuser(as_float(pair[0]), as_float(pair16[1])))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_pil_pictures_a_person_would_expect_are_taken(pair, fuser, mode):
    pictures = [Image.fromarray(picture).convert(mode) for picture in pair]
    plain = [np.asarray(picture.convert("RGB")).copy() for picture in pictures]
    assert np.array_equal(lightfuse.fuse(*pictures), fuser(*plain))


def test_a_pil_picture_of_sixteen_bits_keeps_them(pair16, fuser):
    grey = [np.ascontiguousarray(picture[:, :, 1]) for picture in pair16]
    expected = fuser(*(np.dstack([plane] * 3) for plane in grey))
    fused = lightfuse.fuse(*map(Image.fromarray, grey))
    assert fused.dtype == np.uint16
    assert np.array_equal(fused, expected)


def test_pil_pictures_that_cannot_be_fused_are_named(pair):
    opaque, over = Image.fromarray(pair[0]), pair[1]
    clear = opaque.convert("RGBA")
    clear.putpixel((3, 4), (0, 0, 0, 100))
    with pytest.raises(PictureError, match="partly transparent"):
        lightfuse.fuse(clear, over)
    with pytest.raises(PictureError, match="CMYK; convert it to RGB"):
        lightfuse.fuse(opaque.convert("CMYK"), over)


@pytest.mark.parametrize("source", [None, 7, [[1, 2, 3]], object()])
def test_what_is_no_picture_is_refused(pair, source):
    with pytest.raises(PictureError, match="must be a path, an array or a PIL picture"):
        lightfuse.fuse(source, pair[1])


def test_bad_arrays_weights_and_files_are_refused(pair, folder):
    with pytest.raises(PictureError, match="picture 1 is 240×160, picture 2 is 239×160"):
        lightfuse.fuse(pair[0], pair[1][:, 1:])
    with pytest.raises(PictureError, match="float64"):
        lightfuse.fuse(pair[0] / 255, pair[1])
    with pytest.raises(PictureError, match=r"gone\.png does not exist"):
        lightfuse.fuse(folder / "gone.png", pair[1])
    with pytest.raises(WeightsError, match="nothing-like-it"):
        lightfuse.fuse(*pair, model="nothing-like-it")


def test_weights_may_be_a_file(pair, random_weights):
    fused = lightfuse.fuse(*pair, model=random_weights)
    assert np.array_equal(fused, Fuser(random_weights)(*pair))
    assert not np.array_equal(fused, lightfuse.fuse(*pair))


# ---- fuse_files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_files_hold_what_the_fuser_made(folder, fuser, pair, pair16, suffix):
    for names, pictures in ((("under.png", "over.png"), pair), (("under16.png", "over16.tif"), pair16)):
        out = folder / f"out-{pictures[0].dtype}{suffix}"
        fuse_files([folder / name for name in names], out, fuser)
        assert np.array_equal(read_picture(out).pixels, fuser(*pictures))


def test_the_order_of_the_files_does_not_matter(folder, fuser):
    reports = []
    for order in (("under.jpg", "over.jpg"), ("over.jpg", "under.jpg")):
        out = folder / f"{order[0]}-first.jpg"
        reports.append(fuse_files([folder / name for name in order], out, fuser))
    assert (folder / "under.jpg-first.jpg").read_bytes() == (folder / "over.jpg-first.jpg").read_bytes()
    for report in reports:
        assert report.exposures == report.fused == [str(folder / "under.jpg"), str(folder / "over.jpg")]
        assert (report.width, report.height, report.model) == (WIDTH, HEIGHT, "base")
        assert report.seconds.keys() == {"read", "fuse", "write"}
        assert report.notes == []


def test_of_two_depths_in_files_the_wider_is_written(folder, fuser, pair, pair16):
    fuse_files([folder / "under.png", folder / "over16.png"], folder / "out.png", fuser)
    expected = fuser(pair[0].astype(np.uint16) * np.uint16(257), pair16[1])
    assert np.array_equal(read_picture(folder / "out.png").pixels, expected)


def test_sixteen_bits_of_eight_are_computed_in_sixteen(folder, fuser, pair):
    options = FuseOptions(encode=EncodeOptions(bit_depth=16))
    fuse_files([folder / "under.png", folder / "over.png"], folder / "out.png", fuser, options)
    expected = fuser(*(picture.astype(np.uint16) * np.uint16(257) for picture in pair))
    assert np.array_equal(read_picture(folder / "out.png").pixels, expected)
    assert len(np.unique(expected)) > 256


def test_alpha_gets_the_depth_of_the_picture(tmp_path, fuser, pair, pair16):
    opaque = np.full(pair[0].shape[:2], 255, np.uint8)
    opaque[:8] = 0
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([pair[0], opaque]), photometric="rgb", extrasamples=["unassalpha"])
    deep = np.dstack([pair16[1], opaque * np.uint16(257)])
    tifffile.imwrite(tmp_path / "b.tif", deep, photometric="rgb", extrasamples=["unassalpha"])
    fuse_files([tmp_path / "a.tif", tmp_path / "b.tif"], tmp_path / "out.tif", fuser)
    assert set(np.unique(tifffile.imread(tmp_path / "out.tif")[..., 3])) == {0, 65535}


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize(("base", "levels"), [("under", (110, 230)), ("over", (20, 140))])
def test_metadata_of_the_exposure_nearest_the_middle_is_kept(tmp_path, fuser, suffix, base, levels):
    under, over = (np.full((16, 16, 3), level, np.uint8) for level in levels)
    for name, pixels in (("under", under), ("over", over)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.{suffix}", exif=exif(name), icc_profile=srgb(name))
    report = fuse_files([tmp_path / f"{n}.{suffix}" for n in ("under", "over")], tmp_path / f"out.{suffix}", fuser)
    with Image.open(tmp_path / f"out.{suffix}") as out:
        assert out.getexif()[DESCRIPTION] == base
        assert out.info["icc_profile"] == srgb(base)
    assert report.notes == []  # Two profiles that mean the same are no news.


def test_frames_are_converted_to_the_base_exposures_colours(tmp_path, fuser, pair):
    """The over-exposed frame is dark enough here to be the base; the under-exposed one is in another gamma."""
    under, over = (np.uint8(picture * scale) for picture, scale in zip(pair, (0.5, 0.75), strict=True))
    wide = rgb_profile(gamma=1.8)
    Image.fromarray(under).save(tmp_path / "under.png", icc_profile=wide)
    Image.fromarray(over).save(tmp_path / "over.png")
    report = fuse_files([tmp_path / "under.png", tmp_path / "over.png"], tmp_path / "out.png", fuser)
    expected = fuser(convert_profile(under, wide, None), over)
    assert np.array_equal(read_picture(tmp_path / "out.png").pixels, expected)
    assert report.notes == [f"{tmp_path / 'under.png'}: converted to the colour profile of {tmp_path / 'over.png'}"]


@pytest.mark.parametrize("orientation", [3, 6])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_pictures_are_turned_upright(tmp_path, fuser, pair, orientation, suffix):
    for name, pixels in zip(("under", "over"), pair, strict=True):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png", exif=exif(name, orientation))
    fuse_files([tmp_path / "under.png", tmp_path / "over.png"], tmp_path / f"out.{suffix}", fuser)
    with Image.open(tmp_path / f"out.{suffix}") as out:
        assert out.getexif()[ORIENTATION] == 1
        assert out.size == ((WIDTH, HEIGHT) if orientation == 3 else (HEIGHT, WIDTH))
        written = np.asarray(out)
    expected = fuser(*(np.rot90(picture, {3: 2, 6: -1}[orientation]) for picture in pair))
    assert np.abs(written.astype(int) - expected).mean() <= (0 if suffix == "png" else 3)


def test_a_turned_picture_and_an_upright_one_fit(tmp_path, fuser, pair):
    Image.fromarray(pair[0]).save(tmp_path / "under.png")
    Image.fromarray(np.ascontiguousarray(np.rot90(pair[1]))).save(tmp_path / "over.png", exif=exif("over", 6))
    fuse_files([tmp_path / "under.png", tmp_path / "over.png"], tmp_path / "out.png", fuser)
    assert np.array_equal(read_picture(tmp_path / "out.png").pixels, fuser(*pair))


def test_what_was_odd_about_a_file_is_noted_with_its_name(tmp_path, fuser, pair):
    Image.fromarray(pair[0]).save(tmp_path / "under.jpg", exif=b"Exif\0\0II*\0not EXIF")
    Image.fromarray(pair[1]).save(tmp_path / "over.jpg")
    report = fuse_files([tmp_path / "under.jpg", tmp_path / "over.jpg"], tmp_path / "out.jpg", fuser)
    assert report.notes == [f"{tmp_path / 'under.jpg'}: its EXIF is corrupt and was left out"]


@pytest.mark.parametrize("picture", ["grey", "palette", "opaque alpha"])
def test_files_a_person_would_expect_are_fused(tmp_path, fuser, pair, picture):
    mode = {"grey": "L", "palette": "P", "opaque alpha": "RGBA"}[picture]
    images = [Image.fromarray(pixels).convert(mode) for pixels in pair]
    for name, image in zip(("under", "over"), images, strict=True):
        image.save(tmp_path / f"{name}.png")
    fuse_files([tmp_path / "under.png", tmp_path / "over.png"], tmp_path / "out.png", fuser)
    expected = fuser(*(np.asarray(image.convert("RGB")) for image in images))
    assert np.array_equal(read_picture(tmp_path / "out.png").pixels, expected)


def test_quality_is_obeyed(folder, fuser):
    inputs = [folder / "under.jpg", folder / "over.jpg"]
    for quality in (30, 95):
        fuse_files(inputs, folder / f"{quality}.jpg", fuser, FuseOptions(encode=EncodeOptions(quality)))
    assert (folder / "30.jpg").stat().st_size * 2 < (folder / "95.jpg").stat().st_size


def test_an_output_that_appears_while_fusing_is_not_replaced(folder, fuser):
    class Slow(Fuser):
        def fuse(self, under, over, out=None, context=None):
            (folder / "out.png").write_text("someone else's")
            return super().fuse(under, over, out, context)

    with pytest.raises(OutputError, match="already exists"):
        fuse_files([folder / "under.png", folder / "over.png"], folder / "out.png", Slow(threads=1))
    assert (folder / "out.png").read_text() == "someone else's"
    assert not list(folder.glob("*.part")) + list(folder.glob(".*.part"))


def test_nothing_is_read_when_the_output_is_no_good(folder, fuser):
    with pytest.raises(OutputError, match="nowhere"):
        fuse_files([folder / "gone", folder / "gone too"], folder / "nowhere" / "out.png", fuser)
    with pytest.raises(OutputError, match=r"'\.gif' is not a picture suffix"):
        fuse_files([folder / "gone", folder / "gone too"], "-", fuser, FuseOptions(stdout_suffix=".gif"))


def test_closed_standard_streams_are_named(folder, fuser, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PictureError, match="standard input is closed"):
        fuse_files(["-", folder / "over.png"], folder / "out.png", fuser)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="standard output is closed"):
        fuse_files([folder / "under.png", folder / "over.png"], "-", fuser)


# ---- Frames that are not one scene --------------------------------------------------------------------------------


def test_frames_of_different_scenes_are_noted_or_refused(folder, fuser, pair):
    Image.fromarray(pair[1][::-1, ::-1]).save(folder / "other.png")
    files, out = [folder / "under.png", folder / "other.png"], folder / "out.png"
    with pytest.raises(PictureError, match=r"other\.png do not seem to show one scene \(similarity 0\."):
        fuse_files(files, out, fuser, FuseOptions(require_one_scene=True))
    assert not out.exists()
    (note,) = fuse_files(files, out, fuser).notes
    assert "other.png do not seem to show one scene" in note
    assert note.endswith("check that they belong together")
    assert fuse_files([folder / "under.png", folder / "over.png"], folder / "good.png", fuser).notes == []
