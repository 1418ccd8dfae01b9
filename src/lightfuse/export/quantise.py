"""An ONNX model whose layers count in whole numbers of 8 bits."""

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator
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

from lightfuse.export.quality import calibration_pairs

Pair = tuple[NDArray[Any], NDArray[Any]]


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """An 8-bit model (see :func:`~lightfuse.export.onnx_model.eight_bit_model`) with CombiningNet in int8.

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
