"""How pictures are encoded: depth, compression, subsampling and loss as asked for, or a sentence why not."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from builders.pictures import adobe_rgb, photo
from PIL import Image

from lightfuse.errors import OutputError
from lightfuse.images import (
    EncodeOptions,
    Metadata,
    convert_profile,
    encode_picture,
    probe_picture,
    read_picture,
    write_picture,
)
from lightfuse.images.pixels import narrow, to_depth, widen


def noisy(dtype=np.uint8, height=50, width=70):
    unit = np.random.default_rng(0).random((height, width, 3))
    return unit.astype(dtype) if np.dtype(dtype).kind == "f" else (unit * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "zstd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("size", [(50, 70), (1, 1), (700, 900)])
def test_tiff_compressions_are_lossless(compression, dtype, size):
    pixels = noisy(dtype, *size)
    data = encode_picture(pixels, ".tif", None, EncodeOptions(compression=compression))
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page = tiff.pages.first
        assert page.compression == {"none": 1, "lzw": 5, "deflate": 8, "zstd": 50000}[compression]
        np.testing.assert_array_equal(page.asarray().reshape(pixels.shape), pixels)
    np.testing.assert_array_equal(read_picture(data).pixels, pixels)


@pytest.mark.parametrize("compression", ["lzw", "deflate"])
def test_compressed_tiff_is_smaller_and_read_by_pillow(compression):
    data = encode_picture(photo(400, 600), ".tif", None, EncodeOptions(compression=compression))
    assert len(data) < 0.5 * len(encode_picture(photo(400, 600), ".tif"))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), photo(400, 600))


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_png_compressions_are_lossless(compression):
    data = encode_picture(noisy(), ".png", None, EncodeOptions(compression=compression))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), noisy())
    smooth = photo(400, 600)
    sizes = [len(encode_picture(smooth, ".png", None, EncodeOptions(compression=c))) for c in ("none", "deflate")]
    assert sizes[1] < sizes[0] / 2


@pytest.mark.parametrize(
    ("suffix", "dtype", "depth", "stored"),
    [
        (".png", np.uint8, 16, 16),
        (".png", np.uint16, 8, 8),
        (".tif", np.uint8, 16, 16),
        (".tif", np.float32, 16, 16),
        (".tif", np.uint16, 32, 32),
        (".tif", np.float32, 8, 8),
        (".avif", np.uint8, 10, 10),
        (".avif", np.uint8, "auto", 8),
        (".avif", np.uint16, "auto", 10),
        (".avif", np.float32, 12, 12),
        (".avif", np.uint16, 8, 8),
        (".jxl", np.uint8, "auto", 8),
        (".jxl", np.uint16, "auto", 16),
        (".jxl", np.float32, "auto", 32),
        (".jxl", np.float32, 16, 16),
        (".jxl", np.uint16, 8, 8),
    ],
)
def test_bit_depth_option_sets_the_stored_depth(suffix, dtype, depth, stored):
    data = encode_picture(photo(dtype=dtype), suffix, None, EncodeOptions(bit_depth=depth))
    assert probe_picture(data).bit_depth == stored
    pixels = read_picture(data).pixels
    most = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    lossy = suffix in (".avif", ".jxl")
    assert np.abs(pixels / most - photo(dtype=np.float64)).mean() < (0.01 if lossy else 0.5 / 255)


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".jxl"])
def test_lossless_option_keeps_pixels_exactly(suffix):
    data = encode_picture(noisy(), suffix, None, EncodeOptions(lossless=True))
    np.testing.assert_array_equal(read_picture(data).pixels, noisy())
    assert (read_picture(encode_picture(noisy(), suffix)).pixels != noisy()).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_lossless_jpeg_xl_keeps_every_depth(dtype):
    picture = read_picture(encode_picture(noisy(dtype), ".jxl", None, EncodeOptions(lossless=True)))
    assert picture.metadata.icc is None
    assert picture.pixels.dtype == dtype
    np.testing.assert_array_equal(picture.pixels, noisy(dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("icc", [None, adobe_rgb()], ids=["srgb", "adobe"])
@pytest.mark.parametrize("lossless", [False, True])
def test_jpeg_xl_keeps_wide_gamut_in_every_depth(dtype, icc, lossless):
    """The colours of Adobe RGB reach beyond sRGB: were they clipped on the way, green would be far off."""
    most = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max

    def back(pixels):
        picture = read_picture(encode_picture(pixels, ".jxl", Metadata(icc=icc), EncodeOptions(lossless=lossless)))
        assert picture.pixels.dtype == (np.uint16 if icc and dtype == np.uint8 else dtype)
        return to_depth(convert_profile(picture.pixels, picture.metadata.icc, icc), 32)

    pixels = photo(64, 96, dtype)
    assert np.abs(back(pixels) - pixels / most).mean() < (0.001 if lossless else 0.01)
    flat = np.zeros((32, 32, 3), dtype)
    flat[..., 1] = most
    np.testing.assert_allclose(back(flat).reshape(-1, 3).mean(0), [0, 1, 0], atol=0.03)


def test_avif_without_a_profile_is_tagged_srgb():
    numbered = b"colrnclx" + bytes([0, 1, 0, 13, 0, 1, 0x80])
    unspecified = b"colrnclx" + bytes([0, 2, 0, 2, 0, 1, 0x80])
    assert numbered in encode_picture(photo(), ".avif")
    assert unspecified in encode_picture(photo(), ".avif", Metadata(icc=adobe_rgb()))


def test_write_picture_applies_the_options(tmp_path):
    write_picture(tmp_path / "a.png", photo(), None, EncodeOptions(bit_depth=16))
    assert probe_picture(tmp_path / "a.png").bit_depth == 16


@pytest.mark.parametrize(("given", "sampling"), [("444", (1, 1)), ("422", (2, 1)), ("420", (2, 2))])
def test_subsampling_option_sets_the_chroma_sampling(given, sampling):
    jpeg = encode_picture(photo(), ".jpg", None, EncodeOptions(subsampling=given))
    assert Image.open(io.BytesIO(jpeg)).layer[0][1:3] == sampling


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif", ".jxl"])
def test_lossy_formats_keep_the_mean_colour(suffix):
    pixels = np.repeat(np.random.default_rng(0).integers(60, 200, (20, 30, 3), dtype=np.uint8), 8, axis=0).repeat(8, 1)
    written = read_picture(encode_picture(pixels, suffix)).pixels
    assert np.abs((written.astype(float) - pixels).mean(axis=(0, 1))).max() < 0.4


def test_chroma_subsampling_makes_avif_smaller():
    sizes = [len(encode_picture(noisy(), ".avif", None, EncodeOptions(subsampling=s))) for s in ("444", "420")]
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    ("suffix", "options", "sentence"),
    [
        (".jpg", {"quality": 0}, "quality is 0; it must lie between 1 and 100"),
        (".jpg", {"bit_depth": 16}, "JPEG holds 8 bits per sample, not 16; change --bit-depth"),
        (".avif", {"bit_depth": 16}, "AVIF holds 8, 10 or 12 bits per sample, not 16; change --bit-depth"),
        (".png", {"bit_depth": 32}, "PNG holds 8 or 16 bits per sample, not 32; change --bit-depth"),
        (".jpg", {"compression": "lzw"}, "JPEG has no choice of compression, not lzw; change --compression"),
        (".png", {"compression": "lzw"}, "PNG has the compressions none, deflate, not lzw; change --compression"),
        (".png", {"subsampling": "420"}, "PNG has no choice of chroma subsampling; leave --subsampling out"),
        (".jpg", {"subsampling": "411"}, "subsampling is '411'; it must be auto, 444, 422 or 420"),
        (".jpg", {"lossless": True}, "JPEG always loses a little; write PNG, TIFF, WebP, AVIF or JPEG XL, or leave"),
        (".avif", {"lossless": True, "subsampling": "420"}, "a lossless picture has all its chroma"),
    ],
)
def test_unsupported_options_are_refused(suffix, options, sentence):
    with pytest.raises(OutputError) as caught:
        encode_picture(photo(), suffix, None, EncodeOptions(**options))
    assert str(caught.value).startswith(sentence)


def test_lossless_formats_accept_the_lossless_option():
    for suffix in (".png", ".tif"):
        encode_picture(photo(), suffix, None, EncodeOptions(lossless=True))


def test_encoding_is_deterministic():
    for suffix in (".jpg", ".png", ".tif", ".webp", ".avif", ".jxl"):
        assert encode_picture(noisy(), suffix) == encode_picture(noisy(), suffix)


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 15])
def test_narrow_inverts_widen(bits):
    values = np.arange(1 << bits, dtype=np.uint16).reshape(1, -1, 1)
    wide = widen(values.copy(), bits)
    assert (wide.min(), wide.max()) == (0, 65_535)
    assert (np.diff(wide.ravel().astype(int)) > 0).all()
    np.testing.assert_array_equal(narrow(wide, bits), values)
    exact = values.astype(float) * 65_535 / ((1 << bits) - 1)
    assert np.abs(wide - exact).max() < 1.01


def test_to_depth_rounds_and_clips():
    deep = np.array([[[0, 128, 129], [65_535, 65_407, 65_406]]], np.uint16)
    np.testing.assert_array_equal(to_depth(deep, 8), [[[0, 0, 1], [255, 255, 254]]])
    beyond = np.array([[[-0.5, 1.5, 0.5]]], np.float32)
    np.testing.assert_array_equal(to_depth(beyond, 8), [[[0, 255, 128]]])
    np.testing.assert_array_equal(to_depth(np.array([[[0, 255, 1]]], np.uint8), 16), [[[0, 65_535, 257]]])


@pytest.mark.parametrize("subsampling", ["444", "422", "420"])
@pytest.mark.parametrize(("height", "width"), [(1200, 1900), (2111, 1003), (5000, 700)])
def test_jpeg_joined_from_strips_equals_one_encoded_whole(subsampling, height, width):
    """Read by two decoders; strips of every length occur, the last one short and not whole units."""
    pixels = np.tile(photo(250, 350), (20, 6, 1))[:height, :width]
    data = encode_picture(pixels, ".jpg", None, EncodeOptions(subsampling=subsampling))
    whole = imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=95, subsampling=subsampling)
    assert data.count(b"\xff\xd0") >= 1
    assert np.array_equal(imagecodecs.jpeg8_decode(data), imagecodecs.jpeg8_decode(whole))
    with Image.open(io.BytesIO(data)) as ours, Image.open(io.BytesIO(whole)) as theirs:
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))
