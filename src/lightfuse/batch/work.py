"""The work on one bracket, as a picklable function: run in this process, or by a worker of a cluster."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lightfuse import __version__
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.golden import digest as digest_of_weights
from lightfuse.models import Weights
from lightfuse.options import FuseOptions, hdr_path
from lightfuse.pipeline import fuse_files
from lightfuse.system import display_name

_WITHOUT_EFFECT = ("overwrite", "stdout_suffix", "hdr", "max_pixels", "tone")


@dataclass(frozen=True)
class BatchSettings:
    """How every bracket of a batch is fused: everything but the files.

    Attributes:
        weights: of the model.
        options: of every bracket; ``overwrite`` and ``hdr`` have no effect.
        hdr: suffix of the merged HDR picture written in addition to each result; None for none.
        digest: of everything that shapes the result; computed where it is not given, as for the tone of a set.
    """

    weights: Weights
    options: FuseOptions = field(default_factory=FuseOptions)
    hdr: str | None = None
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", _digest(self))


@dataclass(frozen=True, slots=True)
class JobResult:
    """The result of one bracket's work, as the manifest's record tells it."""

    error: str | None
    seconds: float = 0.0
    megapixels: float = 0.0
    fused: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    selection_cost: float = 0.0
    notes: Sequence[str] = ()


def fuse_job(
    inputs: tuple[Path, ...], output: Path, settings: BatchSettings, threads: int, *, overwrite: bool
) -> JobResult:
    """Fuse one bracket's files into one; errors are returned, not raised, so that they cost this bracket only."""
    start = time.perf_counter()
    try:
        hdr = None if settings.hdr is None else hdr_path(output, settings.hdr)
        options = dataclasses.replace(settings.options, overwrite=overwrite, hdr=hdr, require_one_scene=True)
        report = fuse_files(inputs, output, Fuser(settings.weights, threads), options)
        result = JobResult(
            None,
            megapixels=report.width * report.height / 1e6,
            fused=[Path(path).name for path in report.fused],
            left_out={Path(path).name: reason for path, reason in report.left_out.items()},
            selection_cost=report.selection_cost,
            notes=report.notes,
        )
    except LightFuseError as error:
        result = JobResult(str(error))
    except MemoryError:
        result = JobResult("there is not enough memory for it; give fewer --jobs")
    except Exception as error:  # An unforeseen fault must not end the whole batch.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        result = JobResult(f"{display_name(inputs[0])} could not be fused: a fault in LightFuse ({reason})")
    return dataclasses.replace(result, seconds=round(time.perf_counter() - start, 3))


def _digest(settings: BatchSettings) -> str:
    names = [field.name for field in dataclasses.fields(settings.options) if field.name not in _WITHOUT_EFFECT]
    effective = {name: getattr(settings.options, name) for name in names}
    weights = settings.weights
    facts = [__version__, weights.model, repr(weights.config), digest_of_weights(weights), effective, settings.hdr]
    if settings.options.tone is not None:
        facts.append(settings.options.tone.to_text())
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode()).hexdigest()[:16]
