"""Methods beyond those of ``lightfuse benchmark``: ONNX Runtime and enfuse, where they are installed.

``python benchmarks/methods.py METHOD PICTURES THREADS`` measures one method; see `lightfuse.benchmark`.
"""

import importlib.util
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from lightfuse.benchmark import Method, Run, load_pair, measure_here
from lightfuse.benchmark import available_methods as methods_of_the_command
from lightfuse.errors import LightFuseError
from lightfuse.models import shipped_models

WORKER = (sys.executable, __file__)
"""The command to measure these methods by."""

_ONNX_BYTES_A_PIXEL = 320  # `base`, whose layers ONNX Runtime holds whole.


def available_methods(models: Iterable[str]) -> list[Method]:
    """Those of the command, and, where installed, the first of the models by ONNX Runtime, and enfuse."""
    chosen = list(models)
    return [*methods_of_the_command(chosen), *_onnx_runtime(chosen[:1]), *_programs()]


def _onnx_runtime(models: Iterable[str]) -> list[Method]:
    if not all(importlib.util.find_spec(package) for package in ("onnx", "onnxruntime")):
        return []
    note = "is what `lightfuse export --format onnx` writes for 8 bits"
    return [Method(f"{m}, ONNX Runtime", 8, partial(_prepare_onnx, m), may_fail=True, note=note) for m in models]


def _programs() -> list[Method]:
    if shutil.which("enfuse") is None:
        return []
    return [Method("enfuse", 8, _prepare_enfuse, program=True, note="reads and writes uncompressed TIFF files")]


def _prepare_onnx(model: str, folder: Path, threads: int) -> Run:
    import onnxruntime

    from lightfuse.export.engines import export_onnx
    from lightfuse.models import load_weights

    under, over = load_pair(folder)
    need = under.shape[0] * under.shape[1] * _ONNX_BYTES_A_PIXEL
    if need > _memory() / 2:
        raise LightFuseError(f"it would take some {need / 1e9:.1f} GB, more than half of this machine's memory")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # Twice the memory otherwise, and no faster.
    graph = export_onnx(load_weights(model))[f"lightfuse-{model}-8bit.onnx"]
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
            reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise LightFuseError(f"enfuse failed: {reason}")

    return run


if __name__ == "__main__":
    try:
        measure_here(method for model in shipped_models() for method in available_methods([model]))
    except LightFuseError as error:
        raise SystemExit(str(error)) from None
    except MemoryError:
        raise SystemExit("there is not enough memory for pictures of this size") from None
