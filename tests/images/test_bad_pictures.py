"""Pictures that cannot be read: one sentence each, with the file's name, and never a hang."""

import io
import os
import struct
import sys
import threading

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from builders.errors import read_error
from builders.pictures import exif_block, photo, pillow_bytes, png_claiming
from PIL import Image

from lightfuse.errors import LightFuseError, PictureError
from lightfuse.images import probe_picture, read_picture


def tiff_bytes(pixels, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def rough(height=80, width=120):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_read_reports_a_missing_file(tmp_path):
    assert read_error(tmp_path / "gone.jpg") == f"{tmp_path / 'gone.jpg'} does not exist; check the path"


def test_read_refuses_a_folder(tmp_path):
    assert read_error(tmp_path) == f"{tmp_path} is a folder; give a picture file"


def test_read_refuses_a_device():
    assert read_error("/dev/zero") == "/dev/zero is a device; give a picture file"


def test_read_refuses_an_impossible_path():
    assert "cannot be read" in read_error("bad\0name.png")
    assert "cannot be read" in read_error("n" * 5000 + ".png")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a b.png").touch()
    assert read_error(tmp_path / "a b.png").endswith("a b.png is empty")


@pytest.mark.parametrize("name", ["line\nbreak.png", "bell\a.png"])
def test_messages_escape_unprintable_names(tmp_path, name):
    (tmp_path / name).touch()
    sentence = read_error(tmp_path / name)
    assert sentence.isprintable()
    assert repr(name)[1:-1] in sentence


def test_messages_show_non_ascii_names(tmp_path):
    (tmp_path / "夜 été.png").touch()
    assert "夜 été.png is empty" in read_error(tmp_path / "夜 été.png")


@pytest.mark.parametrize(
    "data",
    [
        b"hello, this is a letter",
        bytes(100),
        pillow_bytes(photo(), "GIF"),
        pillow_bytes(photo(), "BMP"),
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(100),
    ],
    ids=["text", "zeros", "gif", "bmp", "video"],
)
def test_read_refuses_unsupported_formats(data):
    sentence = read_error(data)
    assert "is not a picture that can be read" in sentence
    assert sentence.endswith("give a JPEG, PNG, TIFF, WebP, AVIF, JPEG XL, HEIC or camera raw file")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_jpeg_is_refused(kept, progressive):
    data = pillow_bytes(rough(), "JPEG", progressive=progressive)
    assert "is truncated" in read_error(data[: int(len(data) * kept)])


def test_jpeg_ending_in_zeros_is_refused():
    data = pillow_bytes(rough(), "JPEG")
    half = len(data) // 2
    assert "is truncated" in read_error(data[:half] + bytes(len(data) - half))


def test_jpeg_that_names_the_other_entropy_coder_is_refused():
    """It would be decoded to noise, without an error."""
    arithmetic = pillow_bytes(photo(), "JPEG").replace(b"\xff\xc0", b"\xff\xc9", 1)
    assert "arithmetic-coded" in read_error(arithmetic)


def test_truncated_jpeg_with_a_whole_thumbnail_is_refused():
    block = exif_block(thumbnail=pillow_bytes(photo(), "JPEG"))
    data = pillow_bytes(rough(), "JPEG", exif=b"Exif\0\0" + block)
    assert "is truncated" in read_error(data[: len(data) // 2])
    assert "is truncated" in read_error(data[: data.index(b"\xff\xd9") + 2])


def test_bytes_after_the_end_of_a_jpeg_are_ignored():
    data = pillow_bytes(rough(), "JPEG")
    np.testing.assert_array_equal(read_picture(data + b"trailer" * 9).pixels, read_picture(data).pixels)


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.5, 0.99])
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {}), ("WEBP", {"lossless": True})])
def test_truncated_files_of_other_formats_are_refused(kind, options, kept):
    data = pillow_bytes(rough(), kind, **options)
    assert "the given data is" in read_error(data[: int(len(data) * kept)])


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}, {"compression": "lzw"}], ids=str)
def test_truncated_tiff_with_its_directory_first_is_refused(options):
    data = tiff_bytes(rough(), photometric="rgb", **options)
    assert "is truncated" in read_error(data[: len(data) // 2])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_header_truncated_anywhere_is_refused(kind):
    data = pillow_bytes(photo(8, 8), kind)
    for length in range(1, min(len(data), 400)):
        read_error(data[:length])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_damaged_files_raise_only_lightfuse_errors(kind):
    options = {"exif": b"Exif\0\0" + exif_block()} if kind != "TIFF" else {}
    data = pillow_bytes(photo(16, 16), kind, **options)
    random = np.random.default_rng(0)
    for at in random.integers(4, len(data), 300):
        damaged = bytearray(data)
        damaged[at] = random.integers(256)
        try:
            picture = read_picture(bytes(damaged), max_pixels=1_000_000)
        except LightFuseError:
            continue
        assert picture.pixels.shape[2] == 3


def test_damaged_png_is_refused():
    data = bytearray(pillow_bytes(rough(), "PNG"))
    data[len(data) // 2] ^= 1
    assert "is damaged" in read_error(bytes(data))


def jpeg_claiming(width, height):
    data = bytearray(pillow_bytes(photo(8, 8), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def tiff_claiming(width, height):
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (262, 3, 1), (273, 4, 8), (277, 3, 1), (279, 4, 8)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def webp_claiming(width, height):
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + canvas


@pytest.mark.parametrize(
    ("data", "claim"),
    [
        (png_claiming(100_000, 100_000), "100,000 × 100,000"),
        (tiff_claiming(100_000, 100_000), "100,000 × 100,000"),
        (webp_claiming(100_000, 100_000), "100,000 × 100,000"),
        (jpeg_claiming(65_500, 65_500), "65,500 × 65,500"),
    ],
    ids=["png", "tiff", "webp", "jpeg"],
)
def test_too_many_pixels_are_refused_before_decoding(data, claim, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("pixels were decoded")

    for decoder in ("jpeg8_decode", "png_decode", "webp_decode"):
        monkeypatch.setattr(imagecodecs, decoder, refuse)
    sentence = read_error(data)
    assert sentence == (
        f"the given data claims {claim} pixels, more than the 500,000,000 allowed; raise --max-pixels to read it"
    )


def test_max_pixels_is_inclusive():
    data = pillow_bytes(photo(40, 60), "PNG")
    assert read_picture(data, max_pixels=2400).pixels.shape == (40, 60, 3)
    assert "--max-pixels" in read_error(data, max_pixels=2399)


def test_read_does_not_change_pillows_limit():
    before = Image.MAX_IMAGE_PIXELS
    read_picture(pillow_bytes(photo(), "WEBP"))
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_refused(kind):
    assert read_error(pillow_bytes(Image.fromarray(photo()).convert("CMYK"), kind)).endswith(
        "is CMYK; convert it to RGB"
    )


def test_lab_tiff_is_refused():
    assert "CIELAB" in read_error(pillow_bytes(Image.new("LAB", (4, 4)), "TIFF"))
    assert "kind of colour (YCBCR)" in read_error(pillow_bytes(Image.new("YCbCr", (4, 4)), "TIFF"))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_transparency_is_refused(kind, options):
    alpha = np.full((40, 60, 1), 255, np.uint8)
    alpha[3, 4] = 254
    sentence = read_error(pillow_bytes(np.dstack([photo(), alpha]), kind, **options))
    assert "is partly transparent; flatten it" in sentence


def test_transparent_palette_entries_are_refused():
    palette = Image.fromarray(photo()).quantize(16)
    assert "transparent" in read_error(pillow_bytes(palette, "PNG", transparency=palette.getpixel((0, 0))))


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.int32, np.int8, np.complex64])
def test_unsupported_tiff_pixel_types_are_refused(dtype):
    sentence = read_error(tiff_bytes(np.ones((8, 8), dtype), photometric="minisblack"))
    assert f"{8 * np.dtype(dtype).itemsize}" in sentence
    assert "convert it to 8 or 16 bits" in sentence


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_tiff_with_nan_or_infinity_is_refused(bad, dtype):
    pixels = photo(dtype=dtype)
    pixels[5, 5, 1] = bad
    assert "not finite" in read_error(tiff_bytes(pixels, photometric="rgb"))


def test_float_tiff_scaled_to_255_is_refused():
    sentence = read_error(tiff_bytes(photo(dtype=np.float32) * 255, photometric="rgb"))
    assert "holds values from 0 to 255, most of them far above 1" in sentence
    assert "say what is white with --white-level" in sentence


def test_tiff_with_five_channels_is_refused():
    assert "has 5 channels" in read_error(tiff_bytes(np.zeros((8, 8, 5), np.uint8), photometric="rgb"))


def test_tiff_with_a_directory_loop_is_read():
    data = bytearray(tiff_bytes(photo(), photometric="rgb", metadata=None))
    first = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[first : first + 2])[0]
    data[first + 2 + 12 * count : first + 6 + 12 * count] = struct.pack("<I", first)
    np.testing.assert_array_equal(read_picture(bytes(data)).pixels, photo())


def test_damaged_tiffs_write_nothing_to_the_terminal(capfd):
    data = tiff_bytes(photo(), photometric="rgb")
    for length in range(8, 400, 7):
        read_error(data[:length])
    assert capfd.readouterr() == ("", "")


def test_standard_input_that_is_not_a_picture_is_refused_before_its_end(monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, b"y\n" * 100)
    monkeypatch.setattr(sys, "stdin", os.fdopen(reading, "r"))
    try:
        assert read_error("-").startswith("standard input is not a picture")
    finally:
        sys.stdin.close()
        os.close(writing)


def test_named_pipe_is_read_to_its_end(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    data = cv2.imencode(".png", photo()[:, :, ::-1])[1].tobytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    np.testing.assert_array_equal(read_picture(pipe).pixels, photo())
    writer.join()


def test_named_pipe_that_no_program_writes_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lightfuse.images.read._SECONDS_FOR_WRITER", 0.01)
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    assert read_error(pipe).endswith("pipe.png is a pipe that no program writes to; give a picture file")


def test_named_pipe_waits_for_a_program_that_has_opened_it(tmp_path, monkeypatch):
    monkeypatch.setattr("lightfuse.images.read._SECONDS_FOR_WRITER", 0.01)
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    data = cv2.imencode(".png", photo()[:, :, ::-1])[1].tobytes()
    kept = os.open(pipe, os.O_RDWR)  # Holds the pipe open for writing before anything is written.
    writer = threading.Timer(0.2, pipe.write_bytes, (data,))
    closer = threading.Timer(0.4, os.close, (kept,))
    writer.start()
    closer.start()
    np.testing.assert_array_equal(read_picture(pipe).pixels, photo())
    writer.join()
    closer.join()


@pytest.mark.parametrize("source", [b"", b"no picture", b"\xff\xd8\xff"])
def test_probe_refuses_damaged_headers(source):
    with pytest.raises(PictureError, match="the given data is"):
        probe_picture(source)
