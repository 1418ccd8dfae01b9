"""A model in whole numbers as a C header: arrays, and the `lf_int8_model` that points at them."""

from collections.abc import Iterable

from lightfuse.export.c_text import braced, c_array, c_name, in_comment, weights_header_text
from lightfuse.export.int8.model import Curve, Int8Model, Layer, Mix, Spread, Whole


def int8_header(model: Int8Model) -> str:
    """The header that declares ``lightfuse_NAME``."""
    prefix = f"lightfuse_{c_name(model.name)}"
    arrays = _Arrays(prefix)
    fields = _fields(model, arrays)
    about = f"LightFuse's model {in_comment(model.name)} in whole numbers: {arrays.bytes:,} bytes."
    return weights_header_text(prefix, about, "lightfuse_rows.h", arrays.declared, "lf_int8_model", fields)


def int8_bytes(model: Int8Model) -> int:
    """Bytes of all arrays: weights, biases, multipliers, shifts, curves."""
    arrays = _Arrays("")
    _fields(model, arrays)
    return arrays.bytes


class _Arrays:
    """Arrays declared so far, and how many bytes they take."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.declared: list[str] = []
        self.bytes = 0

    def add(self, name: str, bits: int, values: Whole, unsigned: str = "") -> str:
        """Declare an array of intN_t, or of uintN_t where ``unsigned`` is "u"; returns its name."""
        array = f"{self._prefix}_{c_name(name)}"
        self.declared += c_array(f"{unsigned}int{bits}_t", array, map(str, values.ravel()), per_line=16)
        self.bytes += values.size * bits // 8
        return array

    def spread(self, name: str, layer: Spread) -> str:
        return braced([self.add(f"{name}_weights", 8, layer.weights), self.add(f"{name}_shifts", 8, layer.shifts, "u")])

    def mix(self, name: str, layer: Mix) -> str:
        return braced(
            [
                self.add(f"{name}_weights", 8, layer.weights),
                self.add(f"{name}_biases", 32, layer.biases),
                self.add(f"{name}_multipliers", 16, layer.multipliers),
                self.add(f"{name}_shifts", 8, layer.shifts, "u"),
            ]
        )

    def layer(self, name: str, layer: Layer) -> str:
        return braced(
            [
                self.add(f"{name}_weights", 8, layer.weights),
                self.add(f"{name}_biases", 32, layer.biases),
                self.add(f"{name}_shifts", 8, layer.shifts, "u"),
            ]
        )

    def curve(self, name: str, curve: Curve) -> str:
        table = self.add(name, 16, curve.table)
        return braced([table, str(curve.first), str(len(curve.table) - 1), str(curve.bits)])


def _fields(model: Int8Model, arrays: _Arrays) -> list[str]:
    config = model.config
    spreads = {name: arrays.spread(name, layer) for name, layer in model.spreads.items()}
    mixes = {name: arrays.mix(name, layer) for name, layer in model.mixes.items()}

    def blocks(kind: str, count: int) -> str:
        numbers = [0 if config.shared else level for level in range(count)]
        return braced(braced([spreads[f"{kind}.{i}.dw"], mixes[f"{kind}.{i}.pw"]]) for i in numbers)

    fields = {
        "thumbnail_cells": config.thumbnail_cells,
        "channels": config.channels,
        "levels": config.levels,
        "layers": len(model.layers),
        "outputs": config.outputs,
        "contexts": config.context_channels,
        "ratio": int(config.ratio),
        "widths": braced(map(str, (6, *config.hidden, config.outputs))),
        "first": braced([spreads["first_dw"], mixes["first_pw"]]),
        "up": blocks("up", config.levels),
        "stem": mixes["stem"],
        "summary": mixes["summary"],
        "head": mixes["head"],
        "combining": braced(arrays.layer(f"combining_{i}", layer) for i, layer in enumerate(model.layers)),
        "context_shifts": arrays.add("context_shifts", 8, model.context_shifts, "u"),
        "curves": braced(arrays.curve(f"curve_{i}", curve) for i, curve in enumerate(model.curves)),
        "gains": braced(_texts(multiplier for multiplier, _ in model.gains)),
        "gain_shifts": braced(_texts(shift for _, shift in model.gains)),
    }
    if config.levels > 1:
        fields["down"] = blocks("down", config.levels - 1)
    return [f".{name} = {value}" for name, value in fields.items()]


def _texts(values: Iterable[int]) -> Iterable[str]:
    return (str(value) for value in values)
