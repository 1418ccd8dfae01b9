"""The models for inference engines, from torch: ONNX for pictures of any size, LiteRT and ncnn for those of one."""

import subprocess
import tempfile
import warnings
from pathlib import Path

from lightfuse.errors import LightFuseError, WeightsError, missing_extra
from lightfuse.export import readme
from lightfuse.models import ContextConfig, Weights

_OPSET = 18


def export_onnx(weights: Weights) -> dict[str, bytes]:
    """``lightfuse-NAME.onnx`` for float32, ``-8bit.onnx`` for pictures as decoders give them, and a README, by name.

    Height and width are free.

    Raises:
        MissingExtraError: torch or onnx is not installed.
    """
    with missing_extra("exporting to ONNX", "export", "torch", "onnx"):
        import onnx
        import torch

        from lightfuse.export.modules import AnySize, AnySizeOf8Bits

    made, stem = {}, f"lightfuse-{weights.model}"
    planes, pixels = torch.rand(2, 1, 3, 48, 64), torch.zeros(2, 48, 64, 3, dtype=torch.uint8)
    for name, kind, pictures, sides in (
        (f"{stem}.onnx", AnySize, planes, (2, 3)),
        (f"{stem}-8bit.onnx", AnySizeOf8Bits, pixels, (0, 1)),
    ):
        free = dict(zip(sides, ("height", "width"), strict=True))
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
            torch.onnx.export(  # Its warnings: choices by the model are kept, and there is another exporter.
                kind(weights).eval(), tuple(pictures), path := Path(folder, name), dynamo=False, opset_version=_OPSET,
                input_names=["first", "second"], output_names=["fused"],
                dynamic_axes={"first": free, "second": free, "fused": free},
            )  # fmt: skip
            onnx.checker.check_model(str(path), full_check=True)
            made[name] = path.read_bytes()
    facts = dict(zip(("plain", "eight_bits"), made, strict=True))
    facts |= {f"{name}_bytes": f"{len(made[file]):,}" for name, file in facts.items()}
    return {**made, "README.md": readme("onnx", weights, opset=_OPSET, **facts).encode()}


def export_litert(weights: Weights, width: int, height: int) -> dict[str, bytes]:
    """``lightfuse-NAME-WxH.tflite`` and a README, by name: float32 pictures 1×height×width×3 in [0, 1], in and out.

    Raises:
        MissingExtraError: torch or litert-torch is not installed.
    """
    with missing_extra("exporting to LiteRT", "litert", "torch", "litert_torch"):
        import litert_torch  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import torch

        from lightfuse.export.modules import ChannelsLast

    module = ChannelsLast(weights, height, width).eval()
    pictures = tuple(torch.rand(1, height, width, 3) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        litert_torch.convert(module, pictures).export(str(path))
        content = path.read_bytes()
    name = f"lightfuse-{weights.model}-{width}x{height}.tflite"
    return {name: content, "README.md": readme("litert", weights, name=name, size=len(content)).encode()}


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
    with missing_extra("exporting to ncnn", "ncnn", "torch", "pnnx"):
        import pnnx
        import torch

        from lightfuse.export.modules import FixedSize

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
    text = readme("ncnn", weights, name=name, size=len(parameters) + len(numbers))
    return {f"{name}.param": parameters, f"{name}.bin": numbers, "README.md": text.encode()}
