"""ncnn: the same pictures as Python for the size that was asked for."""

import dataclasses

import numpy as np
import pytest

from lightfuse.errors import LightFuseError, WeightsError
from lightfuse.golden import check, load_golden
from lightfuse.models import load_weights

pytest.importorskip("pnnx")
ncnn = pytest.importorskip("ncnn")

from lightfuse.export.engines import export_ncnn  # noqa: E402


def opened(files, folder):
    """The exported network, in full precision."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    parameters, numbers, _ = files
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    assert net.load_param(str(folder / parameters)) == 0
    assert net.load_model(str(folder / numbers)) == 0
    return net


def fuse_with(model, folder):
    """What the golden set calls: exported for the size of each case, over first, floats in and out."""

    def fuse(under, over):
        height, width = under.shape[:2]
        net = opened(export_ncnn(load_weights(model), width, height), folder)
        top = 1 if under.dtype == np.float32 else np.iinfo(under.dtype).max
        run = net.create_extractor()
        for name, picture in (("in0", over), ("in1", under)):
            planes = np.ascontiguousarray(picture.transpose(2, 0, 1).astype(np.float32) / np.float32(top))
            run.input(name, ncnn.Mat(planes).clone())
        code, answer = run.extract("out0")
        assert code == 0
        fused = np.array(answer).reshape(3, height, width).transpose(1, 2, 0)
        return fused if under.dtype == np.float32 else np.round(fused * top).astype(under.dtype)

    return fuse


@pytest.mark.parametrize("model", ["small", "base"])
def test_ncnn_makes_the_golden_pictures_of_it(model, tmp_path):
    golden = load_golden()
    wide = dataclasses.replace(golden, cases=[case for case in golden.cases if case.under.shape[1] > 1])
    assert 0 < len(golden.cases) - len(wide.cases) <= 2
    compared = check("ncnn", model, fuse_with(model, tmp_path), wide, floats=False)
    assert [one for one in compared if not one.passed] == []


def test_a_single_column_is_refused():
    with pytest.raises(LightFuseError, match="two columns or more"):
        export_ncnn(load_weights("small"), 1, 48)


def test_a_model_without_such_a_form_is_refused():
    with pytest.raises(WeightsError, match="ncnn has no layers for what 'paper' does"):
        export_ncnn(load_weights("paper"), 64, 48)
