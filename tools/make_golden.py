"""Make the golden set again, after weights or the synthetic scenes change: ``python -m tools.make_golden``.

Its results are those of the reference, the torch models in float64 (extra: train), and, where 8-bit pictures are fused
in integers, also those of the core, which every other target has to give to the bit.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.golden import GOLDEN_FILE, Floats, GoldenCase, GoldenSet, digest
from lightfuse.models import load_weights, shipped_models
from lightfuse.models.networks import Model, from_weights
from lightfuse.system import write_atomically
from tools.synthetic import sample_pair


@dataclass(frozen=True)
class _CaseSpec:
    name: str
    width: int
    height: int
    bits: Literal[8, 16] = 8
    noise: bool = True
    step: int = 1


# Small enough to ship; "large" has more pixels than the thumbnail, so that each of its cells averages several.
_CASES = (
    _CaseSpec("small", 32, 24),
    _CaseSpec("odd", 37, 23),
    _CaseSpec("tall", 5, 67),
    _CaseSpec("pixel", 1, 1),
    _CaseSpec("sixteen", 33, 22, bits=16),
    _CaseSpec("large", 221, 131, noise=False, step=6),
)


def make_golden() -> GoldenSet:
    """Render the synthetic pairs and fuse them with every shipped model.

    Raises:
        WeightsError: a shipped weights file cannot be read.
    """
    weights = {name: load_weights(name) for name in shipped_models()}
    modules = {name: from_weights(read).double() for name, read in weights.items()}
    fusers = {name: Fuser(read) for name, read in weights.items()}
    return GoldenSet(
        cases=tuple(_case(spec, modules, fusers) for spec in _CASES),
        weights={name: digest(read) for name, read in weights.items()},
    )


def fused_by_torch(module: Model, under: NDArray[Any], over: NDArray[Any]) -> Floats:
    """The reference's result, H×W×3, float32 in [0, 1], of pictures of any type, computed in the module's precision."""
    dtype = next(module.parameters()).dtype
    planes = [
        torch.from_numpy(picture.astype(np.float64) / full_scale(picture.dtype)).to(dtype).permute(2, 0, 1)[None]
        for picture in (under, over)
    ]
    with torch.no_grad():
        fused: Floats = module(*planes)[0].permute(1, 2, 0).float().numpy()
    return fused


def _case(spec: _CaseSpec, modules: dict[str, Model], fusers: dict[str, Fuser]) -> GoldenCase:
    under, over = sample_pair(spec.width, spec.height, bits=spec.bits, noise=spec.noise)
    expected = {
        name: np.ascontiguousarray(fused_by_torch(module, under, over)[:: spec.step, :: spec.step])
        for name, module in modules.items()
    }
    exact = {
        name: np.ascontiguousarray(fuser(under, over)[:: spec.step, :: spec.step])
        for name, fuser in fusers.items()
        if under.dtype == np.uint8
    }
    return GoldenCase(spec.name, under, over, spec.step, expected, exact)


def save_golden(golden: GoldenSet, path: Path) -> None:
    """Write a golden set. Raises OutputError if the disk refuses."""
    parts: dict[str, NDArray[Any]] = {}
    for case in golden.cases:
        parts[f"under/{case.name}"], parts[f"over/{case.name}"] = case.under, case.over
        parts[f"step/{case.name}"] = np.array(case.step)
        for model, result in case.expected.items():
            parts[f"expected/{model}/{case.name}"] = result
        for model, picture in case.exact.items():
            parts[f"exact/{model}/{case.name}"] = picture
    for model, value in golden.weights.items():
        parts[f"weights/{model}"] = np.array(value)
    packed = BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **parts)
    write_atomically(path, [packed.getvalue()], overwrite=True)


def main(path: Path = GOLDEN_FILE) -> None:
    """Write the golden set, by default into the package, and print its size."""
    golden = make_golden()
    save_golden(golden, path)
    print(f"{path}: {len(golden.cases)} cases of {', '.join(golden.weights)}, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        raise SystemExit(f"lightfuse: {error}") from None
