"""Weights files: safetensors with the model's name and configuration in their header."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import OutputError, WeightsError
from lightfuse.models.config import (
    OUTPUTS,
    Config,
    PaperConfig,
    config_from_json,
    config_of,
    config_to_json,
    parameter_shapes,
)
from lightfuse.system import check_writable, write_atomically

_METADATA_KEY = "lightfuse"
_SHIPPED = Path(__file__).with_name("weights")


@dataclass(frozen=True)
class Weights:
    """A model's name, its tensors (float32, named as in torch), notes, and its configuration.

    Without ``config`` it is the known model of that name (WeightsError if there is none); with one, the name is free.
    The tensors are exactly those that the model has (see `parameter_shapes`), and finite: WeightsError for others.
    """

    model: str
    tensors: Mapping[str, NDArray[np.float32]]
    notes: Mapping[str, str]
    config: Config = None  # type: ignore[assignment]  # __post_init__ looks it up.

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", self.config or config_of(self.model))
        expected, model = parameter_shapes(self.config), f"model {self.model!r}"
        for key in sorted(expected.keys() ^ self.tensors.keys()):
            what = "lack" if key in expected else "have an unexpected"
            raise WeightsError(f"the weights {what} tensor {key!r} for {model}; are they of another model?")
        for key, tensor in self.tensors.items():
            if tensor.shape != expected[key]:
                raise WeightsError(f"tensor {key!r} has shape {tensor.shape}, {model} needs {expected[key]}")
            if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
                raise WeightsError(f"tensor {key!r} must hold finite float32 numbers; train it again")

    @property
    def parameters(self) -> int:
        """Number of learned parameters."""
        return sum(tensor.size for tensor in self.tensors.values())


def shipped_models() -> list[str]:
    """Return the names of the models whose weights are part of the package."""
    return sorted(path.stem for path in _SHIPPED.glob("*.safetensors"))


def load_weights(model: str | Path) -> Weights:
    """Load weights by the name of a shipped model or by the path of a ``.safetensors`` file.

    Raises WeightsError where there is no such file, it is damaged, or its tensors do not fit its model.
    """
    if isinstance(model, str) and model in shipped_models():
        return read_weights(_SHIPPED / f"{model}.safetensors")
    path = Path(model)
    if not os.path.exists(path):
        names = ", ".join(shipped_models())
        if isinstance(model, str):
            raise WeightsError(f"{model!r} is neither a model ({names}) nor a weights file; check the spelling")
        raise WeightsError(f"there is no weights file {str(model)!r}; check the path, or name a model ({names})")
    return read_weights(path)


def read_weights(path: Path) -> Weights:
    """Read one weights file; errors as of :func:`load_weights`."""
    from safetensors import SafetensorError, safe_open

    if path.is_dir():
        raise WeightsError(f"{str(path)!r} is a folder; give a weights file")
    try:
        with safe_open(path, framework="numpy") as file:
            header = (file.metadata() or {}).get(_METADATA_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        if any(tensor.dtype.kind == "V" for tensor in tensors.values()):  # bfloat16, where a library taught numpy that.
            raise TypeError
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"{str(path)!r} is not a readable weights file ({reason}); train it again") from None
    except (TypeError, AttributeError, ValueError):  # Of types that numpy lacks, and shapes that no array can have.
        raise WeightsError(f"{str(path)!r} does not hold float32 numbers of possible shapes; train it again") from None
    if header is None:
        raise WeightsError(f"{str(path)!r} does not say which model it belongs to; was it written by LightFuse?")
    try:
        fields = json.loads(header)
        # Older files have no configuration, but the name of a known model.
        model = str(fields["model"])
        config = config_from_json(dict(fields["config"])) if "config" in fields else config_of(model)
        return Weights(model, tensors, dict(fields.get("notes", {})), config)
    except WeightsError as error:
        raise WeightsError(f"{str(path)!r} cannot be used: {error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):  # The last: JSON nested too deeply.
        raise WeightsError(f"{str(path)!r} has a damaged header; train it again") from None


def save_weights(path: Path, weights: Weights) -> None:
    """Write a weights file; raises OutputError where the disk refuses."""
    from safetensors.numpy import save

    fields = {"model": weights.model, "config": config_to_json(weights.config), "notes": dict(weights.notes)}
    # safetensors writes the bytes behind a view, not the view: tensors must be contiguous.
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in weights.tensors.items()}
    write_atomically(path, [save(tensors, metadata={_METADATA_KEY: json.dumps(fields)})], overwrite=True)


def check_weights_output(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError, before any work, unless a weights file can be written at ``path``."""
    if path.suffix != ".safetensors":
        raise OutputError(f"{str(path)!r} must end in .safetensors; that is the format of weights files")
    check_writable(path, overwrite=overwrite)


def core_members(weights: Weights) -> dict[str, int | NDArray[np.float32]]:
    """Return the members of a model's struct in the core (``lf_paper``, ``lf_context_model``), by designator.

    Depthwise kernels and biases are as stored; torch's matrices, [out][in], are [in][out]. Levels that share their
    weights have the very same arrays.
    """
    config, tensors = weights.config, weights.tensors

    @cache
    def stored(name: str) -> NDArray[np.float32]:
        return np.array(tensors[name], order="C")

    @cache
    def matrix(layer: str) -> NDArray[np.float32]:
        tensor = tensors[f"{layer}.weight"]
        return np.ascontiguousarray(tensor.reshape(tensor.shape[:2]).T)

    combining = [f"combining.layers.{i}" for i in range(3)]
    members: dict[str, int | NDArray[np.float32]]
    if isinstance(config, PaperConfig):
        members = {"hidden1": config.hidden[0], "hidden2": config.hidden[1]}
        for i, layer in enumerate(combining, start=1):
            members |= {f"w{i}": matrix(layer), f"b{i}": stored(f"{layer}.bias")}
        members |= {f"down{i}": stored(f"filtering.down{i}.weight") for i in (1, 2, 3)}
        members |= {f"down{i}_bias": stored(f"filtering.down{i}.bias") for i in (1, 2)}
        return {**members, "mix": matrix("filtering.mix"), "mix_bias": stored("filtering.mix.bias")}
    members = {"thumbnail_cells": config.thumbnail_cells, "channels": config.channels, "levels": config.levels}
    members |= {"contexts": config.context_channels, "bias": stored("combining.layers.1.bias")}
    members |= {f"widths[{i}]": width for i, width in enumerate((6, *config.hidden, len(OUTPUTS)))}
    members |= {f"weights[{i}]": matrix(layer) for i, layer in enumerate(combining)}
    blocks = {"first": ("filtering.first_dw", "filtering.first_pw"), "stem": ("", "filtering.stem")}
    for kind, level in [("down", i) for i in range(config.levels - 1)] + [("up", i) for i in range(config.levels)]:
        own = f"filtering.{kind}.{level}"
        block = own if f"{own}.dw.weight" in tensors else f"filtering.{kind}.0"
        blocks[f"{kind}[{level}]"] = f"{block}.dw", f"{block}.pw"
    for name, (depthwise, pointwise) in blocks.items():
        members |= {f"{name}.depthwise": stored(f"{depthwise}.weight")} if depthwise else {}
        members |= {f"{name}.pointwise": matrix(pointwise), f"{name}.bias": stored(f"{pointwise}.bias")}
    for name in ("summary", "head"):
        members |= {name: matrix(f"filtering.{name}"), f"{name}_bias": stored(f"filtering.{name}.bias")}
    return members
