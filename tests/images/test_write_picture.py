"""Pictures written: right pixels by an independent reader, and nothing but whole files under the right name."""

import io
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from builders.errors import write_error
from builders.pictures import photo
from PIL import Image

from lightfuse import system as system_module
from lightfuse.errors import OutputError
from lightfuse.images import SUFFIXES, EncodeOptions, check_output, encode_picture, read_picture, write_picture
from lightfuse.images import write as write_module
from lightfuse.images.pixels import to_depth


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def names(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_eight_bit_pixels_are_written_exactly(suffix):
    np.testing.assert_array_equal(by_pillow(encode_picture(photo(), suffix)), photo())


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG", ".webp"])
def test_lossy_formats_keep_colours(suffix):
    assert np.abs(by_pillow(encode_picture(photo(), suffix)).astype(int) - photo()).mean() < 2


def test_sixteen_bit_png_is_written_exactly():
    data = np.frombuffer(encode_picture(photo(dtype=np.uint16), ".png"), np.uint8)
    written = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written[:, :, ::-1], photo(dtype=np.uint16))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("size", [(40, 60), (1, 1), (300, 900), (3, 1)])
def test_deep_tiff_is_written_exactly(dtype, size):
    pixels = np.random.default_rng(0).random((*size, 3)).astype(np.float32)
    if dtype == np.uint16:
        pixels = (pixels * 65535).astype(np.uint16)
    written = tifffile.imread(io.BytesIO(encode_picture(pixels, ".tif")))
    assert written.dtype == dtype
    np.testing.assert_array_equal(written.reshape(pixels.shape), pixels)


@pytest.mark.parametrize("size", [(1, 1), (3, 1)])
def test_odd_sized_tiff_is_read_by_pillow(size):
    np.testing.assert_array_equal(by_pillow(encode_picture(photo(*size), ".tif")), photo(*size))


def test_every_sixteen_bit_value_rounds_to_its_nearest_eight_bit_level():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = np.dstack([values] * 3)
    np.testing.assert_array_equal(to_depth(pixels, 8), np.rint(pixels / 257))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_deep_pixels_are_rounded_for_eight_bit_formats(suffix):
    eight = encode_picture(photo(), suffix)
    assert encode_picture(photo().astype(np.uint16) * 257, suffix) == eight
    assert encode_picture(photo().astype(np.float32) / 255, suffix) == eight


def test_float_pixels_become_sixteen_bits_in_png():
    pixels = np.random.default_rng(0).random((70, 5, 3)).astype(np.float32)
    pixels[0, 0] = [0, 1, 1.5]
    written = read_picture(encode_picture(pixels, ".png")).pixels
    np.testing.assert_array_equal(written, np.rint(np.clip(pixels, 0, 1) * np.float32(65535)).astype(np.uint16))


def test_pixels_of_any_memory_layout_are_written():
    turned = photo()[::-1, ::2]
    for suffix in (".png", ".tif"):
        np.testing.assert_array_equal(by_pillow(encode_picture(turned, suffix)), turned)


@pytest.mark.parametrize(("quality", "sampling"), [(95, (1, 1)), (90, (1, 1)), (89, (2, 2))])
def test_chroma_is_halved_only_below_quality_90(quality, sampling):
    image = Image.open(io.BytesIO(encode_picture(photo(), ".jpg", options=EncodeOptions(quality))))
    assert image.layer[0][1:3] == sampling


def test_quality_sets_the_size():
    rough = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for suffix in (".jpg", ".webp"):
        low, high = (encode_picture(rough, suffix, options=EncodeOptions(quality)) for quality in (50, 95))
        assert len(low) < len(high)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_quality_out_of_range_is_refused(quality):
    assert f"quality is {quality}" in write_error(encode_picture, photo(), ".jpg", options=EncodeOptions(quality))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), int),
    ],
    ids=["flat", "five", "empty", "int64"],
)
def test_arrays_that_are_not_rgb_are_refused(pixels):
    assert "pixels" in write_error(encode_picture, pixels, ".png")


def test_nan_pixels_are_refused():
    pixels = photo(dtype=np.float32)
    pixels[0, 0, 0] = np.nan
    assert "not finite" in write_error(encode_picture, pixels, ".tif")


@pytest.mark.parametrize(("suffix", "width"), [(".webp", 16_384), (".jpg", 65_501)])
def test_pictures_too_wide_for_a_format_are_refused(suffix, width):
    sentence = write_error(encode_picture, np.zeros((1, width, 3), np.uint8), suffix)
    assert SUFFIXES[suffix] in sentence
    assert "write PNG or TIFF" in sentence


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "deep.tif", "with space.webp", "夜.JPEG", "n" * 251 + ".png"])
def test_write_leaves_only_the_whole_file(tmp_path, name):
    write_picture(tmp_path / name, photo())
    assert names(tmp_path) == [name]
    assert read_picture(tmp_path / name).pixels.shape == photo().shape


def test_the_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_picture(tmp_path / "a.png", photo())
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("name", ["out", "out.", "out.bmp", "out.png.part", ".png"])
def test_unknown_suffixes_are_refused(tmp_path, name):
    sentence = write_error(check_output, tmp_path / name, overwrite=True)
    assert name in sentence
    assert ".jpg, .jpeg, .png, .tif, .tiff, .webp" in sentence


def test_existing_file_is_not_overwritten_unless_asked(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    for function, arguments in ((check_output, ()), (write_picture, (photo(),))):
        assert write_error(function, path, *arguments, overwrite=False) == (
            f"{path} already exists; give --overwrite to replace it"
        )
    assert path.read_bytes() == b"mine"
    check_output(path, overwrite=True)
    write_picture(path, photo(), overwrite=True)
    np.testing.assert_array_equal(read_picture(path).pixels, photo())
    assert names(tmp_path) == ["a.png"]


def test_write_refuses_a_folder_and_a_missing_folder(tmp_path):
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in write_error(check_output, tmp_path / "folder.png", overwrite=True)
    assert "is a folder" in write_error(check_output, tmp_path, overwrite=True)
    missing = write_error(check_output, tmp_path / "none" / "a.png", overwrite=False)
    assert f"there is no folder {tmp_path / 'none'}" in missing


def test_write_refuses_a_read_only_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert "closed to writing" in write_error(check_output, tmp_path / "a.png", overwrite=False)


def test_write_refuses_to_replace_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a regular file" in write_error(write_picture, tmp_path / "pipe.png", photo(), overwrite=True)


def test_write_refuses_impossible_paths(tmp_path):
    assert "cannot be written" in write_error(write_picture, tmp_path / ("n" * 300 + ".png"), photo())
    assert "cannot be written" in write_error(write_picture, "a\0b.png", photo())
    assert repr("a\nb.bmp") in write_error(write_picture, "a\nb.bmp", photo())
    assert names(tmp_path) == []


def test_write_follows_a_symbolic_link(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "real.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_picture(link, photo(), overwrite=True)
    assert link.is_symlink()
    np.testing.assert_array_equal(read_picture(target).pixels, photo())


def test_write_does_not_replace_a_file_that_appears_meanwhile(tmp_path, monkeypatch):
    path = tmp_path / "a.png"

    encode = write_module.encode_in_parts

    def slow_encode(*arguments, **options):
        path.write_bytes(b"someone else's")
        return encode(*arguments, **options)

    monkeypatch.setattr(write_module, "encode_in_parts", slow_encode)
    assert "already exists" in write_error(write_picture, path, photo())
    assert path.read_bytes() == b"someone else's"
    assert names(tmp_path) == ["a.png"]


def no_links(*_):
    raise PermissionError(1, "Operation not permitted")


def test_write_works_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    write_picture(tmp_path / "a.png", photo())
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").pixels, photo())
    assert names(tmp_path) == ["a.png"]


def test_write_without_hard_links_does_not_replace_a_file(tmp_path, monkeypatch):
    def appear_then_fail(_, target):
        Path(target).write_bytes(b"someone else's")
        no_links()

    monkeypatch.setattr(os, "link", appear_then_fail)
    assert "already exists" in write_error(write_picture, tmp_path / "a.png", photo())
    assert (tmp_path / "a.png").read_bytes() == b"someone else's"
    assert names(tmp_path) == ["a.png"]


def interrupt(*_, **__):
    raise KeyboardInterrupt


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["link", "replace"])
@pytest.mark.parametrize(("failure", "raised"), [(interrupt, KeyboardInterrupt), (full_disk, OutputError)])
@pytest.mark.parametrize("overwrite", [False, True])
def test_failed_move_leaves_no_file(tmp_path, monkeypatch, step, failure, raised, overwrite):
    if step == "link" and overwrite:
        step = "replace"
    monkeypatch.setattr(os, "link", failure if step == "link" else no_links)
    monkeypatch.setattr(os, "replace", failure)
    with pytest.raises(raised):
        write_picture(tmp_path / "a.png", photo(), overwrite=overwrite)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("failure", "raised"), [(interrupt, KeyboardInterrupt), (full_disk, OutputError)])
def test_failed_write_leaves_no_file(tmp_path, monkeypatch, failure, raised):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    real_open = open

    def failing_open(name, mode):
        file = real_open(name, mode)
        assert Path(name).suffix == ".part"
        assert Path(name).parent == tmp_path
        file.write(b"half a pict")

        class Failing:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            writelines = staticmethod(failure)

        return Failing()

    monkeypatch.setattr(system_module, "open", failing_open, raising=False)
    with pytest.raises(raised):
        write_picture(path, photo(), overwrite=True)
    assert names(tmp_path) == ["a.png"]
    assert path.read_bytes() == b"old"


class Stdout(io.TextIOWrapper):
    terminal = False

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize(("options", "kind"), [({}, "PNG"), ({"suffix": ".jpg"}, "JPEG")])
def test_dash_writes_to_standard_output(monkeypatch, options, kind):
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Stdout(stream))
    write_picture("-", photo(), **options)
    assert Image.open(io.BytesIO(stream.getvalue())).format == kind


def test_terminal_output_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Stdout(io.BytesIO()))
    monkeypatch.setattr(Stdout, "terminal", True)
    assert "terminal" in write_error(check_output, "-", overwrite=False)


def test_closed_pipe_is_reported(monkeypatch):
    class Closed(io.BytesIO):
        def write(self, _):
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Stdout(Closed()))
    assert write_error(write_picture, "-", photo()) == "standard output cannot be written: Broken pipe"
