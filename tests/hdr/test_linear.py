"""Linear TIFF and DNG of merged light, read back by tifffile, LibRaw, exiftool and darktable."""

import shutil
import subprocess

import numpy as np
import pytest
import tifffile
from builders.pictures import exif_block

from lightfuse.hdr.files import write_hdr
from lightfuse.images import Metadata
from lightfuse.images.colour import rgb_profile, transform

FUSED = np.zeros((96, 128, 3), np.uint8)
REC_709_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087-0


@pytest.fixture
def radiance():
    """Six stops from left to right below and above white, in three hues from top to bottom."""
    ramp = np.exp2(np.linspace(-6, 4, 128, dtype=np.float32))
    hues = np.repeat(np.array([[1, 1, 1], [1, 0.5, 0.25], [0.25, 0.5, 1]], np.float32), 32, axis=0)
    return ramp[None, :, None] * hues[:, None, :]


def test_tiff_is_linear_rec_2020(tmp_path, radiance):
    write_hdr(tmp_path / "light.tif", FUSED, radiance, Metadata(exif=exif_block()))
    with tifffile.TiffFile(tmp_path / "light.tif") as tiff:
        page = tiff.pages.first
        light, icc = page.asarray(), page.tags[34675].value
        assert page.tags["Make"].value == "LightFuse"
    assert light.dtype == np.float32
    assert np.allclose(light, radiance @ REC_709_TO_2020.T, rtol=0.02, atol=2e-3)
    srgb = transform(np.clip(light / 16, 0, 1), icc, rgb_profile())
    assert np.ptp(srgb[0], axis=-1).max() < 0.01  # What was grey is grey.


def test_dng_is_developed_by_libraw_to_the_light_that_was_merged(tmp_path, radiance):
    rawpy = pytest.importorskip("rawpy", reason="needs the extra: raw")
    write_hdr(tmp_path / "light.dng", FUSED, radiance)
    with rawpy.imread(str(tmp_path / "light.dng")) as raw:
        developed = raw.postprocess(output_bps=16, gamma=(1, 1), no_auto_bright=True, user_wb=[1, 1, 1, 1])
    wanted = radiance / radiance.max()
    measured = np.maximum(developed, 1) / 65535
    level = wanted > 2e-3
    assert developed.shape == radiance.shape
    assert np.abs(np.log2(measured[level] / wanted[level])).mean() < 0.1
    assert np.abs(measured - wanted).max() < 0.04


def test_dng_tells_its_baseline_exposure_and_keeps_exif(tmp_path, radiance):
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    write_hdr(tmp_path / "light.dng", FUSED, radiance, Metadata(exif=exif_block()))
    line = ["exiftool", "-s3", "-BaselineExposure", "-Make", "-ExposureTime", "-PhotometricInterpretation"]
    said = subprocess.run([*line, tmp_path / "light.dng"], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    with tifffile.TiffFile(tmp_path / "light.dng") as tiff:
        stored = tiff.pages.first.asarray()
    assert stored.dtype == np.float16
    assert stored.max() == 1
    # Grey is grey in any primaries: 16 times white was made 1.
    assert float(said[0]) == pytest.approx(np.log2(radiance[0].max()), abs=0.5)
    assert said[1:4] == ["LightFuse", "1/250", "Linear Raw"]
    assert np.allclose(stored[0].astype(np.float32) * 2 ** float(said[0]), radiance[0], rtol=0.01)


@pytest.mark.slow
def test_darktable_develops_the_dng(tmp_path, radiance, monkeypatch):
    if shutil.which("darktable-cli") is None:
        pytest.skip("darktable-cli is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))
    write_hdr(tmp_path / "light.dng", FUSED, radiance, Metadata(exif=exif_block(orientation=1)))
    line = ["darktable-cli", "light.dng", "out.tif", "--core", "--configdir", "config", "--cachedir", "cache"]
    subprocess.run([*line, "--disable-opencl"], cwd=tmp_path, capture_output=True, check=True, timeout=300)
    developed = tifffile.imread(tmp_path / "out.tif").astype(float)
    assert developed.shape[:2] == radiance.shape[:2]
    grey = developed[16, :, :3]
    assert (np.diff(grey[::8].mean(axis=1)) >= -1).all()  # Brighter from left to right, and without a cast.
    assert np.ptp(grey[::8], axis=1).max() < 12
    assert developed[48, 96, 0] > developed[48, 96, 2]
