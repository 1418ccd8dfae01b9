"""Configurations of both model families, the known models, and a configuration's tensor shapes and cost (no torch)."""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

from lightfuse.errors import WeightsError

_MAX_CHANNELS = 1024  # of any layer: a larger number means a damaged header

OUTPUTS = ("mixing weight", "luma gain", "luma offset", "chroma gain", "chroma mixing weight")
"""What a context model's CombiningNet says of each pixel."""

# Fields of files whose architecture had variations; only these are left. Without the field, a file has another value.
_FORMER_FIELDS: Mapping[str, Any] = {"outputs": len(OUTPUTS), "ratio": True, "bounded": True}


def _is_width(width: int) -> bool:
    return 1 <= width <= _MAX_CHANNELS


def _require(holds: bool, config: "Config", name: str) -> None:
    if not holds:
        raise WeightsError(f"field {name!r} of the {config.family} architecture cannot be {getattr(config, name)!r}")


@dataclass(frozen=True)
class PaperConfig:
    """The paper's network (arXiv 2107.02299): a CombiningNet of 6→``hidden``→3 and a FilteringNet of fixed size."""

    hidden: tuple[int, ...] = (32, 32)

    family: ClassVar[str] = "paper"

    def __post_init__(self) -> None:
        _require(len(self.hidden) == 2 and all(_is_width(width) for width in self.hidden), self, "hidden")


@dataclass(frozen=True)
class ContextConfig:
    """A FilteringNet on a thumbnail that hands a smooth context to a CombiningNet per pixel.

    A weights file that lacks a field means its default, so the defaults never change.
    """

    thumbnail_cells: int = 192 * 128  # approximate number of pixels of the thumbnail, for pictures of any shape
    channels: int = 12  # of every FilteringNet layer
    levels: int = 4  # how many times the FilteringNet halves the thumbnail
    shared: bool = True  # All levels use one set of weights.
    hidden: tuple[int, ...] = (8, 6)  # both widths of the CombiningNet; the context enters the first, and the output

    family: ClassVar[str] = "context"

    def __post_init__(self) -> None:
        _require(64 <= self.thumbnail_cells <= 1 << 22, self, "thumbnail_cells")
        _require(_is_width(self.channels), self, "channels")
        _require(1 <= self.levels <= 6, self, "levels")
        _require(len(self.hidden) == 2 and all(_is_width(width) for width in self.hidden), self, "hidden")

    @property
    def context_channels(self) -> int:
        """Channels of the context: those added to the first hidden layer, then those added to the output."""
        return self.hidden[0] + len(OUTPUTS)

    def thumbnail_size(self, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of a height×width picture's thumbnail: of its aspect ratio, multiples of 2^``levels``.

        No side is longer than ``thumbnail_cells`` / 2^``levels``: extreme panoramas lose their aspect ratio.
        """
        multiple = 2**self.levels
        scale = math.sqrt(self.thumbnail_cells / (height * width))
        most = max(1, self.thumbnail_cells // multiple**2)
        rows, columns = (multiple * min(max(1, int(side * scale / multiple + 0.5)), most) for side in (height, width))
        return rows, columns


Config = PaperConfig | ContextConfig
Record = TypeVar("Record", bound=Any)  # any dataclass
Shape = tuple[int, ...]

KNOWN_MODELS: Mapping[str, Config] = {
    "paper": PaperConfig((32, 32)),
    "paper-wide": PaperConfig((256, 64)),
    "small": ContextConfig(channels=12, shared=True, hidden=(6, 6)),
    "base": ContextConfig(channels=20, shared=False, hidden=(7, 6)),
}
"""The configurations of the models that have a name."""

_FAMILIES: Mapping[str, type[Config]] = {kind.family: kind for kind in (PaperConfig, ContextConfig)}


def config_of(model: str) -> Config:
    """Return the configuration of a known model; raises WeightsError for an unknown one."""
    if model not in KNOWN_MODELS:
        raise WeightsError(f"unknown model {model!r}; known are {', '.join(KNOWN_MODELS)}")
    return KNOWN_MODELS[model]


def changed(record: Record, changes: Mapping[str, Any], what: str) -> Record:
    """Return a copy of a dataclass with fields changed, each given as its own type or as text (``hidden`` as ``8,6``).

    Of a field that is a mapping, only the given entries change. Raises WeightsError, calling a field ``what`` with its
    name at ``{!r}``, where it does not exist or cannot have that value.
    """
    known = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    values: dict[str, Any] = {}
    for name, value in changes.items():
        field = what.format(name)
        if name not in known:
            names = ", ".join(sorted(known))
            raise WeightsError(
                f"{field} does not exist (known are {names}); check the spelling or use a newer LightFuse"
            )
        try:
            values[name] = _converted(value, known[name])
        except (KeyError, ValueError, TypeError, OverflowError):
            raise WeightsError(f"{field} cannot be {value!r}; it is of type {type(known[name]).__name__}") from None
    return dataclasses.replace(record, **values)


def _converted(value: Any, like: Any) -> Any:
    """Return a value, or its text, as the type of another: bool, whole number, tuple of these, mapping, float or text.

    Raises KeyError, ValueError, TypeError or OverflowError where that is not possible.
    """
    if isinstance(like, bool):
        return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
    if isinstance(like, tuple):
        return tuple(_converted(part, 0) for part in (value.split(",") if isinstance(value, str) else value))
    if isinstance(like, Mapping):
        return {**like, **value}
    if isinstance(like, int) and not isinstance(value, str) and (isinstance(value, bool) or int(value) != value):
        raise ValueError(value)
    return type(like)(value)


def config_to_json(config: Config) -> dict[str, Any]:
    """Return the configuration as it is stored in a weights file."""
    former = {} if isinstance(config, PaperConfig) else _FORMER_FIELDS
    return {"family": config.family, **dataclasses.asdict(config), **former}


def config_from_json(fields: Mapping[str, Any]) -> Config:
    """Return the configuration that :func:`config_to_json` wrote; missing fields have their defaults.

    Raises WeightsError where the family or a field is unknown, a value is out of range, or the architecture is an
    older one.
    """
    changes = dict(fields)
    family = changes.pop("family", None)
    if not isinstance(family, str) or family not in _FAMILIES:
        raise WeightsError(f"unknown architecture {family!r}; known are {', '.join(_FAMILIES)}")
    if family == ContextConfig.family:
        former = {name: changes.pop(name, None) for name in _FORMER_FIELDS}
        if former != _FORMER_FIELDS or changes.pop("context_stride", 1) != 1:
            raise WeightsError("it is of an older architecture, which this version cannot fuse with; train it again")
    return changed(_FAMILIES[family](), changes, f"field {{!r}} of the {family} architecture")


def parameter_shapes(model: str | Config) -> dict[str, Shape]:
    """Return the shapes of a model's tensors by name, as in torch's state dict.

    ``model`` is a known model's name or a configuration. Raises WeightsError for an unknown model.
    """
    config = config_of(model) if isinstance(model, str) else model
    is_paper = isinstance(config, PaperConfig)
    shapes: dict[str, Shape] = {}

    def add(name: str, *shape: int, bias: bool = True) -> None:
        shapes[f"{name}.weight"] = shape
        if bias:
            shapes[f"{name}.bias"] = shape[:1]

    for i, (n_in, n_out) in enumerate(itertools.pairwise(_widths(config))):
        add(f"combining.layers.{i}", n_out, n_in, 1, 1, bias=is_paper or 0 < i < len(config.hidden))
    if isinstance(config, PaperConfig):
        for layer in ("down1", "down2", "down3"):
            add(f"filtering.{layer}", 6, 1, 3, 3, bias=layer != "down3")
        add("filtering.mix", 3, 6, 1, 1)
        return shapes
    n = config.channels
    add("filtering.first_dw", 6, 1, 3, 3, bias=False)
    add("filtering.first_pw", n, 6, 1, 1)
    add("filtering.stem", n, 6, 1, 1)
    blocks = [f"down.{i}" for i in range(1 if config.shared else config.levels - 1)]
    blocks += [f"up.{i}" for i in range(1 if config.shared else config.levels)]
    for block in blocks:
        add(f"filtering.{block}.dw", n, 1, 3, 3, bias=False)
        add(f"filtering.{block}.pw", n, n, 1, 1)
    add("filtering.summary", n, 2 * n)
    add("filtering.head", config.context_channels, n, 1, 1)
    return shapes


def _widths(config: Config) -> tuple[int, ...]:
    """Channels of the CombiningNet, from both exposures to its output."""
    return 6, *config.hidden, 3 if isinstance(config, PaperConfig) else len(OUTPUTS)


class Cost(NamedTuple):
    """Learned parameters, and multiply-adds per pixel at full resolution."""

    parameters: int
    multiply_adds: int


def cost(config: Config) -> Cost:
    """Return the cost of a model.

    ``paper``: every layer is counted at its own resolution, rounded. ``context``: only the work at full resolution is
    counted, as that on the thumbnail does not grow with the picture. It consists of the CombiningNet's layers, 2 per
    context channel (bilinear interpolation along the row; that between rows is done once per row), and 19 for applying
    the output: 6 mixing, 6 luma, 2 gain and offset, 5 chroma.
    """
    parameters = sum(math.prod(shape) for shape in parameter_shapes(config).values())
    pointwise = sum(a * b for a, b in itertools.pairwise(_widths(config)))
    if isinstance(config, PaperConfig):
        return Cost(parameters, round(pointwise + sum(6 * 9 / 4**level for level in (1, 2, 3)) + 6 * 3 / 4**3))
    return Cost(parameters, pointwise + 2 * config.context_channels + 19)
