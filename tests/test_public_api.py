"""What LightFuse offers to Python: its names, and what importing them costs."""

import subprocess
import sys

import pytest

import lightfuse

HEAVY = ("torch", "cv2", "numpy", "imagecodecs", "tifffile", "safetensors", "typer", "PIL", "h5py", "skimage")


def loaded_by(code):
    """Which heavy modules a fresh interpreter holds after running code."""
    code += f"\nimport sys; print(*(name for name in {HEAVY} if name in sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


def test_the_public_names_are_these():
    assert lightfuse.__all__ == [
        "DataError",
        "EncodeOptions",
        "FuseOptions",
        "FuseReport",
        "Fuser",
        "LightFuseError",
        "MergeLightFuse",
        "MissingExtraError",
        "OutputError",
        "PictureError",
        "WeightsError",
        "__version__",
        "fuse",
        "fuse_files",
    ]


@pytest.mark.parametrize("name", lightfuse.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(lightfuse, name) is not None
    assert name in dir(lightfuse)


def test_a_star_import_brings_the_public_names():
    namespace = {}
    exec("from lightfuse import *", namespace)
    assert namespace.keys() - {"__builtins__"} == set(lightfuse.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'lightfuse' has no attribute 'fusee'"):
        _ = lightfuse.fusee


@pytest.mark.parametrize("name", [name for name in lightfuse.__all__ if name.endswith("Error")])
def test_every_error_is_a_lightfuse_error(name):
    assert issubclass(getattr(lightfuse, name), lightfuse.LightFuseError)


def test_a_missing_extra_says_how_to_get_it():
    assert str(lightfuse.MissingExtraError("training", "train")) == (
        "training needs an extra: pip install 'lightfuse[train]'"
    )


def test_importing_lightfuse_loads_nothing_heavy():
    assert loaded_by("import lightfuse") == set()


def test_asking_for_the_version_or_an_error_loads_nothing_heavy():
    assert loaded_by("import lightfuse; lightfuse.__version__; lightfuse.PictureError") == set()


def test_importing_the_fusing_path_loads_no_torch_and_no_decoder():
    assert loaded_by("import lightfuse.fuser, lightfuse.pipeline") <= {"numpy"}


def test_fusing_loads_no_torch():
    code = "import numpy, lightfuse; a = numpy.zeros((9, 9, 3), numpy.uint8); lightfuse.fuse(a, a + 9)"
    assert not loaded_by(code) & {"torch", "PIL", "typer"}


def test_a_fuser_loads_nothing_but_numpy_and_its_weights():
    code = "import numpy, lightfuse; a = numpy.zeros((9, 9, 3), numpy.uint8); lightfuse.Fuser()(a, a + 9)"
    assert loaded_by(code) <= {"numpy", "safetensors"}


def test_loading_the_commands_loads_no_torch():
    code = "from lightfuse.cli.app import application; application([])"
    assert not loaded_by(code) & {"torch", "cv2", "imagecodecs", "PIL", "h5py"}
