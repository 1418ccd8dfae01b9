"""Every setting of a training run, in one place: defaults here, overridden from a TOML file or ``name=value`` words."""

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightfuse.errors import DataError


@dataclass(frozen=True)
class TrainSettings:
    """What one run does; saved with the run as ``settings.json``.

    Attributes:
        model: ``paper`` or ``paper-wide``.
        steps: optimizer steps in all.
        batch: patches a step.
        patch: side of a patch in pixels, a multiple of 8.
        learning_rate: of Adam at its peak; falls to zero along a half cosine.
        warmup: steps of linear growth to the peak.
        seed: of everything random; step ``n`` draws from ``(seed, n)`` alone, so a resumed run repeats exactly.
        near_pairs: chance of a pair one or two exposures away from the extremes instead of the extreme pair itself.
        jitter: move patches off the prepared grid at random.
        flips: mirror and quarter-turn patches at random.
        channel_swaps: permute red, green and blue at random, in both exposures and the reference alike.
        l1, mse, ssim: weights of the losses (mean absolute, mean squared error, 1 − SSIM).
        validate_every, log_every: in steps; the checkpoint is written at every validation.
        threads: of torch; 0 leaves torch's own choice.
    """

    model: str = "paper"
    steps: int = 8000
    batch: int = 4
    patch: int = 256
    learning_rate: float = 2e-3
    warmup: int = 100
    seed: int = 0
    near_pairs: float = 0.5
    jitter: bool = True
    flips: bool = True
    channel_swaps: bool = True
    l1: float = 1.0
    mse: float = 1.0
    ssim: float = 0.5
    validate_every: int = 500
    log_every: int = 20
    threads: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "patch", "validate_every", "log_every"):
            if getattr(self, name) < 1:
                raise DataError(f"setting {name} must be at least 1, not {getattr(self, name)}")
        if self.patch % 8:
            raise DataError(f"setting patch must be a multiple of 8, not {self.patch}")
        if not self.l1 + self.mse + self.ssim > 0:
            raise DataError("at least one of the loss weights l1, mse and ssim must be above 0")

    def override(self, words: list[str]) -> "TrainSettings":
        """A copy with ``name=value`` words applied, each read as the setting's own type."""
        return self._replace(dict(_parse(word) for word in words))

    def to_json(self) -> str:
        """The settings as they are saved with a run."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    def _replace(self, changes: dict[str, Any]) -> "TrainSettings":
        return dataclasses.replace(self, **{name: _convert(name, value) for name, value in changes.items()})


def read_settings(path: Path) -> TrainSettings:
    """Settings from a TOML file (``name = value`` lines) or a run's ``settings.json``; the rest stays at its default.

    Raises:
        DataError: the file cannot be read, or names a setting that does not exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
        changes = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise DataError(f"cannot read settings {str(path)!r}: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"settings {str(path)!r} are not valid {path.suffix or 'TOML'}: {error}") from None
    return TrainSettings()._replace(changes)


def _parse(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise DataError(f"{word!r} is not of the form name=value")
    return name.strip().replace("-", "_"), value.strip()


def _convert(name: str, value: Any) -> Any:
    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(TrainSettings)}
    if name not in defaults:
        raise DataError(f"there is no setting {name!r}; known are {', '.join(defaults)}")
    kind = type(defaults[name])
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
        return kind(value)
    except (ValueError, KeyError, TypeError):
        raise DataError(f"setting {name} cannot be {value!r}; it is of type {kind.__name__}") from None
