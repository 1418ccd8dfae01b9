"""A model as ONNX files: float32, 8 bits in and out, and quantised to int8; with what they cost."""

from pathlib import Path

from lightfuse.errors import MissingExtraError
from lightfuse.models import Weights, check_shapes
from lightfuse.models.config import cost


def export_onnx(weights: Weights, data: Path | None = None) -> dict[str, bytes]:
    """Three ONNX files and a README, by name.

    ``lightfuse-NAME.onnx`` works on float32, ``-8bit`` on pictures as decoders give them, ``-int8`` on the same with
    its layers quantised. Height and width are free in all.

    Args:
        weights: of any model.
        data: a folder of brackets to judge int8's quality on, for the README; sample scenes where there is none.

    Raises:
        DataError: the folder holds no brackets that can be judged on.
        PictureError: a picture in it cannot be read.
        MissingExtraError: onnx or onnxruntime is not installed.
        WeightsError: the weights do not fit their model.
    """
    check_shapes(weights, f"the weights of {weights.model}")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name not in ("onnx", "onnxruntime"):
            raise
        raise MissingExtraError("exporting to ONNX", "export") from None
    from lightfuse.export.onnx_models import eight_bit_model, float_model
    from lightfuse.export.quantise import cost_section, fuser_of, quantised

    eight_bits = eight_bit_model(weights)
    int8 = quantised(eight_bits)
    quality = cost_section(fuser_of(eight_bits), fuser_of(int8), data)
    stem = f"lightfuse-{weights.model}"
    files = {
        f"{stem}.onnx": float_model(weights).SerializeToString(),
        f"{stem}-8bit.onnx": eight_bits.SerializeToString(),
        f"{stem}-int8.onnx": int8.SerializeToString(),
    }
    return {**files, "README.md": _readme(weights, files, quality).encode()}


def _readme(weights: Weights, files: dict[str, bytes], quality: str) -> str:
    from lightfuse.export.onnx_graph import IR_VERSION, OPSET

    found = cost(weights.config)
    sizes = [f"{len(content):,}" for content in files.values()]
    plain, eight_bits, int8 = files
    return f"""\
# LightFuse for ONNX: model {weights.model}

Opset {OPSET}, IR version {IR_VERSION}; no operators but ONNX's own. Inputs `first` and `second`, output `fused`: two
pictures of one scene and size, in either order; height and width are free, from 1×1 up.

| file | pictures | bytes |
|---|---|---|
| `{plain}` | float32, 1×3×height×width, RGB in [0, 1] | {sizes[0]} |
| `{eight_bits}` | uint8, height×width×3, RGB, as decoders give it | {sizes[1]} |
| `{int8}` | the same, with CombiningNet in int8 (quantise-dequantise form) | {sizes[2]} |

- Weights: {found.parameters:,} numbers. Multiply-adds per pixel: {found.multiply_adds:,}, and those on the thumbnail.
- Of two pictures of exactly equal brightness, the first is taken as under.

    import numpy as np, onnxruntime
    session = onnxruntime.InferenceSession("{eight_bits}")
    fused = session.run(None, {{"first": dark, "second": bright}})[0]

## What int8 costs in quality

{quality}
"""
