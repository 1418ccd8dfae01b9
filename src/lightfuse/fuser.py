"""Fuser: a model's weights, and the compiled core or a torch device that fuses pairs and streams of pictures.

Torch is imported only where a device other than the processor is asked for.
"""

import base64
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import check_pictures
from lightfuse.errors import LightFuseError, PictureError, WeightsError
from lightfuse.models import PaperConfig, Weights, load_weights
from lightfuse.models.store import core_members
from lightfuse.system import thread_count

DEFAULT_MODEL = "base"

Array = NDArray[Any]
# Rounding in a resize or a colour conversion may leave float pictures slightly outside [0, 1].
_FLOAT_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Context:
    """What a context model (small, base) knows of a whole scene, which several pictures may share."""

    strength: float  # of the correction, in [0, 1]
    summary: NDArray[np.float32]  # of the scene, one number a channel of the FilteringNet
    grid: NDArray[np.float32] | None = None  # channels×rows×columns of thumbnail cells; None: each picture has its own


@dataclass(frozen=True)
class Tone:
    """How the exposures of one bracket were chosen and in which contexts they were fused, for other brackets to follow.

    Attributes:
        count: number of exposures of the bracket.
        selection: positions of those fused, from dark to bright.
        contexts: one for each pair that was fused.
        model: `tone_key` of the weights.
    """

    count: int
    selection: tuple[int, ...]
    contexts: tuple[Context, ...]
    model: int

    def to_text(self) -> str:
        """The tone without grids, in a few hundred ASCII characters."""
        numbers = [(context.strength, *context.summary) for context in self.contexts]
        head = struct.pack("<BIB", self.count, self.model, len(self.selection)) + bytes(self.selection)
        return base64.b64encode(head + np.asarray(numbers, "<f2").tobytes()).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> "Tone":
        """Read what `to_text` wrote; raises ValueError where it is something else."""
        data = base64.b64decode(text, validate=True)
        try:
            count, model, chosen = struct.unpack_from("<BIB", data)
            numbers = np.frombuffer(data[6 + chosen :], "<f2").reshape(2 * chosen - 3, -1).astype(np.float32)
        except struct.error as error:
            raise ValueError(str(error)) from None
        contexts = tuple(Context(float(row[0]), row[1:].copy()) for row in numbers)
        return cls(count, tuple(data[6 : 6 + chosen]), contexts, model)


def tone_key(weights: Weights) -> int:
    """A checksum of weights: a tone holds for these alone."""
    key = 0
    for name in sorted(weights.tensors):
        key = zlib.crc32(np.ascontiguousarray(weights.tensors[name]).tobytes(), key)
    return key


_FuseInto = Callable[[Array, Array, Array | None, Context | None], Context | None]


class Fuser:
    """Fuses pairs of pictures with one model; keeps nothing of a picture, so one Fuser may serve many threads.

    Args:
        model: the name of a shipped model, the path of a weights file, or weights already read.
        threads: how many threads share the rows; None takes every core this process may use.
        isa: one of :func:`lightfuse.core.instruction_sets` instead of the best this processor has.
        device: ``"cpu"`` for the core, or any device of torch's, such as ``"cuda"`` or ``"cuda:1"`` (extra ``train``),
            where ``threads`` and ``isa`` have no effect.

    Raises:
        WeightsError: the model is unknown, or its file is corrupt or of another shape.
        MissingExtraError: ``device`` is not ``"cpu"`` and torch is not installed.
        LightFuseError: ``threads`` is not an integer from 1 to 1024, this processor lacks ``isa``, or torch finds no
            such device.
    """

    def __init__(
        self,
        model: str | Path | Weights = DEFAULT_MODEL,
        threads: int | None = None,
        *,
        isa: str | None = None,
        device: str = "cpu",
    ) -> None:
        from lightfuse import core

        self.threads = thread_count(threads)
        if isa is not None and isa not in core.instruction_sets():
            raise LightFuseError(f"instruction set {isa!r} is not one of {', '.join(core.instruction_sets())}")
        self.weights = model if isinstance(model, Weights) else load_weights(model)
        self.isa = isa or core.instruction_sets()[0]
        self.device = device
        if device == "cpu":
            self._fuse_into = self._on_core()
        else:
            from lightfuse.torch_device import TorchModel

            self._fuse_into = _without_context(TorchModel(self.weights, device).fuse)

    def __call__(self, under: Array, over: Array, out: Array | None = None) -> Array:
        """Fuse two pictures of one scene, in either order: the darker by mean value is taken as under.

        They are RGB, H×W×3, both uint8, both uint16, or both float32 in [0, 1], of any size from 1×1 up. Returns a new
        array of that shape and dtype, or ``out``, which may be one of them, or overlap them. The pixels do not depend
        on the number of threads.

        Raises:
            PictureError: the arrays differ in shape or dtype, are not such pictures, or hold NaN or values outside
                [0, 1].
        """
        return self.fuse(under, over, out)[0]

    def fuse(
        self, under: Array, over: Array, out: Array | None = None, context: Context | None = None
    ) -> tuple[Array, Context | None]:
        """Fuse two pictures as `__call__` does; return the result and the context it was fused in, without its grid.

        A ``context`` is used instead of the pair's own, so that pictures of one set get one tone. Raises PictureError
        as `__call__` does, and LightFuseError for a context of another model, or a model that takes none.
        """
        check_pictures((under, over))
        if out is None:
            out = np.empty(under.shape, under.dtype)
        else:
            _check_out(out, under)
        first, second = self._checked(under, "first", out), self._checked(over, "second", out)
        return out, self._fuse_into(first, second, out, context)

    def context(self, under: Array, over: Array) -> Context | None:
        """Return the context of two pictures (see `__call__`) with its grid; None if the model is no context model."""
        check_pictures((under, over))
        return self._fuse_into(self._checked(under, "first"), self._checked(over, "second"), None, None)

    def stream(self, pairs: Iterable[tuple[Array, Array]]) -> Iterator[Array]:
        """Fuse many pairs, such as the frames of two videos, one after the other as they come; see `__call__`.

        No state is carried from one pair to the next, so a cut leaves no trace. A static scene does not flicker all the
        same: what a model knows of the whole scene comes from a thumbnail, whose cells average the noise.

        A pair is requested only when its result is, and is not kept. For a video of alternating exposures pass
        ``itertools.pairwise(frames)``. Each result is the caller's, to keep or to change. Raises PictureError as
        `__call__` does, with the pair's number, counted from 1.
        """
        number = 0
        for pair in pairs:
            number += 1  # noqa: SIM113 (enumerate would keep each pair until the next one is made)
            try:
                if len(pair) != 2:
                    raise PictureError(f"a pair is two pictures, not {len(pair)}")
                fused = self(*pair)
            except PictureError as error:
                raise PictureError(f"pair {number} of the stream: {error}") from None
            del pair
            yield fused
            del fused

    @property
    def has_context(self) -> bool:
        """Whether this is a context model, so that pictures may share one context."""
        return not isinstance(self.weights.config, PaperConfig)

    def _on_core(self) -> _FuseInto:
        from lightfuse import core

        kind = core.PaperModel if isinstance(self.weights.config, PaperConfig) else core.ContextModel
        try:
            model = kind(core_members(self.weights))
        except ValueError as error:
            raise WeightsError(f"model {self.weights.model!r} cannot be fused with: {error}") from None
        if isinstance(model, core.PaperModel):
            return _without_context(lambda a, b, out: model.fuse(a, b, out, self.threads, self.isa))

        def fuse_into(first: Array, second: Array, out: Array | None, given: Context | None) -> Context | None:
            known = () if given is None else (given.strength, given.summary, given.grid)
            try:
                return Context(*model.fuse(first, second, out, self.threads, self.isa, *known))
            except ValueError as error:
                raise LightFuseError(f"model {self.weights.model!r} cannot fuse in this tone: {error}") from None

        return fuse_into

    def _checked(self, picture: Array, which: str, out: Array | None = None) -> Array:
        """The picture, or a copy, as the core can read it while writing ``out``."""
        from lightfuse import core

        readable = _readable(picture, out)
        if picture.dtype != np.float32:
            return readable
        low, high, _, finite = core.measure(readable, self.threads, self.isa)
        if not finite:
            raise PictureError(f"the {which} picture holds NaN or infinite values; replace them before fusing")
        if low < -_FLOAT_TOLERANCE or high > 1 + _FLOAT_TOLERANCE:
            raise PictureError(
                f"the {which} picture holds values from {low:.4g} to {high:.4g}; float pictures must lie in [0, 1]"
            )
        return readable


def _without_context(fuse: Callable[[Array, Array, Array], None]) -> _FuseInto:
    """What fuses every pair by itself: the paper's model, and torch devices."""

    def fuse_into(first: Array, second: Array, out: Array | None, given: Context | None) -> Context | None:
        if given is not None:
            raise LightFuseError("one tone for several pictures takes the model 'small' or 'base', on the processor")
        if out is not None:
            fuse(first, second, out)
        return None

    return fuse_into


def _check_out(out: Array, like: Array) -> None:
    from lightfuse import core

    if not isinstance(out, np.ndarray) or out.shape != like.shape or out.dtype != like.dtype:
        raise PictureError(f"out must be a picture like the inputs, {_kind(like)}, not {_kind(out)}")
    if not core.is_packed(out) or not out.flags.writeable:
        raise PictureError("out must be writeable and each of its rows contiguous; pass a plain array")


def _readable(picture: Array, out: Array | None) -> Array:
    """The picture itself if the core can read it while writing ``out``, else a copy."""
    from lightfuse import core

    in_place = out is not None and picture.ctypes.data == out.ctypes.data and picture.strides == out.strides
    safe = in_place or out is None or not np.may_share_memory(picture, out)
    return picture if safe and core.is_packed(picture) else np.array(picture, order="C")


def _kind(picture: object) -> str:
    if isinstance(picture, np.ndarray):
        return f"{picture.dtype} of shape {picture.shape}"
    return type(picture).__name__
