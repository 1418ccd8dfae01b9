"""A model as LiteRT (.tflite), for pictures of one size."""

import tempfile
from pathlib import Path

from lightfuse.errors import MissingExtraError
from lightfuse.models import Weights
from lightfuse.models.config import cost


def export_litert(weights: Weights, width: int, height: int) -> dict[str, bytes]:
    """``lightfuse-NAME-WxH.tflite`` and a README, by name: float32 pictures 1×height×width×3 in [0, 1], in and out.

    Raises:
        MissingExtraError: torch or litert-torch is not installed.
    """
    try:
        import litert_torch  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import torch

        from lightfuse.export.litert_module import ChannelsLast
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "litert_torch"):
            raise
        raise MissingExtraError("exporting to LiteRT", "litert") from None
    module = ChannelsLast(weights, height, width).eval()
    pictures = tuple(torch.rand(1, height, width, 3) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        litert_torch.convert(module, pictures).export(str(path))
        content = path.read_bytes()
    name = f"lightfuse-{weights.model}-{width}x{height}.tflite"
    return {name: content, "README.md": _readme(weights, name, content).encode()}


def _readme(weights: Weights, name: str, content: bytes) -> str:
    found = cost(weights.config)
    return f"""\
# LightFuse for LiteRT: model {weights.model}

`{name}` takes two pictures of one scene in either order, float32, 1×height×width×3, RGB in [0, 1], and returns the
fused picture, the same. The size is fixed: `lightfuse export {weights.model} --format litert --size WxH` makes others.

- File: {len(content):,} bytes; weights: {found.parameters:,} numbers.
- Multiply-adds per pixel: {found.multiply_adds:,}, and those on the thumbnail.
"""
