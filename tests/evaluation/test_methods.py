import numpy as np
import pytest

from lightfuse.brackets.recipe import best_recipe, fuse_by
from lightfuse.evaluation.baselines import mertens
from lightfuse.evaluation.methods import Method, baseline_methods, model_methods
from lightfuse.evaluation.run import measure
from lightfuse.evaluation.scenes import Protocol, Scene
from lightfuse.fuser import Fuser
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


def test_mertens_is_measured_on_both(scene: Scene) -> None:
    methods = baseline_methods()
    np.testing.assert_array_equal(methods["OpenCV Mertens"](scene), mertens([scene.under, scene.over]))
    np.testing.assert_array_equal(methods[WHOLE](scene), mertens(scene.exposures))


def test_a_whole_bracket_of_two_has_nothing_to_add(scene: Scene) -> None:
    whole = baseline_methods()[WHOLE]
    assert whole.suits(scene)
    assert not whole.suits(pair_of(scene))
    assert all(method.suits(pair_of(scene)) for name, method in baseline_methods().items() if name != WHOLE)


def test_mef_ssim_to_the_bracket_only_where_asked_and_where_there_is_one(scene: Scene) -> None:
    method, asked = baseline_methods()["average"], Protocol(whole_bracket=True)
    result = measure(method, scene, asked)
    assert result.scores["MEF-SSIM to bracket"] == mef_ssim(result.picture, scene.exposures)
    assert result.scores["MEF-SSIM"] == mef_ssim(result.picture, [scene.under, scene.over])
    assert "MEF-SSIM to bracket" not in measure(method, scene, Protocol()).scores
    assert "MEF-SSIM to bracket" not in measure(method, pair_of(scene), asked).scores


def test_what_is_shown_is_what_was_measured(scene: Scene) -> None:
    method = baseline_methods()["average"]
    assert measure(method, scene, Protocol()).picture.dtype == np.uint8
    np.testing.assert_array_equal(measure(method, scene, Protocol(normalise=True)).picture, method(scene))


def test_models_see_the_whole_bracket_only_where_it_is_measured(scene: Scene) -> None:
    fusers = {"small": Fuser("small", 1)}
    assert list(model_methods(fusers, whole_bracket=False)) == ["small"]
    methods = model_methods(fusers, whole_bracket=True)
    recipe = best_recipe(scene.exposures, fusers["small"])
    expected = fuse_by(recipe, scene.exposures, fusers["small"])
    np.testing.assert_array_equal(methods["small, whole bracket"](scene), expected)
    assert not methods["small, whole bracket"].suits(pair_of(scene))
