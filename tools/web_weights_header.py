"""The weights of the context models as C, laid out as ``lightfuse.h`` wants them, for the WebAssembly build."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.models import ContextConfig, Weights, load_weights

MODELS = ("small", "base")
"""The models the page and the JavaScript package have, in the order of their numbers."""

Floats = NDArray[np.float32]


def weights_header() -> str:
    """``weights.h``: the numbers of every model, and ``lfw_models``, one ``lf_context_model`` each.

    Raises:
        WeightsError: a shipped weights file cannot be read.
    """
    parts = ["/* Made from the shipped weights by tools.web_build. */"]
    models = []
    for name in MODELS:
        tables = _Tables(name)
        models.append(_model(load_weights(name), tables))
        parts += tables.definitions
    parts.append(f"enum {{ LFW_MODELS = {len(MODELS)} }};")
    parts.append("static const lf_context_model lfw_models[LFW_MODELS] = {\n" + ",\n".join(models) + "\n};")
    return "\n".join(parts) + "\n"


class _Tables:
    """The arrays of one model, each defined once under a name of its own."""

    def __init__(self, model: str) -> None:
        self.definitions: list[str] = []
        self._model = model

    def kept(self, tensor: Floats) -> str:
        """A tensor as it lies; the name of its array."""
        name = f"{self._model}_{len(self.definitions)}"
        numbers = ",".join(float(value).hex() + "f" for value in tensor.ravel())
        self.definitions.append(f"static const float {name}[{tensor.size}] = {{{numbers}}};")
        return name

    def turned(self, tensor: Floats) -> str:
        """A matrix [out][in] of torch as [in][out]."""
        return self.kept(np.ascontiguousarray(tensor.reshape(tensor.shape[:2]).T))


def _model(weights: Weights, tables: _Tables) -> str:
    config, tensors = weights.config, weights.tensors
    assert isinstance(config, ContextConfig)
    widths = (6, *config.hidden, config.outputs)
    layers = range(len(widths) - 1)
    names = [f"combining.layers.{i}" for i in layers]
    fields: dict[str, Any] = {
        "thumbnail_cells": config.thumbnail_cells,
        "channels": config.channels,
        "levels": config.levels,
        "layers": len(layers),
        "outputs": config.outputs,
        "contexts": config.context_channels,
        "ratio": int(config.ratio),
        "widths": _list(map(str, widths)),
        "weights": _list(tables.turned(tensors[f"{name}.weight"]) for name in names),
        "biases": _list(_optional(tensors, f"{name}.bias", tables) for name in names),
        "first": _separable(tensors, "filtering.first_", tables),
        "stem": _list(
            ["0", tables.turned(tensors["filtering.stem.weight"]), tables.kept(tensors["filtering.stem.bias"])]
        ),
        "down": _blocks(tensors, "down", config.levels - 1, tables),
        "up": _blocks(tensors, "up", config.levels, tables),
        "summary": tables.turned(tensors["filtering.summary.weight"]),
        "summary_bias": tables.kept(tensors["filtering.summary.bias"]),
        "head": tables.turned(tensors["filtering.head.weight"]),
        "head_bias": tables.kept(tensors["filtering.head.bias"]),
    }
    return "{" + ", ".join(f".{name} = {value}" for name, value in fields.items()) + "}"


def _blocks(tensors: Mapping[str, Floats], kind: str, levels: int, tables: _Tables) -> str:
    """The separable layers of all levels; where levels share one, its arrays are named by each of them."""
    own = [i for i in range(levels) if f"filtering.{kind}.{i}.dw.weight" in tensors]
    separables = {i: _separable(tensors, f"filtering.{kind}.{i}.", tables) for i in own}
    return _list(separables.get(i, separables[0]) for i in range(levels))


def _separable(tensors: Mapping[str, Floats], prefix: str, tables: _Tables) -> str:
    depthwise = tables.kept(tensors[f"{prefix}dw.weight"])
    return _list([depthwise, tables.turned(tensors[f"{prefix}pw.weight"]), tables.kept(tensors[f"{prefix}pw.bias"])])


def _optional(tensors: Mapping[str, Floats], name: str, tables: _Tables) -> str:
    return tables.kept(tensors[name]) if name in tensors else "0"


def _list(items: Any) -> str:
    return "{" + ", ".join(items) + "}"
