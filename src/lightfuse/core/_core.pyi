"""Types of the compiled core (module.cpp)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]

def instruction_sets() -> list[str]:
    """Names of the instruction sets this processor can run, best first."""

def measure(picture: Picture, threads: int, isa: str = "") -> tuple[float, float, float, bool]:
    """Lowest, highest and mean value of a picture in its own units, and whether all values are finite."""

class PaperModel:
    """The paper's model, ready to fuse."""

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]]) -> None: ...
    def fuse(self, first: Picture, second: Picture, out: Picture, threads: int, isa: str = "") -> None: ...

class ContextModel:
    """A context model (small, base), ready to fuse."""

    def __init__(
        self,
        tensors: Mapping[str, NDArray[np.float32]],
        thumbnail_cells: int,
        levels: int,
        ratio: bool,
        bounded: bool = False,
    ) -> None: ...
    def fuse(self, first: Picture, second: Picture, out: Picture, threads: int, isa: str = "") -> None: ...
