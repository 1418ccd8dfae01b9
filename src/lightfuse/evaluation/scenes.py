"""A scene as it is measured: its exposures in order and its reference, read and treated alike."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lightfuse.brackets.discover import FoundBracket
from lightfuse.brackets.order import brightness, darkest_first
from lightfuse.errors import DataError
from lightfuse.images import read_picture
from lightfuse.metrics.pictures import Floats, as_unit


@dataclass(frozen=True)
class Protocol:
    """How pictures are treated before and after fusing, and what is measured.

    Attributes:
        size: (width, height) everything is resized to, bilinear; None keeps the size.
        normalise: stretch inputs and reference to [0, 1] by their own extremes, and do not round results: how the
            paper's code measured. Otherwise nothing is stretched and results are rounded to 8 bits.
        whole_bracket: measure MEF-SSIM against all exposures too, where there are more than two.
    """

    size: tuple[int, int] | None = None
    normalise: bool = False
    whole_bracket: bool = False


AS_THEY_ARE = Protocol()
PAPER_PROTOCOL = Protocol(size=(1344, 896), normalise=True)


@dataclass(frozen=True)
class Scene:
    """Two or more exposures from dark to bright, and the reference if there is one: RGB float32 in [0, 1], one size."""

    name: str
    exposures: tuple[Floats, ...]
    reference: Floats | None

    @property
    def under(self) -> Floats:
        """The darkest exposure."""
        return self.exposures[0]

    @property
    def over(self) -> Floats:
        """The brightest exposure."""
        return self.exposures[-1]


def read_scene(bracket: FoundBracket, protocol: Protocol) -> Scene:
    """Read a bracket's exposures and reference and treat them as the protocol says.

    Raises:
        DataError: there are fewer than two exposures, or pictures of different size that no protocol makes equal.
        PictureError: a picture cannot be read.
    """
    if len(bracket.exposures) < 2:
        raise DataError(f"it has {len(bracket.exposures)} exposure(s); a bracket needs at least two")
    exposures = [read_picture(path).pixels for path in bracket.exposures]
    reference = None if bracket.reference is None else read_picture(bracket.reference).pixels
    shapes = {picture.shape for picture in (*exposures, reference) if picture is not None}
    if protocol.size is None and len(shapes) > 1:
        raise DataError("its pictures differ in size")
    ordered = [exposures[i] for i in darkest_first([brightness(picture) for picture in exposures])]
    return Scene(
        bracket.name,
        tuple(_treat(picture, protocol) for picture in ordered),
        None if reference is None else _treat(reference, protocol),
    )


def _treat(picture: NDArray[Any], protocol: Protocol) -> Floats:
    import cv2

    if protocol.size is not None and picture.shape[1::-1] != protocol.size:
        picture = cv2.resize(picture, protocol.size, interpolation=cv2.INTER_LINEAR)
    unit = as_unit(picture)
    if not protocol.normalise:
        return unit
    low, high = unit.min(), unit.max()
    return (unit - low) / (high - low) if high > low else unit
