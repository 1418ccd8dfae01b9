"""What is measured: each method by name, and how it is made ready and run."""

import importlib.util
import math
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import LightFuseError

_ONNX_BYTES_A_PIXEL = 320  # `base`, whose layers ONNX Runtime holds whole.

Picture = NDArray[Any]
Run = Callable[[], object]
"""Does the whole work once, on pictures it already holds."""
Prepare = Callable[[Path, int], Run]
"""Takes the folder of the pictures and the number of threads, does what is done only once, and gives the work."""


@dataclass(frozen=True)
class Method:
    """One row of the table: its name, the pictures' bits, how to make it ready, and what to know about it.

    A ``program`` works in a process of its own, on under.tif and over.tif; anything else on under.npy and over.npy.
    One that ``may_fail``, as for want of memory, is left out of a table rather than end it.
    """

    name: str
    bits: Literal[8, 16]
    prepare: Prepare
    program: bool = False
    may_fail: bool = False
    note: str = ""

    @property
    def key(self) -> str:
        """What no other method is called."""
        return f"{self.name}/{self.bits}"


def available_methods(models: Iterable[str]) -> list[Method]:
    """Everything this machine can do: the plain average, Mertens, the given models; where installed, the first of
    these by ONNX Runtime, and enfuse.
    """
    chosen = list(models)
    return [*_opencv(), *_models(chosen), *_onnx_runtime(chosen[:1]), *_programs()]


def _opencv() -> list[Method]:
    # OpenCV's Mertens has no 16-bit row: it divides such pictures by 255 and fuses nonsense.
    return [
        Method("cv2.addWeighted", 8, _prepare_average),
        Method("cv2.addWeighted", 16, _prepare_average),
        Method("cv2 Mertens", 8, _prepare_mertens),
    ]


def _models(models: Iterable[str]) -> list[Method]:
    return [Method(model, bits, partial(_prepare_model, model)) for model in models for bits in (8, 16)]


def _onnx_runtime(models: Iterable[str]) -> list[Method]:
    if not all(importlib.util.find_spec(package) for package in ("onnx", "onnxruntime")):
        return []
    note = "is what `lightfuse export --format onnx` writes for 8 bits"
    return [Method(f"{m}, ONNX Runtime", 8, partial(_prepare_onnx, m), may_fail=True, note=note) for m in models]


def _programs() -> list[Method]:
    if shutil.which("enfuse") is None:
        return []
    return [Method("enfuse", 8, _prepare_enfuse, program=True, note="reads and writes uncompressed TIFF files")]


def _prepare_average(folder: Path, threads: int) -> Run:
    import cv2

    cv2.setNumThreads(threads)
    under, over = _load(folder)
    out = np.empty_like(under)
    return lambda: cv2.addWeighted(under, 0.5, over, 0.5, 0, dst=out)


def _prepare_mertens(folder: Path, threads: int) -> Run:
    import cv2

    cv2.setNumThreads(threads)
    pair, merge = _load(folder), cv2.createMergeMertens()
    return lambda: cv2.convertScaleAbs(merge.process(pair), alpha=255)


def _prepare_model(model: str, folder: Path, threads: int) -> Run:
    from lightfuse.fuser import Fuser

    fuser, (under, over) = Fuser(model, threads), _load(folder)
    out = np.empty_like(under)
    return lambda: fuser(under, over, out)


def _prepare_onnx(model: str, folder: Path, threads: int) -> Run:
    import onnxruntime

    from lightfuse.export.onnx_models import eight_bit_model
    from lightfuse.models import load_weights

    under, over = _load(folder)
    need = under.shape[0] * under.shape[1] * _ONNX_BYTES_A_PIXEL
    if need > _memory() / 2:
        raise LightFuseError(f"it would take some {need / 1e9:.1f} GB, more than half of this machine's memory")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # Twice the memory otherwise, and no faster.
    graph = eight_bit_model(load_weights(model)).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"first": under, "second": over})[0]


def _memory() -> float:
    """Bytes of memory this machine has; no limit where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


def _prepare_enfuse(folder: Path, threads: int) -> Run:
    command = ["enfuse", f"--output={folder / 'fused.tif'}", str(folder / "under.tif"), str(folder / "over.tif")]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}

    def run() -> None:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
        if ended.returncode != 0:
            last_words = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise LightFuseError(f"enfuse failed: {last_words}")

    return run


def _load(folder: Path) -> tuple[Picture, Picture]:
    return np.load(folder / "under.npy"), np.load(folder / "over.npy")
