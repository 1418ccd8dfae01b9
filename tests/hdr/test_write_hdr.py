"""HDR files: read back by other readers, whole or not at all."""

import builtins

import cv2
import imagecodecs
import numpy as np
import pytest

from lightfuse.errors import MissingExtraError, OutputError
from lightfuse.hdr import Radiance, check_hdr_output, encode_gain_map_jpeg, write_hdr, write_radiance


@pytest.fixture
def light():
    """Fourteen stops of light in one small picture, black among it."""
    stops = np.random.default_rng(0).uniform(-8, 6, (30, 50, 3))
    light = np.exp2(stops).astype(np.float32)
    light[0, 0] = 0
    return light


def test_radiance_files_hold_the_light(tmp_path, light):
    write_radiance(tmp_path / "light.hdr", light)
    read = cv2.imread(str(tmp_path / "light.hdr"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert np.abs(read - light).max(axis=-1).max() <= light.max() / 200
    assert (np.abs(read - light).max(axis=-1) <= light.max(axis=-1) / 100).all()
    assert (read == imagecodecs.rgbe_decode((tmp_path / "light.hdr").read_bytes())).all()


def test_openexr_files_hold_the_light(tmp_path, light):
    OpenEXR = pytest.importorskip("OpenEXR")
    write_radiance(tmp_path / "light.exr", light)
    with OpenEXR.File(str(tmp_path / "light.exr")) as file:
        read = file.channels()["RGB"].pixels
        assert file.header()["compression"] == OpenEXR.ZIP_COMPRESSION
    assert read.dtype == np.float16
    assert np.allclose(read, light, rtol=1e-3, atol=1e-6)


def test_light_beyond_a_half_float_is_its_largest(tmp_path):
    OpenEXR = pytest.importorskip("OpenEXR")
    write_radiance(tmp_path / "sun.exr", np.full((2, 2, 3), 1e6, np.float32))
    with OpenEXR.File(str(tmp_path / "sun.exr")) as file:
        assert (file.channels()["RGB"].pixels == 65504).all()


def test_a_radiance_is_written_as_its_light_is(tmp_path, light):
    write_radiance(tmp_path / "a.hdr", Radiance(light, (0.0, 2.0)))
    write_radiance(tmp_path / "b.HDR", light)
    assert (tmp_path / "a.hdr").read_bytes() == (tmp_path / "b.HDR").read_bytes()


def test_nothing_is_overwritten_unless_asked(tmp_path, light):
    path = tmp_path / "light.hdr"
    path.write_text("old")
    with pytest.raises(OutputError, match="already exists; give --overwrite"):
        write_radiance(path, light)
    assert path.read_text() == "old"
    write_radiance(path, light, overwrite=True)
    assert path.read_bytes().startswith(b"#?RADIANCE")
    assert [p.name for p in tmp_path.iterdir()] == ["light.hdr"]


def test_a_file_that_appears_meanwhile_is_not_touched(tmp_path, light, monkeypatch):
    path = tmp_path / "light.hdr"
    monkeypatch.setattr("os.path.lexists", lambda _: False)
    path.write_text("new")
    with pytest.raises(OutputError, match="already exists"):
        write_radiance(path, light)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("light.hdr", "new")]


def test_a_refusing_disk_leaves_nothing(tmp_path, light, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.link", refuse)
    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OutputError, match=r"light\.hdr cannot be written: No space left on device"):
        write_radiance(tmp_path / "light.hdr", light)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said(tmp_path, light):
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        write_radiance(tmp_path / "nowhere" / "light.hdr", light)


@pytest.mark.parametrize("name", ["light.png", "light"])
def test_other_suffixes_are_refused(tmp_path, light, name):
    with pytest.raises(OutputError, match=r"ends in \.exr or \.hdr"):
        write_radiance(tmp_path / name, light)


def test_openexr_missing_says_how_to_get_it(tmp_path, light, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "OpenEXR":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'lightfuse\[exr\]'"):
        write_radiance(tmp_path / "light.exr", light)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def fused(light):
    return np.round(255 * np.clip(light, 0, 1) ** 0.45).astype(np.uint8)


def test_the_suffix_says_what_is_written(tmp_path, light, fused):
    write_hdr(tmp_path / "a.JPG", fused, Radiance(light, (0.0, 1.0)), quality=80)
    assert (tmp_path / "a.JPG").read_bytes() == encode_gain_map_jpeg(fused, light, quality=80)
    write_hdr(tmp_path / "a.hdr", fused, light)
    write_radiance(tmp_path / "b.hdr", light)
    assert (tmp_path / "a.hdr").read_bytes() == (tmp_path / "b.hdr").read_bytes()
    with pytest.raises(OutputError, match=r"ends in \.jpg, \.jpeg, \.exr or \.hdr"):
        write_hdr(tmp_path / "a.png", fused, light)


def test_what_cannot_be_written_is_known_beforehand(tmp_path):
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


def test_a_missing_package_is_known_beforehand(tmp_path, monkeypatch):
    monkeypatch.setattr("lightfuse.hdr.files.find_spec", lambda _: None)
    check_hdr_output(tmp_path / "light.hdr", overwrite=False)
    with pytest.raises(MissingExtraError, match="exr"):
        check_hdr_output(tmp_path / "light.exr", overwrite=False)
