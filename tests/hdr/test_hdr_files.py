"""HDR files: read back by other readers, written completely or not at all."""

import builtins

import cv2
import imagecodecs
import numpy as np
import pytest

from lightfuse.errors import MissingExtraError, OutputError
from lightfuse.hdr.files import check_hdr_output, write_hdr
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg
from lightfuse.images import EncodeOptions

FUSED = np.zeros((30, 50, 3), np.uint8)


def write_radiance(path, radiance, **options):
    """Write the radiance alone: .exr and .hdr hold nothing of the fused picture."""
    write_hdr(path, FUSED, radiance, **options)


@pytest.fixture
def radiance():
    """Fourteen stops in one small picture, black among it."""
    stops = np.random.default_rng(0).uniform(-8, 6, (30, 50, 3))
    radiance = np.exp2(stops).astype(np.float32)
    radiance[0, 0] = 0
    return radiance


def test_radiance_hdr_holds_the_radiance(tmp_path, radiance):
    write_radiance(tmp_path / "radiance.hdr", radiance)
    read = cv2.imread(str(tmp_path / "radiance.hdr"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert np.abs(read - radiance).max(axis=-1).max() <= radiance.max() / 200
    assert (np.abs(read - radiance).max(axis=-1) <= radiance.max(axis=-1) / 100).all()
    assert (read == imagecodecs.rgbe_decode((tmp_path / "radiance.hdr").read_bytes())).all()


def test_openexr_holds_the_radiance(tmp_path, radiance):
    OpenEXR = pytest.importorskip("OpenEXR")
    write_radiance(tmp_path / "radiance.exr", radiance)
    with OpenEXR.File(str(tmp_path / "radiance.exr")) as file:
        read = file.channels()["RGB"].pixels
        assert file.header()["compression"] == OpenEXR.ZIP_COMPRESSION
    assert read.dtype == np.float16
    assert np.allclose(read, radiance, rtol=1e-3, atol=1e-6)


def test_openexr_clamps_to_half_float_range(tmp_path):
    OpenEXR = pytest.importorskip("OpenEXR")
    write_radiance(tmp_path / "sun.exr", np.full((2, 2, 3), 1e6, np.float32))
    with OpenEXR.File(str(tmp_path / "sun.exr")) as file:
        assert (file.channels()["RGB"].pixels == 65504).all()


def test_existing_file_is_replaced_only_with_overwrite(tmp_path, radiance):
    path = tmp_path / "radiance.hdr"
    path.write_text("old")
    with pytest.raises(OutputError, match="already exists; give --overwrite"):
        write_radiance(path, radiance)
    assert path.read_text() == "old"
    write_radiance(path, radiance, overwrite=True)
    assert path.read_bytes().startswith(b"#?RADIANCE")
    assert [p.name for p in tmp_path.iterdir()] == ["radiance.hdr"]


def test_file_created_meanwhile_is_not_replaced(tmp_path, radiance, monkeypatch):
    path = tmp_path / "radiance.hdr"
    monkeypatch.setattr("os.path.lexists", lambda _: False)
    path.write_text("new")
    with pytest.raises(OutputError, match="already exists"):
        write_radiance(path, radiance)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("radiance.hdr", "new")]


def test_full_disk_leaves_no_file(tmp_path, radiance, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", refuse)
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OutputError, match=r"radiance\.hdr cannot be written: No space left on device"):
        write_radiance(tmp_path / "radiance.hdr", radiance)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_reported(tmp_path, radiance):
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        write_radiance(tmp_path / "nowhere" / "radiance.hdr", radiance)


@pytest.mark.parametrize("name", ["radiance.png", "radiance"])
def test_unknown_suffixes_are_refused(tmp_path, radiance, name):
    with pytest.raises(OutputError, match=r"ends in \.jpg, \.jpeg, .*\.tiff or \.dng"):
        write_radiance(tmp_path / name, radiance)


def test_missing_openexr_names_the_extra(tmp_path, radiance, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "OpenEXR":
            raise ModuleNotFoundError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'lightfuse\[exr\]'"):
        write_radiance(tmp_path / "radiance.exr", radiance)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def fused(radiance):
    return np.round(255 * np.clip(radiance, 0, 1) ** 0.45).astype(np.uint8)


def test_suffix_selects_the_format(tmp_path, radiance, fused):
    write_hdr(tmp_path / "a.JPG", fused, radiance, options=EncodeOptions(quality=80))
    assert (tmp_path / "a.JPG").read_bytes() == encode_gain_map_jpeg(fused, radiance, options=EncodeOptions(quality=80))
    write_hdr(tmp_path / "a.hdr", fused, radiance)
    write_radiance(tmp_path / "b.hdr", radiance)
    assert (tmp_path / "a.hdr").read_bytes() == (tmp_path / "b.hdr").read_bytes()
    with pytest.raises(OutputError, match=r"ends in \.jpg, \.jpeg, .*\.tiff or \.dng"):
        write_hdr(tmp_path / "a.png", fused, radiance)


def test_check_finds_unwritable_outputs(tmp_path):
    check_hdr_output(tmp_path / "new.jpg", overwrite=False)
    (tmp_path / "old.hdr").write_text("old")
    check_hdr_output(tmp_path / "old.hdr", overwrite=True)
    for name, sentence in {
        "old.hdr": "already exists",
        "new.png": "ends in",
        "nowhere/new.jpg": "there is no folder",
        "nul\0.jpg": "cannot be written",
    }.items():
        with pytest.raises(OutputError, match=sentence):
            check_hdr_output(tmp_path / name, overwrite=False)
    (tmp_path / "folder.jpg").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_hdr_output(tmp_path / "folder.jpg", overwrite=True)


def test_check_finds_missing_openexr(tmp_path, monkeypatch):
    monkeypatch.setattr("lightfuse.errors.find_spec", lambda _: None)
    check_hdr_output(tmp_path / "radiance.hdr", overwrite=False)
    with pytest.raises(MissingExtraError, match="exr"):
        check_hdr_output(tmp_path / "radiance.exr", overwrite=False)
