"""What is measured of a scene, by which methods, and that importing the package is cheap."""

import math
import subprocess
import sys

import numpy as np
import pytest
from builders.pictures import adobe_rgb

from lightfuse.brackets.files import find_brackets
from lightfuse.brackets.selection import fuse_selection, select_exposures
from lightfuse.evaluation.baselines import mertens
from lightfuse.evaluation.evaluate import (
    MEASURES,
    Method,
    Protocol,
    Scene,
    baseline_methods,
    measure,
    model_methods,
    read_scene,
    report,
)
from lightfuse.evaluation.tables import ScoreTable
from lightfuse.fuser import Fuser
from lightfuse.images import Metadata, convert_profile, write_picture
from lightfuse.metrics.mef_ssim import mef_ssim

WHOLE = "OpenCV Mertens, whole bracket"


@pytest.fixture
def scene() -> Scene:
    """Three exposures, dark to bright."""
    radiance = np.random.default_rng(3).random((48, 64, 3)).astype(np.float32)
    return Scene("lamp", tuple(np.clip(radiance * gain, 0, 1) for gain in (0.2, 1, 5)), None)


def pair_of(scene: Scene) -> Scene:
    return Scene(scene.name, (scene.under, scene.over), None)


def test_a_method_is_given_the_extremes_or_the_whole_bracket(scene: Scene) -> None:
    seen: list[list[float]] = []

    def spy(exposures):
        seen.append([float(exposure.mean()) for exposure in exposures])
        return exposures[0]

    Method(spy)(scene)
    Method(spy, whole_bracket=True)(scene)
    means = [float(exposure.mean()) for exposure in scene.exposures]
    assert seen == [[means[0], means[2]], means]


def test_scenes_are_read_in_srgb(tmp_path, scene: Scene) -> None:
    for name, metadata in (("srgb", Metadata()), ("adobe", Metadata(icc=adobe_rgb()))):
        (tmp_path / name).mkdir()
        for number, exposure in enumerate(scene.exposures):
            pixels = convert_profile(np.rint(exposure * 65535).astype(np.uint16), None, metadata.icc)
            write_picture(tmp_path / name / f"{number}.png", pixels, metadata)
    adobe, srgb = (read_scene(bracket) for bracket in find_brackets(tmp_path))
    assert (adobe.name, srgb.name) == ("adobe", "srgb")
    for one, other in zip(adobe.exposures, srgb.exposures, strict=True):
        assert one.dtype == other.dtype == np.float32
        assert np.abs(one - other).max() <= 0.004


def test_mertens_is_measured_on_pair_and_bracket(scene: Scene) -> None:
    methods = baseline_methods()
    # OpenCV's sums depend on how its arrays lie in memory.
    np.testing.assert_allclose(methods["OpenCV Mertens"](scene), mertens([scene.under, scene.over]), atol=1e-5)
    np.testing.assert_allclose(methods[WHOLE](scene), mertens(scene.exposures), atol=1e-5)


def test_whole_bracket_methods_do_not_apply_to_pairs(scene: Scene) -> None:
    whole = baseline_methods()[WHOLE]
    assert whole.applies_to(scene)
    assert not whole.applies_to(pair_of(scene))
    assert all(method.applies_to(pair_of(scene)) for name, method in baseline_methods().items() if name != WHOLE)


def test_mef_ssim_to_the_bracket_is_measured_where_asked_and_possible(scene: Scene) -> None:
    method, asked = baseline_methods()["average"], Protocol(whole_bracket=True)
    result = measure(method, scene, asked)
    assert result.scores["MEF-SSIM to bracket"] == mef_ssim(result.picture, scene.exposures)
    assert result.scores["MEF-SSIM"] == mef_ssim(result.picture, [scene.under, scene.over])
    assert "MEF-SSIM to bracket" not in measure(method, scene, Protocol()).scores
    assert "MEF-SSIM to bracket" not in measure(method, pair_of(scene), asked).scores


def test_every_score_is_of_a_listed_measure(scene: Scene) -> None:
    referenced = Scene(scene.name, scene.exposures, scene.exposures[1])
    assert list(measure(Method(mertens), referenced, Protocol(whole_bracket=True)).scores) == list(MEASURES)


def test_tone_faults_of_a_scene_are_measured() -> None:
    """A window that over clips, in a dark room; the method returns over, brightened."""
    under = np.full((50, 60, 3), 20 / 255, np.float32)
    under[:, :30] = 120 / 255
    over = np.full_like(under, 60 / 255)
    over[:, :30] = 1
    scores = measure(
        Method(lambda pair: pair[1] + np.float32(10 / 255)), Scene("room", (under, over), None), Protocol()
    )
    assert scores.scores["luma above inputs"] == pytest.approx(5, abs=1e-4)
    assert scores.scores["highlight L*"] == pytest.approx(100)
    assert scores.scores["highlight spread"] == pytest.approx(0)
    assert scores.scores["clipped though held %"] == pytest.approx(50)
    assert scores.scores["border change"] == 0
    assert math.isnan(scores.scores["highlight contrast"])


def test_border_change_is_measured_with_the_methods_own_inputs(scene: Scene) -> None:
    """A method that answers with the mean over picture and border is changed by black borders."""

    def flat(exposures):
        return np.full_like(exposures[0], sum(float(exposure.mean()) for exposure in exposures) / len(exposures))

    assert measure(Method(flat, whole_bracket=True), scene, Protocol()).scores["border change"] > 50
    assert measure(Method(mertens), scene, Protocol()).scores["border change"] < 50


def test_the_result_is_the_picture_that_was_measured(scene: Scene) -> None:
    method = baseline_methods()["average"]
    assert measure(method, scene, Protocol()).picture.dtype == np.uint8
    np.testing.assert_array_equal(measure(method, scene, Protocol(normalise=True)).picture, method(scene))


def test_models_see_the_whole_bracket_only_where_it_is_measured(scene: Scene) -> None:
    fusers = {"small": Fuser("small", 1)}
    assert list(model_methods(fusers, whole_bracket=False)) == ["small"]
    methods = model_methods(fusers, whole_bracket=True)
    selection = select_exposures(scene.exposures)
    expected = fuse_selection(selection, scene.exposures, fusers["small"])
    np.testing.assert_array_equal(methods["small, whole bracket"](scene), expected)
    assert not methods["small, whole bracket"].applies_to(pair_of(scene))


def test_the_report_lists_worst_scenes_and_chroma_outliers() -> None:
    table = ScoreTable(MEASURES)
    for name, chroma, lift in (("day", 1.0, 0.0), ("neon", 1.6, 0.1), ("night", 1.41, 40.0)):
        table.add(name, "base", {"chroma to inputs": chroma, "luma above inputs": lift})
        table.add(name, "average", {"chroma to inputs": 0.7, "luma above inputs": 0.0})
    *_, base, average = report(table).splitlines()
    assert base == "| base | neon, night, day | neon, night |"
    assert average == "| average | day, neon, night | none |"
    assert "| **worst** | base | 1.6 (neon) | 40 (night) |" in report(table)


def test_importing_the_package_loads_neither_opencv_nor_torch() -> None:
    program = (
        "import sys, lightfuse.evaluation.evaluate; print({'cv2', 'torch', 'scipy', 'skimage'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
