"""An ONNX model with int8 inference, and what that costs in quality beside the model in floats."""

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from lightfuse.brackets.files import find_brackets
from lightfuse.errors import DataError
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr
from lightfuse.sample import sample_pair

Picture = NDArray[Any]
Pair = tuple[Picture, Picture]
Fuse = Callable[[Picture, Picture], Picture]

_LONG_SIDE = 640  # of the pictures judged on: the thumbnail, where quantisation costs most, is of one size anyway


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """An 8-bit model (see :func:`~lightfuse.export.onnx_models.eight_bit_model`) with CombiningNet in int8.

    Weights are int8 a channel, what flows between layers uint8 by the ranges met on sample pairs (quantise-dequantise
    form). The rest stays float32, FilteringNet too: its cost does not grow with the picture where it works on the
    thumbnail, and quantised it advises photographs wrongly (22 dB on the worst of eleven brackets instead of 42).
    """
    filtering = [node.name for node in model.graph.node if node.op_type == "Conv" and "filtering" in node.input[1]]
    with tempfile.TemporaryDirectory() as folder, _no_advice():
        whole, smaller = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, whole)
        quantize_static(
            whole,
            smaller,
            _Samples(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=filtering,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(smaller)


def fuser_of(model: onnx.ModelProto) -> Callable[[NDArray[Any], NDArray[Any]], NDArray[np.uint8]]:
    """An 8-bit model as a function of two pictures, H×W×3."""
    session = session_of(model)
    return lambda first, second: fuse_eight_bits(session, (first, second))


def session_of(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The model, ready to run on the processor."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def fuse_eight_bits(session: onnxruntime.InferenceSession, pair: Pair) -> NDArray[np.uint8]:
    """Run an 8-bit model on a pair of H×W×3."""
    fused: NDArray[np.uint8] = session.run(None, {"first": pair[0], "second": pair[1]})[0]
    return fused


@contextlib.contextmanager
def _no_advice() -> Iterator[None]:
    """Keep to itself what onnxruntime tells of other ways to quantise: a person who exports can do nothing with it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """Sample pairs, one a call."""

    def __init__(self) -> None:
        self._pairs = iter(calibration_pairs())

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        pair = next(self._pairs, None)
        return None if pair is None else {"first": pair[0], "second": pair[1]}


@dataclass(frozen=True)
class _Cost:
    """One pair: PSNR in dB between both results (8 bits), and either's MEF-SSIM on the pair."""

    psnr: float
    mef_ssim_float: float
    mef_ssim_int8: float


def cost_section(exact: Fuse, approximate: Fuse, data: Path | None) -> str:
    """A sentence and a Markdown table on the quality of ``approximate`` beside ``exact``, for a README.

    Args:
        exact, approximate: from two 8-bit pictures, H×W×3, to one; the model in floats and in int8.
        data: a folder of brackets to judge on; sample scenes that no range was measured on where there is none.

    Raises:
        DataError: the folder holds no bracket of two exposures of one size.
        PictureError: a picture in it cannot be read.
    """
    pairs = _bracket_pairs(data) if data else _judging_pairs()
    costs = [_cost(exact(*pair), approximate(*pair), pair) for pair in pairs]
    judged = (
        f"the extremes of {len(costs)} brackets, {_LONG_SIDE} pixels long" if data else f"{len(costs)} sample scenes"
    )
    return f"Beside the same model in floats, 8-bit pictures, on {judged}:\n\n{_table(costs)}"


@cache
def calibration_pairs() -> tuple[Pair, ...]:
    """The sample pairs that ranges are measured on."""
    return tuple(sample_pair(*size) for size in ((192, 128), (144, 96), (128, 192), (96, 64)))


@cache
def _judging_pairs() -> tuple[Pair, ...]:
    """Sizes that no range was measured on."""
    return tuple(sample_pair(*size) for size in ((240, 160), (160, 120)))


def _bracket_pairs(folder: Path) -> Iterator[Pair]:
    """The darkest and the brightest exposure of every bracket in a folder, 8 bits, 640 pixels on their long side.

    Raises:
        DataError: the folder holds no bracket of two exposures of one size.
        PictureError: a picture cannot be read.
    """
    from lightfuse.evaluation.evaluate import read_scene

    for bracket in find_brackets(folder):
        try:
            scene = read_scene(bracket)
        except DataError as error:
            raise DataError(f"{bracket.name!r} in {str(folder)!r} cannot be judged on: {error}") from None
        yield _smaller(scene.under), _smaller(scene.over)


def _smaller(picture: Picture) -> Picture:
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, _LONG_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return to_eight_bits(np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 0, 1))


def _cost(exact: Picture, quantised_picture: Picture, pair: Pair) -> _Cost:
    return _Cost(min(psnr(quantised_picture, exact), 99.0), mef_ssim(exact, pair), mef_ssim(quantised_picture, pair))


def _table(costs: list[_Cost]) -> str:
    """A Markdown table: median and worst over the pairs."""
    rows = [
        ("PSNR to the floats' picture", "{:.1f} dB", [one.psnr for one in costs]),
        ("MEF-SSIM of the floats' picture", "{:.4f}", [one.mef_ssim_float for one in costs]),
        ("MEF-SSIM in int8", "{:.4f}", [one.mef_ssim_int8 for one in costs]),
    ]
    lines = [f"| {name} | {form.format(np.median(x))} | {form.format(min(x))} |" for name, form, x in rows]
    return "\n".join(["| | median | worst |", "|---|---|---|", *lines])
