"""From a model in floats and its ranges to one in whole numbers."""

import numpy as np
from numpy.typing import NDArray

from lightfuse.export.int8.model import (
    CHROMA_BITS,
    GAIN_BITS,
    PART_BITS,
    TOP,
    Curve,
    Int8Model,
    Layer,
    Mix,
    Spread,
    Whole,
)
from lightfuse.export.int8.ranges import Ranges
from lightfuse.models import ContextConfig, Weights

Floats = NDArray[np.float64]

# Photographs reach further than the samples that ranges are measured on: FilteringNet adds what it finds over and over.
_HEADROOM, _COMBINING_HEADROOM = 32.0, 16.0
_LEAST_SHARE = 1 / 16  # of a layer's largest range: what a channel asleep on the samples has room for all the same
_MIXING_BIAS = -3.0  # see networks.context.combining
_CURVE_ENDS = (-6.0, 12.0)  # answers beyond these leave less than a level of 8 bits of one picture
_CURVE_STEP = 0.125


def rounded(weights: Weights, ranges: Ranges) -> Int8Model:
    """The context model in whole numbers, with room for many times the given ranges."""
    assert isinstance(weights.config, ContextConfig)
    return _Rounding(weights, weights.config, ranges).model()


class _Rounding:
    """The scales (what 1 stands for) that layers hand to each other."""

    def __init__(self, weights: Weights, config: ContextConfig, ranges: Ranges) -> None:
        self._name, self._config = weights.model, config
        self._tensors = {name: tensor.astype(np.float64) for name, tensor in weights.tensors.items()}
        self._ranges = {name: _with_room(name, found) for name, found in ranges.items()}
        self._stream = self._ranges["stream"] / TOP
        self._spreads: dict[str, Spread] = {}
        self._mixes: dict[str, Mix] = {}

    def model(self) -> Int8Model:
        """Everything, layer by layer; CombiningNet first, for the context is in its units."""
        layers, sums = self._combining()
        first, last = sums[0], sums[-1]
        room = np.ceil(np.log2(self._ranges["head"] / (np.concatenate([first, last]) * TOP)))
        context_shifts = np.clip(room, 0, PART_BITS)
        self._filtering(np.concatenate([first, last]) * 2.0**context_shifts)
        return Int8Model(
            self._name,
            self._config,
            self._spreads,
            self._mixes,
            layers,
            PART_BITS - context_shifts.astype(np.int64),
            tuple(_curve(last[o]) for o in (0, 4)[: self._config.outputs - 3]),
            self._gains(layers[-1], last),
        )

    def _filtering(self, context: Floats) -> None:
        thumbnail = np.full(6, 1 / TOP)
        self._separable("first_dw", "first_pw", thumbnail)
        self._mix("stem", thumbnail, self._stream)
        levels = self._config.levels
        blocks = [f"down.{i}" for i in range(levels - 1)] + [f"up.{i}" for i in range(levels)]
        for block in blocks:
            if f"filtering.{block}.dw.weight" in self._tensors:
                self._separable(f"{block}.dw", f"{block}.pw", self._stream)
        self._mix("summary", np.tile(self._stream, 2), self._stream)
        self._mix("head", self._stream, context)

    def _separable(self, depthwise: str, pointwise: str, scale: Floats) -> None:
        weights, unit = _to_int8(self._tensors[f"filtering.{depthwise}.weight"].reshape(-1, 9))
        shifts = _shifts(self._ranges[depthwise] / (unit * scale))
        self._spreads[depthwise] = Spread(weights, shifts)
        self._mix(pointwise, unit * scale * 2.0**shifts, self._stream)

    def _mix(self, name: str, scale: Floats, wanted: Floats) -> None:
        weights, unit = _to_int8(_matrix(self._tensors[f"filtering.{name}.weight"]) * scale, wanted / 2**13)
        biases = _whole(self._tensors[f"filtering.{name}.bias"] / unit)
        self._mixes[name] = Mix(weights, biases, *_multipliers(unit / wanted, 46))

    def _combining(self) -> tuple[tuple[Layer, ...], list[Floats]]:
        """The layers, and for each what 1 of its sums stands for."""
        scale, layers, units = np.full(6, 1 / TOP), [], []
        for i in range(len(self._config.hidden) + 1):
            name = f"combining.layers.{i}"
            weights, unit = _to_int8(_matrix(self._tensors[f"{name}.weight"]) * scale, self._least_unit(i))
            biases = _whole(self._tensors.get(f"{name}.bias", np.zeros(len(unit))) / unit)
            shifts = _shifts(self._ranges[name] / unit)
            layers.append(Layer(weights, biases, shifts))
            units.append(unit)
            scale = unit * 2.0**shifts
        return tuple(layers), units

    def _least_unit(self, i: int) -> Floats:
        """What 1 of a layer's sums must stand for at least, that they fit 32 bits with their context."""
        room, context = self._ranges[f"combining.layers.{i}"], self._ranges["head"]
        if i == 0:
            room = np.maximum(room, context[: len(room)])
        if i == len(self._config.hidden):
            room = np.maximum(room, context[-len(room) :])
        return np.maximum(room / 2**28, _CURVE_STEP / 2**20)

    def _gains(self, last: Layer, unit: Floats) -> tuple[tuple[int, int], ...]:
        answers = unit[1:4] * 2.0 ** last.shifts[1:4]
        ones = np.array([2.0**GAIN_BITS, 0.5 * TOP, 2.0**CHROMA_BITS])
        multipliers, shifts = _multipliers(answers * ones, 30)
        return tuple((int(m), int(s)) for m, s in zip(multipliers, shifts, strict=True))


def _matrix(tensor: Floats) -> Floats:
    return tensor.reshape(tensor.shape[:2])


def _whole(values: Floats) -> Whole:
    return np.round(values).astype(np.int64)


def _with_room(name: str, found: Floats) -> Floats:
    room = _COMBINING_HEADROOM if name.startswith("combining") else _HEADROOM
    return room * np.maximum(found, max(float(found.max()) * _LEAST_SHARE, 1e-6))


def _to_int8(weights: Floats, least: Floats | float = 1e-12) -> tuple[Whole, Floats]:
    """Weights [out][…] as -127 to 127, and what 1 stands for in each row: ``least`` at least."""
    unit = np.maximum(np.abs(weights).max(axis=1) / 127, least)
    return _whole(weights / unit[:, None]), unit


def _shifts(sums: Floats) -> Whole:
    """How far sums as large as these are shifted right to fit 16 bits."""
    return np.maximum(np.ceil(np.log2(sums / TOP)), 0).astype(np.int64)


def _multipliers(ratios: Floats, most: int) -> tuple[Whole, Whole]:
    """(multiplier of 15 bits, shift of ``most`` bits at most) for each ratio: ratio = multiplier / 2^shift."""
    shifts = np.clip(14 - np.floor(np.log2(ratios)), 0, most).astype(np.int64)
    return np.minimum(_whole(ratios * 2.0**shifts), TOP), shifts


def _curve(unit: float) -> Curve:
    """The logistic function of sums whose 1 stands for ``unit``."""
    bits = int(np.floor(np.log2(_CURVE_STEP / unit)))
    first, end = (int(np.floor(answer / (unit * 2.0**bits))) for answer in _CURVE_ENDS)
    answers = np.arange(first, end + 1) * 2.0**bits * unit
    return Curve(_whole(TOP / (1 + np.exp(-answers - _MIXING_BIAS))), first, bits)
