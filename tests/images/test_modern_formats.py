"""AVIF, HEIC and JPEG XL: pixels, depth, orientation and colour as other programs' files tell them, and bad files."""

import base64
import io
import struct
import sys

import imagecodecs
import numpy as np
import pytest
from builders.errors import read_error
from builders.pictures import ICC, XMP_UPRIGHT, adobe_rgb, exif_block, photo, pillow_bytes
from PIL import Image

from lightfuse.errors import LightFuseError
from lightfuse.images import convert_profile, encode_picture, probe_picture, read_picture
from lightfuse.images.heif import decode_heic

# photo(8, 12) in Adobe RGB, encoded by libjxl's cjxl 0.7: its profile is packed with ANS, predictions and all.
FOREIGN_LOSSLESS = (
    "{|W&?2yYbwa$+KYuo`ZIN=ppcobTsLq%(Dad->5KhT75#8g?5nMj9Yy8Zf^0k0mT<KO_~2Obiy85MTS#i)=grkU4D5<tKQF$ASogTRQNbXlPZ)OpbykKAX"
    "X$;}7``5}(3S(6Ud9f<lMSCNxM*3Yn#n8}f8Of)5223TR0mT2MeC4t&@UVnB)s1u`sD@<ur5WHWdy4xhy0aNg$Vgbf28EI9BX;d(fE5BzI>9&7GM{O*xn3"
    "@<U<H=y5?@VR(6X&M-?7>=icvNIr2591F9#C8q<2m%2B1OiJaB*sZW!IX#s7sMDNB4QXrY(R{`GZ-CXYz)R7K%}1@SisUt#p*i6#~a1BD8K)GecS%K_wDl"
    "ko0*vz=6{))d0@<g!{Kmn5`86El3m*&XA&eKElHARI!&5LhGrs#Oacla#4|k-fENJUz7MtmU2NFl)0efAmv@?%Fxm$"
)
FOREIGN_LOSSY = (
    "{|W&?3U3tya$+KYuo`ZIN=ppcobTsLq%(Dad->5KhT75#8g?5nMj9Yy8Zf^0k0mT<KO_~2Obiy85MTS#i)=grkU4D5<tKQF$ASogTRQNbXlPZ)OpbykKAX"
    "X$;}7``5}(3S(6Ud9f<lMSCNxM*3Yn#n8}f8Of)5223TR0mT2MeC4t&@UVnB)s1u`sD@<ur5WHWdy4xhy0aNg$Vgbf28EI9BX;d(fE5BzI>9&7GM{O*xn3"
    "@<U<H=y5?@VR(6X&M-?7>=icvNIr2591F9#C8q<01}7-0FVJ)<q`k@6)K~Q8@!zB`SL@D#k7s<3~jY-VM(IMI5tTqa7YqsxLp+tW*Z=wc|7<UwoS%rqAE!"
    "whwx&z`+cnu%EyD={>bCkWky!bG(#;_00RI4us7XxafWdK)|SqNXdnd"
)


def heic(image, **options):
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        stream, quality=-1, chroma=444, **options
    )
    return stream.getvalue()


def rough(height=80, width=120):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def samples():
    return {
        "avif": imagecodecs.avif_encode(rough(), level=90, speed=9),
        "jxl": imagecodecs.jpegxl_encode(rough(), level=90),
        "jxl-boxes": imagecodecs.jpegxl_encode(rough(), lossless=True, usecontainer=True),
    }


@pytest.mark.parametrize("kind", ["AVIF", "HEIC", "JPEG XL"])
@pytest.mark.slow
def test_eight_bit_pixels_are_read_as_stored(kind):
    data = {
        "AVIF": lambda: pillow_bytes(photo(), "AVIF", quality=95, subsampling="4:4:4"),
        "HEIC": lambda: heic(photo()),
        "JPEG XL": lambda: imagecodecs.jpegxl_encode(photo(), lossless=True),
    }[kind]()
    picture = read_picture(data)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert np.abs(picture.pixels.astype(int) - photo()).mean() < (1 if kind != "JPEG XL" else 1e-9)
    assert picture.notes == ()
    assert (probe_picture(data).format, probe_picture(data).bit_depth) == (kind, 8)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("kind", ["AVIF", "JPEG XL"])
def test_ten_and_twelve_bits_are_scaled_to_sixteen(kind, bits):
    stored = photo(dtype=np.uint16) >> (16 - bits)
    if kind == "AVIF":
        data = imagecodecs.avif_encode(stored, level=100, bitspersample=bits, speed=9)
    else:
        data = imagecodecs.jpegxl_encode(stored, lossless=True, bitspersample=bits)
    pixels = read_picture(data).pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels >> (16 - bits), stored)
    assert (pixels.min(), pixels.max()) == (0, 65_535)
    assert probe_picture(data).bit_depth == bits


@pytest.mark.parametrize("mode", ["RGB;16", "RGBA;16"])
def test_ten_bit_heic_is_scaled_to_sixteen(mode):
    """White and what is opaque become 65,535, as of other formats."""
    pillow_heif = pytest.importorskip("pillow_heif")
    stream, pixels = io.BytesIO(), photo(dtype=np.uint16)
    pixels[:10] = 65_535
    stored = pixels if mode == "RGB;16" else np.dstack([pixels, np.full(pixels.shape[:2], 65_535, np.uint16)])
    deep = pillow_heif.from_bytes(mode, (60, 40), stored.tobytes())
    deep.save(stream, quality=-1, chroma=444)
    picture = read_picture(stream.getvalue())
    assert picture.pixels.dtype == np.uint16
    assert picture.pixels[2:8].min() == 65_535
    assert np.abs(picture.pixels.astype(int) - pixels).mean() < 300


def test_sixteen_bit_and_float_jpeg_xl_are_exact():
    for dtype in (np.uint16, np.float32):
        picture = read_picture(imagecodecs.jpegxl_encode(photo(dtype=dtype), lossless=True))
        assert picture.pixels.dtype == dtype
        np.testing.assert_array_equal(picture.pixels, photo(dtype=dtype))


@pytest.mark.parametrize("kind", ["AVIF", "JPEG XL"])
def test_grey_is_repeated_into_rgb(kind):
    grey = np.ascontiguousarray(photo()[:, :, 0])
    data = imagecodecs.avif_encode(grey, level=100) if kind == "AVIF" else imagecodecs.jpegxl_encode(grey)
    np.testing.assert_array_equal(read_picture(data).pixels, np.dstack([grey] * 3))


@pytest.mark.parametrize("kind", ["AVIF", "JPEG XL"])
def test_alpha_is_dropped_where_opaque_and_refused_elsewhere(kind):
    encode = imagecodecs.avif_encode if kind == "AVIF" else imagecodecs.jpegxl_encode
    alpha = np.full((40, 60, 1), 255, np.uint8)
    np.testing.assert_array_equal(read_picture(encode(np.dstack([photo(), alpha]))).pixels, photo())
    alpha[:20] = 100
    assert "partly transparent" in read_error(encode(np.dstack([photo(), alpha])))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["AVIF", "HEIC", "JPEG XL"])
def test_orientation_is_applied_exactly_once(kind, orientation):
    """Other programs write the orientation into boxes or codestream, some into EXIF as well, which must not count."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "AVIF":
        data = pillow_bytes(photo(), "AVIF", quality=95, subsampling="4:4:4", exif=exif)
    elif kind == "HEIC":
        data = heic(Image.fromarray(photo()), exif=exif.tobytes())
    else:
        data = jxl_of_jpeg(orientation)
    expected = {
        1: photo(), 2: photo()[:, ::-1], 3: photo()[::-1, ::-1], 4: photo()[::-1], 5: photo().transpose(1, 0, 2),
        6: np.rot90(photo(), -1), 7: photo()[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(photo()),
    }[orientation]  # fmt: skip
    picture = read_picture(data)
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels.astype(int) - expected).mean() < 2
    if picture.metadata.exif:
        written = Image.Exif()
        written.load(picture.metadata.exif)
        assert written.get(0x0112, 1) == 1


def jxl_of_jpeg(orientation):
    """A JPEG XL of a JPEG whose EXIF tells an orientation, which libjxl puts into the codestream as well."""
    pyjpegxl = pytest.importorskip("pyjpegxl")
    exif = Image.Exif()
    exif[0x0112] = orientation
    return pyjpegxl.jpeg_to_jxl(pillow_bytes(photo(), "JPEG", quality=98, subsampling=0, exif=exif))


@pytest.mark.parametrize("kind", ["AVIF", "HEIC"])
def test_metadata_of_other_writers_is_read(kind):
    block = exif_block(orientation=1, thumbnail=None)
    options = {"exif": b"Exif\0\0" + block, "xmp": XMP_UPRIGHT, "icc_profile": ICC}
    if kind == "AVIF":
        data = pillow_bytes(photo(), "AVIF", **options)
    else:
        image = Image.fromarray(photo())
        image.info["icc_profile"] = ICC
        data = heic(image, exif=options["exif"], xmp=XMP_UPRIGHT)
    metadata = read_picture(data).metadata
    assert metadata.xmp == XMP_UPRIGHT
    assert metadata.icc == ICC
    shot = probe_picture(data).shot
    assert (shot.exposure_time, shot.make) == (1 / 250, "LightFuse")


def test_metadata_of_jpeg_xl_is_read_compressed_or_not():
    def box(kind, body):
        return struct.pack(">I4s", len(body) + 8, kind) + body

    data = imagecodecs.jpegxl_encode(photo(), lossless=True, usecontainer=True)
    block = exif_block(orientation=1, thumbnail=None)
    plain = box(b"Exif", bytes(4) + block) + box(b"xml ", XMP_UPRIGHT)
    packed = box(b"brob", b"Exif" + imagecodecs.brotli_encode(bytes(4) + block))
    packed += box(b"brob", b"xml " + imagecodecs.brotli_encode(XMP_UPRIGHT))
    for boxes in (plain, packed):
        metadata = read_picture(data[:32] + boxes + data[32:]).metadata
        assert (metadata.exif, metadata.xmp) == (block, XMP_UPRIGHT)
    broken = box(b"brob", b"Exif" + b"not brotli")
    assert read_picture(data[:32] + broken + data[32:]).metadata.exif is None


def test_jxl_codestream_in_parts_is_joined():
    bare = imagecodecs.jpegxl_encode(photo(), lossless=True)
    head = imagecodecs.jpegxl_encode(photo(), lossless=True, usecontainer=True)[:32]
    parts = [(0, bare[:5]), (1, bare[5:100]), (0x80000002, bare[100:])]
    boxes = b"".join(struct.pack(">I4sI", len(part) + 12, b"jxlp", number) + part for number, part in parts)
    np.testing.assert_array_equal(read_picture(head + boxes).pixels, photo())


def test_cicp_primaries_become_a_profile():
    srgb = imagecodecs.avif_encode(photo(), level=100, primaries=1, transfer=13, matrix=6)
    unspecified = imagecodecs.avif_encode(photo(), level=100, primaries=2, transfer=2, matrix=6)
    p3 = imagecodecs.avif_encode(photo(), level=100, primaries=12, transfer=13, matrix=6)
    assert read_picture(srgb).metadata.icc is None
    assert read_picture(unspecified).metadata.icc is None
    icc = read_picture(p3).metadata.icc
    green = np.float64([[[0, 1, 0]]])
    xyz = imagecodecs.cms_transform(
        green, icc, imagecodecs.cms_profile("xyz"), colorspace="rgb", outcolorspace="xyz", intent=1
    )
    assert xyz.ravel() == pytest.approx([0.2919, 0.6922, 0.0419], abs=2e-3)  # Display P3's green at D50.
    assert icc == read_picture(p3).metadata.icc


def test_linear_jpeg_xl_has_a_linear_profile():
    icc = read_picture(imagecodecs.jpegxl_encode(photo(dtype=np.uint16), lossless=True)).metadata.icc
    half = convert_profile(np.full((1, 1, 3), 0.5, np.float32), icc, None)
    np.testing.assert_allclose(half, 0.7354, atol=1e-3)  # The sRGB value of half the light.


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_transfer_functions_are_refused(transfer, name):
    data = imagecodecs.avif_encode(photo(), level=100, primaries=9, transfer=transfer, matrix=9)
    assert f"is an HDR picture ({name}); convert it to sRGB first" in read_error(data)


def test_lossless_jpeg_xl_of_cjxl_keeps_profile_and_pixels():
    picture = read_picture(base64.b85decode(FOREIGN_LOSSLESS))
    assert picture.metadata.icc == adobe_rgb()
    np.testing.assert_array_equal(picture.pixels, photo(8, 12))


def test_lossy_jpeg_xl_of_cjxl_with_a_profile_becomes_srgb():
    picture = read_picture(base64.b85decode(FOREIGN_LOSSY))
    assert picture.metadata.icc is None
    assert picture.pixels.dtype == np.uint8
    expected = convert_profile(photo(8, 12), adobe_rgb(), None)
    assert np.abs(picture.pixels.astype(int) - expected).mean() <= 6


def test_damaged_jpeg_xl_profile_is_refused():
    data = base64.b85decode(FOREIGN_LOSSLESS)
    random = np.random.default_rng(0)
    for at in random.integers(8, 250, 100):
        damaged = bytearray(data)
        damaged[at] ^= random.integers(1, 256)
        try:
            read_picture(bytes(damaged), max_pixels=1_000_000)
        except LightFuseError:
            continue


@pytest.mark.parametrize("kind", ["avif", "jxl", "jxl-boxes"])
@pytest.mark.parametrize("kept", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_truncated_avif_and_jpeg_xl_are_refused(kind, kept):
    data = samples()[kind]
    assert "the given data" in read_error(data[: int(len(data) * kept)])


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_heic_is_refused(kept):
    data = heic(rough())
    assert "the given data" in read_error(data[: int(len(data) * kept)])


@pytest.mark.parametrize("kind", ["avif", "jxl", "jxl-boxes"])
def test_header_truncated_anywhere_is_refused(kind):
    data = samples()[kind]
    for length in range(1, min(len(data), 400), 3):
        read_error(data[:length])


@pytest.mark.parametrize("kind", ["avif", "jxl", "jxl-boxes"])
@pytest.mark.slow
def test_damaged_files_raise_only_lightfuse_errors(kind):
    data = samples()[kind]
    random = np.random.default_rng(0)
    for at in np.concatenate([random.integers(4, 400, 150), random.integers(4, len(data), 50)]):
        damaged = bytearray(data)
        damaged[at] = random.integers(256)
        try:
            picture = read_picture(bytes(damaged), max_pixels=1_000_000)
        except LightFuseError:
            continue
        assert picture.pixels.shape[2] == 3


def test_too_many_pixels_are_refused_before_decoding(monkeypatch):
    data = bytearray(samples()["avif"])
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 100_000, 100_000)
    monkeypatch.setattr(imagecodecs, "avif_decode", None)
    assert "claims 100,000 × 100,000 pixels" in read_error(bytes(data))


def test_animated_jpeg_xl_is_refused():
    frames = np.stack([photo(), 255 - photo()])
    data = imagecodecs.jpegxl_encode(frames, lossless=True, photometric="rgb")
    assert "is an animated JPEG XL, which cannot be fused; give a still picture" in read_error(data)


def test_heic_decoder_is_asked_for_nothing_but_the_picture(monkeypatch):
    """Damaged metadata would end the process inside pi-heif, which looks for what refers to the picture."""
    pi_heif = pytest.importorskip("pi_heif")
    data = heic(photo(), exif=b"Exif\0\0" + exif_block(orientation=1), xmp=XMP_UPRIGHT)
    assert b"cdsc" in data
    given = []
    open_heif = pi_heif.open_heif

    def recorded(stream, **options):
        given.append(stream.getvalue())
        return open_heif(stream, **options)

    monkeypatch.setattr(pi_heif, "open_heif", recorded)
    picture = read_picture(data)
    assert b"cdsc" not in given[0]
    assert len(given[0]) == len(data)
    assert picture.metadata.xmp == XMP_UPRIGHT
    assert probe_picture(data).shot.exposure_time == 1 / 250


def test_pixels_of_heic_outlive_the_decoder():
    """The decoder frees its memory with its file: pixels that only refer to it would be overwritten."""
    decoded = decode_heic(heic(photo()), None)
    assert decoded.flags.owndata


def test_heic_without_the_extra_is_probed_but_not_read(monkeypatch):
    data = heic(photo())
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    assert probe_picture(data).format == "HEIC"
    assert read_error(data).endswith("is a HEIC, which needs an extra: pip install 'lightfuse[heif]'")


@pytest.mark.parametrize("data", [b"\0\0\0\x18ftypheic" + bytes(20), b"\0\0\0\x18ftypavif" + bytes(20)])
def test_boxes_without_a_picture_are_refused(data):
    assert "the given data" in read_error(data)


@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".dng"])
def test_read_only_formats_are_refused_when_writing(suffix):
    with pytest.raises(LightFuseError, match="can be read but not written"):
        encode_picture(photo(), suffix)
