"""The extra output ``stack``: frames that another program can go on with."""

import shutil
import subprocess

import numpy as np
import pytest
import tifffile
from builders.motion import HERE, THERE, moved, room, with_disc
from builders.photographs import write_shot
from PIL import Image

from lightfuse import FuseOptions, Fuser, OutputError, PictureError, fuse_files
from lightfuse.images import read_picture
from tools.synthetic import Camera, HandShake, sample_bracket

SHAKE = HandShake((0.02, -0.015), 1.3, (0.004, -0.003))


@pytest.fixture(scope="module")
def fuser():
    return Fuser("small")


@pytest.fixture(scope="module")
def brackets():
    return [sample_bracket(360, 240, (2.0, 5.0), shake=shake) for shake in (SHAKE, None)]


@pytest.fixture
def hand_held(tmp_path, brackets):
    """The files of two exposures, the brighter one shaken; and the frames as they were without the shake."""
    shaken, still = brackets
    for number, (pixels, time) in enumerate(zip(shaken.pictures, (0.01, 0.08), strict=True)):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x829A] = time
        Image.fromarray(pixels).save(tmp_path / f"IMG_{number}.jpg", quality=97, exif=exif)
    return [tmp_path / "IMG_1.jpg", tmp_path / "IMG_0.jpg"], still.pictures


def error(one, other):
    """Root mean square difference in 8-bit levels, without the border."""
    inside = (slice(20, -20), slice(20, -20))
    return float(np.sqrt(np.mean((one[inside].astype(float) - other[inside]) ** 2)))


def test_the_stack_holds_aligned_frames_with_their_exif(hand_held, fuser, tmp_path):
    files, still = hand_held
    report = fuse_files(files, tmp_path / "out.jpg", fuser, FuseOptions(stack=tmp_path / "stack"))
    paths = [tmp_path / "stack" / name for name in ("01-IMG_0.tif", "02-IMG_1.tif")]
    assert report.extra_outputs == [str(path) for path in paths]
    assert sorted((tmp_path / "stack").iterdir()) == paths
    for path, pixels, time in zip(paths, still, (0.01, 0.08), strict=True):
        picture = read_picture(path)
        assert picture.pixels.dtype == np.uint16
        assert error(picture.pixels / 257, pixels) < 12
        with Image.open(path) as image:
            assert float(image.getexif().get_ifd(0x8769)[0x829A]) == pytest.approx(time)
            assert image.getexif()[0x0131].startswith("LightFuse")
    assert error(read_picture(files[0]).pixels, still[1]) > 25


@pytest.mark.slow
def test_enfuse_goes_on_with_the_stack(hand_held, fuser, tmp_path):
    if shutil.which("enfuse") is None:
        pytest.skip("enfuse is not installed")
    files, still = hand_held
    fuse_files(files, tmp_path / "out.jpg", fuser, FuseOptions(stack=tmp_path / "stack"))
    for number, pixels in enumerate(still):
        tifffile.imwrite(tmp_path / f"still-{number}.tif", pixels, photometric="rgb")

    def fused(*inputs):
        subprocess.run(["enfuse", "-o", tmp_path / "enfused.tif", *inputs], check=True, capture_output=True)
        pixels = tifffile.imread(tmp_path / "enfused.tif")[..., :3]
        return pixels / (257 if pixels.dtype == np.uint16 else 1)

    wanted = fused(*sorted(tmp_path.glob("still-*.tif")))
    assert error(fused(*sorted((tmp_path / "stack").iterdir())), wanted) < 0.4 * error(fused(*files), wanted)


def test_every_frame_is_in_the_stack_also_where_not_all_are_fused(tmp_path, fuser):
    for number, ev in enumerate((-2, 0, 2)):
        write_shot(tmp_path / f"{number}.jpg", ev, size=(64, 64))
    files = sorted(tmp_path.glob("*.jpg"))
    options = FuseOptions(stack=tmp_path / "stack", exposures="extremes")
    report = fuse_files(files, tmp_path / "out.png", fuser, options)
    assert len(report.fused) == 2
    assert [path.name for path in sorted((tmp_path / "stack").iterdir())] == ["01-0.tif", "02-1.tif", "03-2.tif"]


@pytest.mark.slow
def test_strip_leaves_exif_out_of_the_stack(hand_held, fuser, tmp_path):
    fuse_files(hand_held[0], tmp_path / "out.jpg", fuser, FuseOptions(stack=tmp_path / "stack", strip=True))
    with Image.open(tmp_path / "stack" / "01-IMG_0.tif") as image:
        assert not image.getexif().get_ifd(0x8769)


@pytest.mark.slow
def test_a_stack_that_is_there_is_replaced_only_with_overwrite(hand_held, fuser, tmp_path):
    options = {"stack": tmp_path / "stack", "align": "off", "deghost": "off"}
    fuse_files(hand_held[0], tmp_path / "out.jpg", fuser, FuseOptions(**options))
    with pytest.raises(OutputError, match="stack holds TIFF files already; give another folder, or --overwrite"):
        fuse_files(hand_held[0], tmp_path / "new.jpg", fuser, FuseOptions(**options))
    assert not (tmp_path / "new.jpg").exists()
    fuse_files(hand_held[0], tmp_path / "new.jpg", fuser, FuseOptions(**options, overwrite=True))


def test_a_stack_that_cannot_be_a_folder_is_refused(hand_held, fuser, tmp_path):
    with pytest.raises(OutputError, match=r"IMG_0\.jpg cannot be made"):
        fuse_files(hand_held[0], tmp_path / "out.jpg", fuser, FuseOptions(stack=tmp_path / "IMG_0.jpg"))
    assert not (tmp_path / "out.jpg").exists()


def test_nothing_is_written_where_exposures_cannot_be_merged_to_an_hdr_picture(tmp_path, fuser):
    """Black and white have no tone in common, and without EXIF nothing says how far apart they are."""
    files = [tmp_path / "black.png", tmp_path / "white.png"]
    for path, level in zip(files, (0, 255), strict=True):
        Image.fromarray(np.full((48, 64, 3), level, np.uint8)).save(path)
    with pytest.raises(PictureError, match="no tones in common"):
        fuse_files(files, tmp_path / "out.png", fuser, FuseOptions(hdr=tmp_path / "hdr.jpg"))
    assert sorted(tmp_path.iterdir()) == sorted(files)


@pytest.mark.parametrize("level", [0.3, 2.0])
def test_the_merged_light_shows_the_moment_that_the_picture_shows(tmp_path, fuser, level):
    """A disc that moved stands in the light where it stands in one exposure, as bright as there, and nowhere else."""
    pair = moved(level)
    for name, pixels in (("under", pair.under), ("over", pair.over)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    files = [tmp_path / "under.png", tmp_path / "over.png"]
    fuse_files(files, tmp_path / "out.png", fuser, FuseOptions(hdr=tmp_path / "light.tif", align="off"))
    light, empty = tifffile.imread(tmp_path / "light.tif").mean(axis=2), room().mean(axis=2)
    unit = np.median(light / empty)
    found = []
    for place in (HERE, THERE):
        lit, inside = with_disc(room(), place, level)
        above = np.log2(light[inside].mean() / unit / empty[inside].mean())
        found.append(above / np.log2(lit[inside].mean() / room()[inside].mean()))  # 1 is the disc, 0 the bare room.
    assert sorted(found) == pytest.approx([0, 1], abs=0.1)


@pytest.fixture(scope="module")
def passing(tmp_path_factory):
    """The folder of five exposures, of which two are fused, of a disc that passes through a room; and its places."""
    folder, camera = tmp_path_factory.mktemp("passing"), Camera()
    places = ((90, 170), (130, 168), (165, 168), (200, 168), (240, 165))
    for number, place in enumerate(places):
        pixels = camera.photograph(with_disc(room(), place, 0.3)[0], number - 2, seed=number)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder, [with_disc(room(), place, 0.3, radius=14)[1] for place in places]


def is_in_one_place(levels):
    return sorted(levels)[-2] < 0.7 * max(levels)


@pytest.mark.parametrize("name", ["light.jpg", "light.avif", "light.tif", "light.hdr"])
def test_merged_light_of_many_exposures_shows_one_moment(tmp_path, monkeypatch, fuser, passing, name):
    """The picture's, where the file shows the picture."""
    folder, discs = passing
    merged = []
    monkeypatch.setattr("lightfuse.hdr.files.write_hdr", lambda _path, _fused, light, *_, **__: merged.append(light))
    options = FuseOptions(hdr=tmp_path / name, align="off")
    report = fuse_files(sorted(folder.iterdir()), tmp_path / "out.png", fuser, options)
    assert len(report.fused) < len(discs)
    picture, light = read_picture(tmp_path / "out.png").pixels.mean(axis=2), (merged[0] / room()).mean(axis=2)
    in_picture, in_light = ([plane[disc].mean() for disc in discs] for plane in (picture, light))
    assert is_in_one_place(in_picture)
    assert is_in_one_place(in_light)
    assert name in ("light.tif", "light.hdr") or np.argmax(in_picture) == np.argmax(in_light)


def test_extra_outputs_leave_the_picture_as_it_is(tmp_path, fuser, passing):
    files, plain = sorted(passing[0].iterdir()), FuseOptions(align="off")
    extra = FuseOptions(align="off", hdr=tmp_path / "light.jpg", stack=tmp_path / "stack")
    for name, options in (("plain.png", plain), ("extra.png", extra)):
        fuse_files(files, tmp_path / name, fuser, options)
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "extra.png").read_bytes()
