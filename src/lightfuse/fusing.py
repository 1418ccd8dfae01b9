"""The story of one bracket in memory: align, choose the exposures, deghost, fuse, finish."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.frames import Bracket
from lightfuse.brackets.recipe import Recipe, best_recipe, extreme_recipe, fuse_by
from lightfuse.fuser import Fuser
from lightfuse.looks import Look

Effort = Literal["auto", "off", "always"]
"""How hard to try: only where it measurably helps, never, or wherever it can be done at all."""

Border = Literal["fill", "crop"]
Exposures = Literal["auto", "extremes"]

Array = NDArray[Any]


@dataclass(frozen=True)
class FuseOptions:
    """How a bracket becomes one picture.

    Attributes:
        align: whether frames are moved onto the base exposure.
        border: what becomes of the edges that a moved frame does not reach: filled from the base exposure, or cropped.
        deghost: whether one frame speaks alone where something moved.
        exposures: ``"auto"`` chooses those that hold the scene best, ``"extremes"`` takes the darkest and the
            brightest, as the paper does.
        look, strength: a small change after the network, and how much of it, from 0 to 1.
    """

    align: Effort = "auto"
    border: Border = "fill"
    deghost: Effort = "auto"
    exposures: Exposures = "auto"
    look: Look = "natural"
    strength: float = 1.0


AS_USUAL = FuseOptions()


@dataclass(frozen=True)
class FusedBracket:
    """What became of a bracket.

    Attributes:
        picture: RGB, H×W×3, of the frames' dtype.
        bracket: the frames as they were fused, aligned and of one size with the picture; see ``keep``.
        recipe: which of the frames were fused, and how.
        ghosts: masks of what moved, H×W uint8, one for each pair of frames in which something did.
        notes: things a person may want to know, the bracket's own among them.
    """

    picture: Array
    bracket: Bracket
    recipe: Recipe
    ghosts: list[NDArray[np.uint8]] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def fuse_bracket(bracket: Bracket, fuser: Fuser, options: FuseOptions = AS_USUAL, *, keep: bool = True) -> FusedBracket:
    """Fuse the frames of one bracket.

    Args:
        bracket: two or more frames, ordered.
        fuser: the model.
        options: how.
        keep: leave the bracket's pixels as they are. Without it they may be written over, which saves the memory of
            one picture; the result's ``bracket`` is then of no more use.

    Raises:
        PictureError: the frames cannot be fused.
    """
    bracket = _aligned(bracket, fuser, options)
    recipe = _chosen(bracket, fuser, options)
    joint = _Joint(fuser, options.deghost, spare=not keep)
    picture = fuse_by(recipe, bracket.pixels, joint.fuse)
    picture = _finished(picture, fuser, options)
    return FusedBracket(picture, bracket, recipe, joint.ghosts, (*bracket.notes, *joint.notes))


def load_parts(options: FuseOptions) -> None:
    """Import what these options will need, while files are read and there is time: a tenth of a whole process's."""
    efforts = {"lightfuse.align": options.align, "lightfuse.deghost": options.deghost}
    parts = [part for part, effort in efforts.items() if effort != "off"]
    for part in [*parts, "cv2", "numpy.ma"] if parts else []:  # numpy.ma: what medians load.
        import_module(part)


def _aligned(bracket: Bracket, fuser: Fuser, options: FuseOptions) -> Bracket:
    if options.align == "off":
        return bracket
    from lightfuse.align import align_bracket

    aligned = align_bracket(
        bracket.pixels,
        bracket.base,
        mode=options.align,
        border=options.border,
        threads=fuser.threads,
        names=[frame.name for frame in bracket.frames],
    )
    told = options.align == "always" or any(aligned.moves)  # That nothing had to be done is no news.
    return bracket.with_pixels(aligned.frames, *(aligned.notes if told else ()))


def _chosen(bracket: Bracket, fuser: Fuser, options: FuseOptions) -> Recipe:
    if options.exposures == "extremes" or len(bracket.frames) == 2:
        return extreme_recipe(len(bracket.frames))
    return best_recipe(bracket.pixels, fuser)


class _Joint:
    """Two frames deghosted and fused; remembers what moved."""

    def __init__(self, fuser: Fuser, deghost: Effort, *, spare: bool) -> None:
        self.ghosts: list[NDArray[np.uint8]] = []
        self.notes: list[str] = []
        self._fuser = fuser
        self._deghost = deghost
        self._spare = spare

    def fuse(self, under: Array, over: Array) -> Array:
        under, over = self._still(under, over)
        in_place = self._spare and under.flags.c_contiguous and under.flags.writeable
        return self._fuser(under, over, out=under if in_place else None)

    def _still(self, under: Array, over: Array) -> tuple[Array, Array]:
        if self._deghost == "off":
            return under, over
        from lightfuse.deghost import deghost

        still = deghost(under, over, mode=self._deghost, threads=self._fuser.threads)
        if still.mask is not None:
            self.ghosts.append(still.mask)
        if still.mask is not None or self._deghost == "always":
            self.notes += [note for note in still.notes if note not in self.notes]
        return still.under, still.over


def _finished(picture: Array, fuser: Fuser, options: FuseOptions) -> Array:
    if options.look == "natural" or options.strength == 0:
        return picture
    from lightfuse.looks import apply_look

    return apply_look(picture, options.look, options.strength, threads=fuser.threads)
