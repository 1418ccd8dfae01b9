"""A model's weights as a C header: arrays as lightfuse.h wants them, and the struct that points at them."""

import re
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from lightfuse.models import ContextConfig, PaperConfig, Weights
from lightfuse.models.config import OUTPUTS

Floats = NDArray[np.float32]


_HEADER = """\
/* The weights of LightFuse's model {model}: {count:,} numbers, {bytes:,} bytes. Generated. */
#ifndef {guard}
#define {guard}

#include "lightfuse.h"

{arrays}

static const {kind} {prefix} = {{
{fields}
}};

#endif
"""


def weights_header(weights: Weights) -> str:
    """The header that declares ``lightfuse_NAME``, a constant `lf_context_model` or `lf_paper`, from its tensors."""
    prefix, config = f"lightfuse_{c_name(weights.model)}", weights.config
    arrays, is_paper = _Arrays(prefix, weights.tensors), isinstance(config, PaperConfig)
    fields = _paper_struct(config, arrays) if isinstance(config, PaperConfig) else _context_struct(config, arrays)
    return _HEADER.format(
        model=" ".join(weights.model.replace("*/", "").split()),  # It cannot end the comment it stands in.
        count=weights.parameters,
        bytes=4 * weights.parameters,
        guard=f"{prefix}_weights_h".upper(),
        arrays="\n".join(arrays.declared),
        kind="lf_paper" if is_paper else "lf_context_model",
        prefix=prefix,
        fields="\n".join(f"    {field}," for field in fields),
    )


class _Arrays:
    """Tensors by name, each declared once as a C array when first asked for."""

    def __init__(self, prefix: str, tensors: Mapping[str, Floats]) -> None:
        self._prefix, self._tensors = prefix, tensors
        self._names: dict[str, str] = {}
        self.declared: list[str] = []

    def as_stored(self, name: str) -> str:
        """A bias, or depthwise kernels [channel][row][column], as stored."""
        return self._declare(name, self._tensors[name])

    def transposed(self, name: str) -> str:
        """A matrix of torch [out][in] as [in][out]."""
        tensor = self._tensors[name]
        return self._declare(name, tensor.reshape(tensor.shape[:2]).T)

    def has(self, name: str) -> bool:
        return name in self._tensors

    def _declare(self, name: str, tensor: Floats) -> str:
        if name not in self._names:
            self._names[name] = array = f"{self._prefix}_{c_name(name)}"
            texts = [f"{value:.9g}" for value in tensor.ravel()]  # From which every float32 is read back as it was.
            texts = [f"{text if set(text) & set('.e') else text + '.0'}f" for text in texts]
            lines = [f"    {', '.join(texts[at : at + 8])}," for at in range(0, len(texts), 8)]
            self.declared += [f"static const float {array}[{len(texts)}] = {{", *lines, "};"]
        return self._names[name]


def _context_struct(config: ContextConfig, arrays: _Arrays) -> list[str]:
    widths = (6, *config.hidden, len(OUTPUTS))
    return [
        f".thumbnail_cells = {config.thumbnail_cells}",
        f".channels = {config.channels}",
        f".levels = {config.levels}",
        f".contexts = {config.context_channels}",
        f".widths = {_braced(map(str, widths))}",
        f".first = {_separable(arrays, 'filtering.first_dw', 'filtering.first_pw')}",
        f".stem = {{NULL, {arrays.transposed('filtering.stem.weight')}, {arrays.as_stored('filtering.stem.bias')}}}",
        f".down = {_braced(_level(arrays, 'down', i) for i in range(config.levels))}",
        f".up = {_braced(_level(arrays, 'up', i) for i in range(config.levels))}",
        f".summary = {arrays.transposed('filtering.summary.weight')}",
        f".summary_bias = {arrays.as_stored('filtering.summary.bias')}",
        f".head = {arrays.transposed('filtering.head.weight')}",
        f".head_bias = {arrays.as_stored('filtering.head.bias')}",
        f".weights = {_braced(arrays.transposed(f'combining.layers.{i}.weight') for i in range(3))}",
        f".bias = {arrays.as_stored('combining.layers.1.bias')}",
    ]


def _level(arrays: _Arrays, kind: str, level: int) -> str:
    """The block of a level; the first one's where levels share."""
    own = f"filtering.{kind}.{level}"
    block = own if arrays.has(f"{own}.dw.weight") else f"filtering.{kind}.0"
    return _separable(arrays, f"{block}.dw", f"{block}.pw")


def _separable(arrays: _Arrays, depthwise: str, pointwise: str) -> str:
    return _braced(
        [
            arrays.as_stored(f"{depthwise}.weight"),
            arrays.transposed(f"{pointwise}.weight"),
            arrays.as_stored(f"{pointwise}.bias"),
        ]
    )


def _paper_struct(config: PaperConfig, arrays: _Arrays) -> list[str]:
    fields = [f".hidden1 = {config.hidden[0]}", f".hidden2 = {config.hidden[1]}"]
    for i in range(3):
        fields.append(f".w{i + 1} = {arrays.transposed(f'combining.layers.{i}.weight')}")
        fields.append(f".b{i + 1} = {arrays.as_stored(f'combining.layers.{i}.bias')}")
    for layer in ("down1", "down2", "down3"):
        fields.append(f".{layer} = {arrays.as_stored(f'filtering.{layer}.weight')}")
        if layer != "down3":
            fields.append(f".{layer}_bias = {arrays.as_stored(f'filtering.{layer}.bias')}")
    return [
        *fields,
        f".mix = {arrays.transposed('filtering.mix.weight')}",
        f".mix_bias = {arrays.as_stored('filtering.mix.bias')}",
    ]


def c_name(model: str) -> str:
    """A model's name as part of C's names: ``paper-wide`` is ``paper_wide``."""
    return re.sub(r"\W", "_", model, flags=re.ASCII)


def _braced(parts: Iterable[str]) -> str:
    """An initialiser."""
    return "{" + ", ".join(parts) + "}"
