"""What grouping works with: a shot, the bracket it becomes part of, and what is left out."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from lightfuse.images import ShotInfo


@dataclass(frozen=True, slots=True)
class Shot:
    """One exposure: its file, and what its EXIF says of how it was shot."""

    path: Path
    info: ShotInfo = field(default_factory=ShotInfo)

    @property
    def camera(self) -> tuple[str, str, str]:
        """Make, model and serial number, each empty where EXIF does not say."""
        return self.info.make or "", self.info.model or "", self.info.serial or ""

    @property
    def ev(self) -> float | None:
        """How much light was recorded, in stops: log2(t · ISO / (100 · N²)); None without a shutter time.

        That is minus the exposure value EV100 of ISO 2720, so that more is brighter. ISO and f-number count as 100 and
        1 where EXIF lacks them (a lens without contacts): within one bracket only differences matter.
        """
        info = self.info
        if info.exposure_time is None:
            return None
        return math.log2(info.exposure_time * (info.iso or 100) / 100 / (info.f_number or 1) ** 2)


@dataclass(frozen=True, slots=True)
class SortedBracket:
    """The exposures of one scene.

    Attributes:
        scene: what the bracket is called.
        place: the folder it lies in, relative to the folder that was sorted; ``.`` is that folder itself.
        shots: at least two, in the order of the method that found them.
    """

    scene: str
    place: Path
    shots: tuple[Shot, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that is part of no bracket, and why (a clause: "it is a reference picture"); ``bad``: it is broken."""

    path: Path
    reason: str
    bad: bool = False
