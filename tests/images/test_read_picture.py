"""Pixels of every supported kind of file, checked against what was put in."""

import io
import struct
import sys
import zlib

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from builders.pictures import photo, pillow_bytes, png_chunk
from PIL import Image

from lightfuse.errors import PictureError
from lightfuse.images import probe_picture, read_picture


def tiff_bytes(pixels, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def assert_sound(picture, dtype):
    assert picture.pixels.dtype == dtype
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.ndim == 3
    assert picture.pixels.shape[2] == 3


def test_jpeg_matches_pillow_within_rounding():
    data = pillow_bytes(photo(), "JPEG", quality=95, subsampling=0)
    picture = read_picture(data)
    assert_sound(picture, np.uint8)
    assert np.abs(picture.pixels.astype(int) - np.asarray(Image.open(io.BytesIO(data)))).max() <= 1


@pytest.mark.parametrize("options", [{"progressive": True}, {"optimize": True}, {"keep_rgb": True}])
def test_progressive_optimised_and_rgb_jpegs_are_read(options):
    picture = read_picture(pillow_bytes(photo(), "JPEG", quality=95, subsampling=0, **options))
    assert np.abs(picture.pixels.astype(int) - photo()).mean() < 2


def test_bytes_between_the_segments_of_a_jpeg_are_passed_over():
    """As they stand there after a segment whose length is too small."""
    sound = pillow_bytes(photo(), "JPEG", quality=95)
    at = sound.index(b"\xff\xdb")
    odd = sound[:at] + b"\0over\xff\0\xff\xff" + sound[at:]
    np.testing.assert_array_equal(read_picture(odd).pixels, read_picture(sound).pixels)


def test_twelve_bit_jpeg_is_scaled_to_sixteen():
    original = photo(dtype=np.uint16) >> 4
    data = imagecodecs.jpeg8_encode(original, level=98, subsampling="444", bitspersample=12)
    picture = read_picture(data)
    assert_sound(picture, np.uint16)
    assert np.abs(picture.pixels / 65535 - original / 4095).mean() < 0.01
    assert picture.pixels.max() > 65000


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_lossless_eight_bit_pixels_are_exact(kind):
    picture = read_picture(pillow_bytes(photo(), kind))
    assert_sound(picture, np.uint8)
    np.testing.assert_array_equal(picture.pixels, photo())


def test_webp_lossless_is_exact():
    picture = read_picture(pillow_bytes(photo(), "WEBP", lossless=True))
    assert_sound(picture, np.uint8)
    np.testing.assert_array_equal(picture.pixels, photo())


def test_sixteen_bit_png_is_exact():
    original = photo(dtype=np.uint16)
    picture = read_picture(cv2.imencode(".png", original[:, :, ::-1])[1].tobytes())
    assert_sound(picture, np.uint16)
    np.testing.assert_array_equal(picture.pixels, original)


def test_interlaced_png_is_exact():
    adam7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    passes = [photo()[top::down, left::right] for top, left, down, right in adam7]
    rows = b"".join(b"\0" + row.tobytes() for reduced in passes for row in reduced)
    header = struct.pack(">IIBBBBB", 60, 40, 8, 2, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in chunks)
    np.testing.assert_array_equal(read_picture(data).pixels, photo())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"planarconfig": "separate"},
        {"tile": (16, 32)},
        {"rowsperstrip": 7},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "tile": (16, 16)},
        {"compression": "zstd", "planarconfig": "separate"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiff_layouts_are_read_exactly(options, dtype):
    original = photo(dtype=dtype)
    pixels = np.moveaxis(original, 2, 0) if options.get("planarconfig") else original
    picture = read_picture(tiff_bytes(pixels, photometric="rgb", **options))
    assert_sound(picture, dtype)
    np.testing.assert_array_equal(picture.pixels, original)


def test_jpeg_in_tiff_keeps_its_colours():
    picture = read_picture(tiff_bytes(photo(), photometric="rgb", compression="jpeg", compressionargs={"level": 95}))
    assert np.abs(picture.pixels.astype(int) - photo()).mean() < 3


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_tiffs_become_float32(dtype):
    original = photo(dtype=dtype)
    picture = read_picture(tiff_bytes(original, photometric="rgb"))
    assert_sound(picture, np.float32)
    np.testing.assert_array_equal(picture.pixels, original.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_is_repeated_into_rgb(kind, dtype):
    grey = photo(dtype=dtype)[:, :, 0]
    picture = read_picture(pillow_bytes(np.ascontiguousarray(grey), kind))
    assert_sound(picture, dtype)
    np.testing.assert_array_equal(picture.pixels, np.dstack([grey] * 3))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_grey_lossy_files_have_three_equal_channels(kind):
    grey = np.ascontiguousarray(photo()[:, :, 0])
    picture = read_picture(pillow_bytes(grey, kind, quality=95))
    assert_sound(picture, np.uint8)
    assert np.abs(picture.pixels.astype(int) - grey[:, :, None]).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_one_bit_is_black_and_white(kind):
    mask = photo()[:, :, 0] > 100
    picture = read_picture(pillow_bytes(mask, kind))
    assert_sound(picture, np.uint8)
    np.testing.assert_array_equal(picture.pixels, np.dstack([mask * np.uint8(255)] * 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_white_is_zero_tiff_is_inverted(dtype):
    grey = photo(dtype=dtype)[:, :, 0]
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    picture = read_picture(tiff_bytes(np.asarray(white - grey, dtype), photometric="miniswhite"))
    np.testing.assert_allclose(picture.pixels, np.dstack([grey] * 3), atol=1e-6 if dtype == np.float32 else 0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_palette_is_expanded(kind):
    palette = Image.fromarray(photo()).quantize(16)
    picture = read_picture(pillow_bytes(palette, kind))
    assert_sound(picture, np.uint8)
    np.testing.assert_array_equal(picture.pixels, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_opaque_alpha_is_dropped(kind, options):
    opaque = np.dstack([photo(), np.full((40, 60), 255, np.uint8)])
    picture = read_picture(pillow_bytes(opaque, kind, **options))
    assert_sound(picture, np.uint8)
    np.testing.assert_array_equal(picture.pixels, photo())


def test_opaque_grey_with_alpha_becomes_rgb():
    grey = np.ascontiguousarray(photo()[:, :, 0])
    picture = read_picture(pillow_bytes(Image.fromarray(grey).convert("LA"), "PNG"))
    np.testing.assert_array_equal(picture.pixels, np.dstack([grey] * 3))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
def test_one_pixel_pictures_are_read(kind, shape):
    assert read_picture(pillow_bytes(np.full((*shape, 3), 77, np.uint8), kind)).pixels.shape == (*shape, 3)


def test_first_page_is_read_with_a_note():
    pages = [Image.fromarray(photo()), Image.fromarray(photo(10, 10))]
    picture = read_picture(pillow_bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    np.testing.assert_array_equal(picture.pixels, photo())
    assert any("several pages" in note for note in picture.notes)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_first_frame_of_png_and_webp_is_read_with_a_note(kind, options):
    frames = [Image.fromarray(photo()), Image.fromarray(255 - photo())]
    picture = read_picture(pillow_bytes(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    np.testing.assert_array_equal(picture.pixels, photo())
    assert any("animation" in note for note in picture.notes)


def test_plain_picture_has_no_notes():
    assert read_picture(pillow_bytes(photo(), "PNG")).notes == ()


@pytest.mark.parametrize("name", ["night shot.png", "Fjällräven 夜.PNG", "line\nbreak.png", "no suffix"])
def test_files_of_any_name_are_read_by_content(tmp_path, name):
    (tmp_path / name).write_bytes(pillow_bytes(photo(), "PNG"))
    picture = read_picture(tmp_path / name)
    np.testing.assert_array_equal(picture.pixels, photo())
    assert "\n" not in picture.name


def test_dash_reads_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pillow_bytes(photo(), "PNG"))))
    picture = read_picture("-")
    np.testing.assert_array_equal(picture.pixels, photo())
    assert picture.name == "standard input"


@pytest.mark.parametrize(
    ("kind", "format_name"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("TIFF", "TIFF"), ("WEBP", "WebP")]
)
def test_probe_tells_size_format_and_depth(tmp_path, kind, format_name):
    path = tmp_path / "picture"
    path.write_bytes(pillow_bytes(photo(40, 60), kind))
    header = probe_picture(path)
    assert (header.width, header.height, header.format, header.bit_depth) == (60, 40, format_name, 8)


def test_probe_tells_sixteen_bits():
    assert probe_picture(tiff_bytes(photo(dtype=np.uint16), photometric="rgb")).bit_depth == 16
    assert probe_picture(cv2.imencode(".png", photo(dtype=np.uint16))[1].tobytes()).bit_depth == 16


def test_probe_decodes_no_pixels(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pixels were decoded")

    data = pillow_bytes(photo(), "JPEG")
    monkeypatch.setattr(imagecodecs, "jpeg8_decode", refuse)
    probe_picture(data)
    with pytest.raises(PictureError, match="its pixels cannot be decoded"):
        read_picture(data)
