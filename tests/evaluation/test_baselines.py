import stat
from pathlib import Path

import cv2
import numpy as np
import pytest

from lightfuse.errors import LightFuseError, PictureError
from lightfuse.evaluation.baselines import average, enfuse, enfuse_available, mertens


@pytest.fixture
def exposures() -> list[np.ndarray]:
    scene = cv2.GaussianBlur(np.random.default_rng(7).random((48, 64, 3)), (0, 0), 2)
    scene = (scene - scene.min()) / (scene.max() - scene.min())
    return [np.rint(255 * np.clip(scene * gain, 0, 1)).astype(np.uint8) for gain in (0.3, 2.0)]


def as_sixteen_bits(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.uint16) * np.uint16(257)


def as_float(picture: np.ndarray) -> np.ndarray:
    return picture / 255


@pytest.mark.parametrize("method", [mertens, average])
@pytest.mark.parametrize("convert", [as_sixteen_bits, as_float])
def test_baselines_do_not_depend_on_dtype(method, convert, exposures: list[np.ndarray]) -> None:
    np.testing.assert_allclose(method([convert(e) for e in exposures]), method(exposures), atol=1e-4)


@pytest.mark.parametrize("method", [mertens, average])
def test_baselines_return_float32_in_unit_range(method, exposures: list[np.ndarray]) -> None:
    fused = method(exposures)
    assert fused.shape == exposures[0].shape
    assert fused.dtype == np.float32
    assert 0 <= fused.min() < fused.max() <= 1


def test_mertens_equals_opencv_on_eight_bits(exposures: list[np.ndarray]) -> None:
    expected = np.clip(cv2.createMergeMertens().process(exposures), 0, 1)
    np.testing.assert_allclose(mertens(exposures), expected, atol=1e-4)


def test_mertens_is_the_same_picture_every_time() -> None:
    """Of three exposures or more, OpenCV's threads would round the sum in the order in which they finish."""
    exposures = list(np.random.default_rng(3).random((5, 400, 600, 3), np.float32))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        assert len({mertens(exposures).tobytes() for _ in range(5)}) == 1
        assert cv2.getNumThreads() == 4
    finally:
        cv2.setNumThreads(threads)


def test_average_is_the_mean_and_does_not_change_its_inputs() -> None:
    pictures = [np.full((2, 2, 3), value, np.float32) for value in (0.0, 0.3, 0.9)]
    np.testing.assert_allclose(average(pictures), 0.4, atol=1e-6)
    assert [float(picture[0, 0, 0]) for picture in pictures] == [np.float32(v) for v in (0.0, 0.3, 0.9)]


@pytest.mark.parametrize("method", [mertens, average])
def test_one_exposure_or_two_sizes_are_refused(method, exposures: list[np.ndarray]) -> None:
    with pytest.raises(PictureError, match="two or more"):
        method(exposures[:1])
    with pytest.raises(PictureError, match="2 is 64×40 pixels, the exposure 1 64×48"):
        method([exposures[0], exposures[1][:40]])


def install_enfuse(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "enfuse"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_without_enfuse_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exposures: list[np.ndarray]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not enfuse_available()
    with pytest.raises(LightFuseError, match="install"):
        enfuse(exposures)


def test_enfuse_gets_the_exposures_in_order_and_rgb_survives_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exposures: list[np.ndarray]
) -> None:
    """A stand-in for the program that answers with its second input."""
    install_enfuse(tmp_path, 'cp "$3" "${1#--output=}"\n', monkeypatch)
    assert enfuse_available()
    np.testing.assert_allclose(enfuse(exposures), exposures[1] / 255, atol=1e-5)


def test_the_error_of_a_failing_enfuse_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exposures: list[np.ndarray]
) -> None:
    install_enfuse(tmp_path, "echo starting >&2\necho 'enfuse: no blending today' >&2\nexit 3\n", monkeypatch)
    with pytest.raises(LightFuseError, match=r"exit code 3.*no blending today"):
        enfuse(exposures)


@pytest.mark.skipif(not enfuse_available(), reason="enfuse is not installed")
def test_enfuse_brightens_under_and_darkens_over(exposures: list[np.ndarray]) -> None:
    fused = enfuse(exposures)
    assert fused.shape == exposures[0].shape
    assert exposures[0].mean() / 255 < fused.mean() < exposures[1].mean() / 255
