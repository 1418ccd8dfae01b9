"""A context model as ncnn's .param and .bin, for pictures of one size (extra: ncnn)."""

import subprocess
import tempfile
import warnings
from pathlib import Path

from lightfuse.errors import LightFuseError, MissingExtraError, WeightsError
from lightfuse.models import ContextConfig, Weights
from lightfuse.models.config import cost


def export_ncnn(weights: Weights, width: int, height: int) -> dict[str, bytes]:
    """``lightfuse-NAME-WxH.param``, ``.bin`` and a README, by name: float32 pictures 3×height×width in [0, 1].

    Raises:
        WeightsError: ncnn has no layers for the model.
        LightFuseError: pictures of one column, on which ncnn breaks down, or pnnx failed.
        MissingExtraError: torch or pnnx is not installed.
    """
    if not isinstance(weights.config, ContextConfig):
        raise WeightsError(f"ncnn has no layers for what {weights.model!r} does; the models small and base have a form")
    if width < 2:
        raise LightFuseError("ncnn takes pictures of two columns or more; give --size a larger width")
    try:
        import pnnx
        import torch

        from lightfuse.export.fixed_size import FixedSize
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "pnnx"):
            raise
        raise MissingExtraError("exporting to ncnn", "ncnn") from None
    pictures = tuple(torch.rand(1, 3, height, width) for _ in range(2))
    with warnings.catch_warnings(action="ignore"):  # That choices made while tracing are kept: they are by the model.
        traced = torch.jit.trace(FixedSize(weights, height, width).eval(), pictures)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as folder:
        traced.save(str(Path(folder, "model.pt")))
        shape = f"[1,3,{height},{width}]"
        command = [pnnx.EXEC_PATH, "model.pt", f"inputshape={shape},{shape}", "fp16=0"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        made = [Path(folder, f"model.ncnn.{part}") for part in ("param", "bin")]
        if ended.returncode != 0 or not all(path.exists() for path in made):
            raise LightFuseError(f"pnnx could not convert {weights.model!r}: exit code {ended.returncode}")
        parameters, numbers = (path.read_bytes() for path in made)
    name = f"lightfuse-{weights.model}-{width}x{height}"
    readme = _readme(weights, name, len(parameters) + len(numbers))
    return {f"{name}.param": parameters, f"{name}.bin": numbers, "README.md": readme.encode()}


def _readme(weights: Weights, name: str, size: int) -> str:
    found = cost(weights.config)
    return f"""\
# LightFuse for ncnn: model {weights.model}

`{name}.param` and `{name}.bin` take two pictures of one scene in either order as `in0` and `in1`, float32,
3×height×width, RGB in [0, 1], and give the fused picture, the same, as `out0`:

    ncnn::Net net;
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = false;
    net.load_param("{name}.param");
    net.load_model("{name}.bin");
    ncnn::Extractor fuse = net.create_extractor();
    fuse.input("in0", first);
    fuse.input("in1", second);
    fuse.extract("out0", fused);

Without the second line some processors calculate in half precision: faster, and off by a level or more of 255. The size
is fixed: `lightfuse export {weights.model} --format ncnn --size WxH` makes others.

- Files: {size:,} bytes, half of them and more the matrices of the thumbnail; weights: {found.parameters:,} numbers.
- Multiply-adds per pixel: {found.multiply_adds:,}, and those on the thumbnail.
"""
