"""The golden set as it is shipped: made-up pairs, and what the reference makes of them, in one file."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import LightFuseError, OutputError
from lightfuse.models import Weights

FILE_NAME = "golden.npz"

Picture = NDArray[Any]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class GoldenCase:
    """One pair, H×W×3, uint8 or uint16, and the result each model must give.

    ``expected[model]`` is float32 in [0, 1], not rounded to levels, at every ``step``-th pixel of every ``step``-th
    row: shape ceil(H/step) × ceil(W/step) × 3.
    """

    name: str
    under: Picture
    over: Picture
    step: int
    expected: Mapping[str, Floats]


@dataclass(frozen=True)
class GoldenSet:
    """All cases, and for each model the :func:`digest` of the weights its results were made with."""

    cases: tuple[GoldenCase, ...]
    weights: Mapping[str, str]


def digest(weights: Weights) -> str:
    """What tells one set of trained numbers from another: SHA-256 over names, shapes and values of its tensors."""
    hashed = hashlib.sha256()
    for name, tensor in sorted(weights.tensors.items()):
        hashed.update(f"{name} {tensor.shape} ".encode())
        hashed.update(np.ascontiguousarray(tensor, "<f4").tobytes())
    return hashed.hexdigest()


def load_golden() -> GoldenSet:
    """The golden set that comes with LightFuse. Raises LightFuseError if its file is missing or damaged."""
    try:
        data = (resources.files("lightfuse.golden") / FILE_NAME).read_bytes()
        with np.load(BytesIO(data), allow_pickle=False) as file:
            parts = {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, BadZipFile, zlib.error) as error:
        raise LightFuseError(f"the golden pictures cannot be read ({error}); install LightFuse again") from None
    weights = {name.removeprefix("weights/"): str(parts[name]) for name in parts if name.startswith("weights/")}
    names = [name.removeprefix("step/") for name in parts if name.startswith("step/")]
    cases = tuple(
        GoldenCase(
            name=name,
            under=parts[f"under/{name}"],
            over=parts[f"over/{name}"],
            step=int(parts[f"step/{name}"]),
            expected={model: parts[f"expected/{model}/{name}"] for model in weights},
        )
        for name in names
    )
    return GoldenSet(cases, weights)


def save_golden(golden: GoldenSet, path: Path) -> None:
    """Write a golden set: to a temporary name first, then moved into place. Raises OutputError if the disk refuses."""
    parts: dict[str, NDArray[Any]] = {}
    for case in golden.cases:
        parts[f"under/{case.name}"], parts[f"over/{case.name}"] = case.under, case.over
        parts[f"step/{case.name}"] = np.array(case.step)
        for model, result in case.expected.items():
            parts[f"expected/{model}/{case.name}"] = result
    for model, value in golden.weights.items():
        parts[f"weights/{model}"] = np.array(value)
    packed = BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **parts)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(packed.getvalue())
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {str(path)!r}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
