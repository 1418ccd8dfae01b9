"""The settings of a training run: defaults, overridden by a TOML file or by ``name=value`` arguments."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightfuse.errors import DataError, WeightsError
from lightfuse.models import Config, config_of
from lightfuse.models.config import changed


@dataclass(frozen=True)
class TrainSettings:
    """The settings of one run; saved with it as ``settings.json``.

    The defaults are those of ``small``; `MODEL_SETTINGS` lists where other models differ.
    """

    model: str  # ``paper``, ``paper-wide``, ``small`` or ``base``
    # Fields of its configuration, given as architecture.channels=16.
    architecture: Mapping[str, Any] = field(default_factory=dict)
    initial: str = ""  # a shipped model's name or the path of weights to start from; empty starts from random ones
    steps: int = 24000  # of the optimizer, in all
    batch: int = 2  # samples with a reference a step (per process)
    patch: int = 128  # side of a training crop in pixels, a multiple of 8
    learning_rate: float = 3e-3  # of Adam: its peak, from which it falls along a half cosine
    learning_rate_floor: float = 1e-5  # to this
    warmup: int = 100  # steps of linear growth to the peak
    gradient_clip: float = 1.0  # largest norm of the gradient; 0 leaves it as it is
    average: float = 0.998  # decay of the running average of weights that is validated and kept; 0 keeps the newest
    seed: int = 0  # of all random numbers; those of step n depend on (seed, n) only, so that runs resume exactly
    near_pairs: float = 0.45  # probability of a pair of exposures other than the extreme ones
    flips: bool = True  # Mirror samples (``paper``: and quarter-turn them) at random.
    jitter: bool = True  # ``paper``: move patches off the prepared grid.
    channel_swaps: bool = True  # ``paper``: permute red, green and blue.

    # Samples of context models; all but the first are probabilities.
    batch_unlabelled: int = 3  # samples without a reference a step, in addition to ``batch`` with one
    zoom: float = 0.75  # A sample's picture is a part of the scene.
    shrink: float = 0.75  # A picture without a reference is shrunk.
    shrink_labelled: float = 0.75  # One with a reference is.
    white_balance: float = 0.3  # Colours are shifted.
    exposure_gap: float = 0.3  # One exposure is darkened or brightened.
    noise: float = 0.4  # The dark one is given sensor noise.
    dim: float = 0.0  # Both exposures are darkened, up to 4 EV, and the reference half as much.
    jpeg: float = 0.15  # Both exposures go through JPEG of a random quality.
    border: float = 0.0  # The picture is put into a frame, between bars or behind a round mask.

    # Weights of the losses against the reference.
    l1: float = 1.0  # mean absolute difference
    mse: float = 1.0  # mean squared error
    ssim: float = 0.75  # 1 − SSIM
    tone: float = 4.0  # mean absolute difference of 16×16 means
    perceptual: float = 0.0  # distance between SqueezeNet's features (the paper's loss, there of VGG16)
    chroma: float = 1.5  # mean absolute difference of chroma
    soft: float = 0.8  # context models: factor of the losses above where the reference is a soft one

    # Weights of the other losses of context models; those of colour and highlights are for samples without a reference.
    mef_ssim: float = 9.0  # 1 − MEF-SSIM without a reference
    mef_ssim_labelled: float = 0.5  # and with one
    mef_ssim_unknown: float = 0.3
    """By how much both are reduced where neither exposure shows a pixel well (under black, over white), in [0, 1]:
    MEF-SSIM rewards keeping the low contrast there."""
    hue: float = 1.5  # difference in hue from the best exposed frames of the bracket
    saturation: float = 1.5  # difference in mean chroma from the better exposed input
    highlights: float = 0.0  # `highlight_loss`
    highlight_colour: float = 0.0
    """Difference in chroma from the bracket's own where over is nearly clipped; above 0, saturation and soft references
    follow the bracket there, too."""
    out_of_range: float = 2.0  # how far luma has to be limited to that of both exposures

    validate_every: int = 1000  # steps; the checkpoint is written at every validation
    validate_long_side: int = 768  # pixels that pictures are shrunk to for validation; 0 keeps their size
    log_every: int = 20  # steps
    threads: int = 0  # of torch; 0 leaves torch's own choice

    def __post_init__(self) -> None:
        at_least_one = ("steps", "batch", "patch", "validate_every", "log_every")
        for name, setting in dataclasses.asdict(self).items():
            if name in at_least_one and setting < 1:
                raise DataError(f"setting {name} must be at least 1, not {setting}")
            if isinstance(setting, (int, float)) and not 0 <= setting < float("inf"):
                raise DataError(f"setting {name} must be a number of at least 0, not {setting}")
        if self.patch % 8 or self.patch < 16:  # SSIM compares windows of 11 pixels.
            raise DataError(f"setting patch must be a multiple of 8 from 16 on, not {self.patch}")
        if not self.average < 1:
            raise DataError(f"setting average must be below 1, not {self.average}")
        if not self.mef_ssim_unknown <= 1:
            raise DataError(f"setting mef_ssim_unknown must be at most 1, not {self.mef_ssim_unknown}")
        if not self.l1 + self.mse + self.ssim + self.perceptual > 0:
            raise DataError("at least one of the loss weights l1, mse, ssim and perceptual must be above 0")
        config = self.config  # Raises for an unknown model.
        normal = {name: getattr(config, name) for name in self.architecture}
        object.__setattr__(self, "architecture", normal)

    @property
    def config(self) -> Config:
        """The configuration of the model to train."""
        try:
            config = config_of(self.model)
            return changed(config, self.architecture, f"field {{!r}} of the {config.family} architecture")
        except WeightsError as error:
            raise DataError(f"setting model or architecture: {error}") from None

    def to_json(self) -> str:
        """The settings as they are saved with a run."""
        return json.dumps(dataclasses.asdict(self), indent=1)


_PAPER = {
    "steps": 8000,
    "batch": 4,
    "patch": 256,
    "learning_rate": 2e-3,
    "learning_rate_floor": 0.0,
    "gradient_clip": 0.0,
    "average": 0.0,
    "near_pairs": 0.5,
    "ssim": 0.5,
    "tone": 0.0,
    "chroma": 0.0,
    "validate_every": 500,
    "validate_long_side": 0,
}
MODEL_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "paper": {**_PAPER, "steps": 6000, "learning_rate": 3e-3, "validate_every": 300},
    "paper-wide": _PAPER,
    "base": {
        "steps": 16000,
        "learning_rate": 4e-3,
        "mef_ssim": 15.0,
        "mef_ssim_labelled": 1.0,
        "saturation": 2.0,
        "tone": 6.0,
    },
}
"""Defaults of each model that differ from those of `TrainSettings`. The shipped models had several runs, whose settings
are in examples/train-weights.sh."""


def default_settings(model: str) -> TrainSettings:
    """Return the default settings of a model; raises DataError for an unknown one."""
    return TrainSettings(model, **MODEL_SETTINGS.get(model, {}))


def choose_settings(path: Path | None = None, words: Sequence[str] = ()) -> TrainSettings:
    """Return the settings of a file, overridden by words; the others are the defaults of the model.

    The file is TOML (``name = value`` lines, an ``[architecture]`` table) or a run's ``settings.json``.
    Raises DataError where it cannot be read, or a setting does not exist or cannot have that value.
    """
    from_file, from_words = _read(path) if path else {}, words_as_settings(words)
    settings = default_settings(str(from_words.get("model", from_file.get("model", "paper"))))
    return with_settings(with_settings(settings, from_file), from_words)


def with_settings(settings: TrainSettings, changes: Mapping[str, Any]) -> TrainSettings:
    """Return settings with some changed, each given as its own type or as text; errors as of `choose_settings`."""
    try:
        return changed(settings, changes, "setting {!r}")
    except WeightsError as error:
        raise DataError(str(error)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        changes: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise DataError(f"cannot read settings {str(path)!r}: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"settings {str(path)!r} are not valid {path.suffix or 'TOML'}: {error}") from None
    if not isinstance(changes, dict) or not isinstance(changes.get("architecture", {}), dict):
        raise DataError(f"settings {str(path)!r} are not a table of names and values")
    return changes


def words_as_settings(words: Sequence[str]) -> dict[str, Any]:
    """Read ``name=value`` words, those of ``architecture.`` gathered into one setting; DataError for other words."""
    changes: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise DataError(f"{word!r} is not of the form name=value")
        name = name.strip().replace("-", "_")
        if name == "architecture":
            raise DataError("setting architecture is given field by field, as architecture.channels=16")
        if name.startswith("architecture."):
            changes.setdefault("architecture", {})[name.removeprefix("architecture.")] = value.strip()
        else:
            changes[name] = value.strip()
    return changes
