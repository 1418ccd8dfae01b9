"""ONNX: valid, and the same pictures as Python in whatever runs it."""

import numpy as np
import pytest
from builders.weights import framed

from lightfuse.fuser import Fuser
from lightfuse.golden import check, load_golden
from lightfuse.models import ContextConfig, Weights, load_weights, shipped_models
from lightfuse.models.config import parameter_shapes

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from lightfuse.export.engines import export_onnx  # noqa: E402


@pytest.fixture(scope="module")
def golden():
    return load_golden()


def fuse_with(on_floats, on_bytes):
    """What the golden set calls: over first; 16-bit pictures go in as floats."""

    def planes(picture, top):
        return (picture.astype(np.float32) / np.float32(top)).transpose(2, 0, 1)[None]

    def fuse(under, over):
        if under.dtype == np.uint8:
            return on_bytes(over, under)
        top = 65535 if under.dtype == np.uint16 else 1
        fused = on_floats(planes(over, top), planes(under, top))[0].transpose(1, 2, 0)
        return np.round(fused * top).astype(under.dtype) if top > 1 else fused

    return fuse


def exported(weights):
    """The two models, for floats and for 8 bits."""
    return list(export_onnx(weights).values())[:2]


def ran_by_onnxruntime(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda first, second: session.run(None, {"first": first, "second": second})[0]


def assert_golden(model, fuse, golden):
    compared = check("onnx", model, fuse, golden)
    assert [one for one in compared if not one.passed] == []
    assert {one.dtype for one in compared} == {"uint8", "uint16", "float32"}


@pytest.mark.parametrize("model", shipped_models())
def test_onnxruntime_makes_the_golden_pictures_of_it(model, golden):
    assert_golden(model, fuse_with(*map(ran_by_onnxruntime, exported(load_weights(model)))), golden)


@pytest.mark.parametrize("model", shipped_models())
def test_openvino_makes_the_golden_pictures_of_it(model, golden):
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()

    def ran(made):
        exact = {"INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(core.read_model(made), "CPU", exact)
        return lambda first, second: compiled({"first": first, "second": second})[0]

    assert_golden(model, fuse_with(*map(ran, exported(load_weights(model)))), golden)


@pytest.mark.parametrize("model", ["small", "base"])
def test_context_models_leave_out_borders_as_the_core_does(model, pair):
    weights = load_weights(model)
    framed_pair = [framed(picture, 30) for picture in pair]
    for picture in framed_pair:  # The core would cut off a border that the scene does not reach beyond.
        picture[0, 0] = picture[-1, -1] = 128
    fused = ran_by_onnxruntime(exported(weights)[1])(*framed_pair)
    assert np.abs(fused.astype(int) - Fuser(weights)(*framed_pair)).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(3, 500), (500, 3), (700, 1000), (161, 256)])
def test_sizes_that_the_golden_set_has_not(height, width, pair):
    under, over = (np.tile(picture, (5, 5, 1))[:height, :width] for picture in pair)
    fused = ran_by_onnxruntime(exported(load_weights("base"))[1])(under, over)
    assert np.abs(fused.astype(int) - Fuser("base")(under, over)).max() <= 1


@pytest.mark.parametrize(
    "config",
    [
        ContextConfig(channels=4, hidden=(5, 3), levels=2),
        ContextConfig(channels=5, hidden=(6, 4), shared=False, thumbnail_cells=4096),
    ],
)
def test_models_of_other_shapes(config, pair):
    rng = np.random.default_rng(1)
    shapes = parameter_shapes(config)
    tensors = {name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    weights = Weights("other", tensors, {}, config)
    fused = ran_by_onnxruntime(exported(weights)[1])(*pair)
    assert np.abs(fused.astype(int) - Fuser(weights)(*pair)).max() <= 1


def test_the_files_state_what_they_are():
    files = export_onnx(load_weights("small"))
    assert list(files) == ["lightfuse-small.onnx", "lightfuse-small-8bit.onnx", "README.md"]
    for name in list(files)[:2]:
        model = onnx.load_from_string(files[name])
        onnx.checker.check_model(model, full_check=True)
        assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
    assert "Opset 18" in files["README.md"].decode()
