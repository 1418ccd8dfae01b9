"""Fuser: a model's weights and the compiled core, from two arrays to one. No torch but for other devices."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import LightFuseError, PictureError, WeightsError
from lightfuse.models import PaperConfig, Weights, check_shapes, load_weights

if TYPE_CHECKING:
    from lightfuse import core

DEFAULT_MODEL = "base"

Array = NDArray[Any]
_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
# Rounding in a resize or a colour conversion may leave float pictures a hair outside [0, 1].
_FLOAT_SLACK = 1e-3
_MAX_THREADS = 1024


class Fuser:
    """Fuses pairs of pictures with one model; keeps nothing of a picture, so one Fuser may serve many threads.

    Args:
        model: the name of a shipped model, the path of a weights file, or weights already read.
        threads: how many threads share the rows; None takes every core this process may use.
        isa: one of :func:`lightfuse.core.instruction_sets` instead of the best this processor has.
        device: ``"cpu"`` is the core. Anything else is a device of torch's, such as ``"cuda"`` or ``"cuda:1"``, which
            the extra ``train`` brings; ``threads`` and ``isa`` mean nothing there.

    Raises:
        WeightsError: the model is unknown, or its file is corrupt or of another shape.
        MissingExtraError: ``device`` is not ``"cpu"`` and torch is not installed.
        LightFuseError: ``threads`` is not a whole number from 1 to 1024, ``isa`` is not to be had here, or torch has no
            such device here.
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

        if threads is not None and (not isinstance(threads, int) or not 1 <= threads <= _MAX_THREADS):
            raise LightFuseError(f"threads must be a whole number from 1 to {_MAX_THREADS}, not {threads}")
        if isa is not None and isa not in core.instruction_sets():
            raise LightFuseError(f"instruction set {isa!r} is not one of {', '.join(core.instruction_sets())}")
        self.weights = model if isinstance(model, Weights) else load_weights(model)
        check_shapes(self.weights, f"the given weights of {self.weights.model}")  # The core trusts every shape.
        self.threads = threads or min(usable_cores(), _MAX_THREADS)
        self.isa = isa or core.instruction_sets()[0]
        self.device = device
        self._fuse_into = self._on_core() if device == "cpu" else _on_device(self.weights, device)

    def __call__(self, under: Array, over: Array, out: Array | None = None) -> Array:
        """Fuse two pictures of one scene; the darker by mean value is taken as under, whichever comes first.

        Args:
            under, over: RGB, H×W×3, both uint8, both uint16, or both float32 in [0, 1]; any size from 1×1 up.
            out: where to write the result, of the same shape and dtype; may be ``under`` or ``over``, or overlap them.

        Returns:
            ``out``, or a new array: same shape and dtype. The pixels do not depend on the number of threads.

        Raises:
            PictureError: the arrays differ in shape or dtype, are no such pictures, or hold NaN or values outside
                [0, 1].
        """
        check_pair(under, over)
        if out is None:
            out = np.empty(under.shape, under.dtype)
        else:
            _check_out(out, under)
        first, second = _readable(under, out), _readable(over, out)
        if under.dtype == np.float32:
            self._check_values(first, "first")
            self._check_values(second, "second")
        self._fuse_into(first, second, out)
        return out

    def stream(self, pairs: Iterable[tuple[Array, Array]]) -> Iterator[Array]:
        """Fuse many pairs, such as the frames of two videos, one after the other as they come; see `__call__`.

        Args:
            pairs: (under, over), in either order; a generator will do. A pair is asked for when its result is, and is
                not kept. For a video of alternating exposures give ``itertools.pairwise(frames)``.

        Yields:
            The results, in order. Each is yours to keep and to change; the memory of one that nobody refers to any
            more is used again, so in a loop that keeps none, memory does not grow.

        Raises:
            PictureError: as `__call__` does, naming the pair by its number from 1.
        """
        from lightfuse.streaming import fuse_stream

        return fuse_stream(self, pairs)

    def _on_core(self) -> Callable[[Array, Array, Array], None]:
        model = _core_model(self.weights)
        return lambda first, second, out: model.fuse(first, second, out, self.threads, self.isa)

    def _check_values(self, picture: Array, which: str) -> None:
        from lightfuse import core

        low, high, _, finite = core.measure(picture, self.threads, self.isa)
        if not finite:
            raise PictureError(f"the {which} picture holds NaN or infinite values; replace them before fusing")
        if low < -_FLOAT_SLACK or high > 1 + _FLOAT_SLACK:
            raise PictureError(
                f"the {which} picture holds values from {low:.4g} to {high:.4g}; float pictures must lie in [0, 1]"
            )


def _on_device(weights: Weights, device: str) -> Callable[[Array, Array, Array], None]:
    from lightfuse.on_device import DeviceModel

    return DeviceModel(weights, device).fuse


def _core_model(weights: Weights) -> "core.PaperModel | core.ContextModel":
    from lightfuse import core

    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in weights.tensors.items()}
    config = weights.config
    try:
        if isinstance(config, PaperConfig):
            return core.PaperModel(tensors)
        if config.bounded:
            raise WeightsError("the core does not fuse with bounded luma yet")
        if config.context_stride != 1:
            raise WeightsError(f"the core fuses with a context of stride 1 only, not {config.context_stride}")
        return core.ContextModel(tensors, config.thumbnail_cells, config.levels, config.ratio)
    except ValueError as error:
        raise WeightsError(f"model {weights.model!r} cannot be fused with: {error}") from None


def check_pair(under: Array, over: Array) -> None:
    """Raise PictureError unless both are RGB pictures of one size and one supported dtype."""
    check_picture(under)
    check_picture(over)
    if under.shape != over.shape:
        raise PictureError(f"the two pictures differ in size: {_size(under)} and {_size(over)}")
    if under.dtype != over.dtype:
        raise PictureError(f"the two pictures differ in type: {under.dtype} and {over.dtype}; convert one of them")


def check_picture(picture: Array) -> None:
    """Raise PictureError unless it is an RGB picture of a supported dtype."""
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise PictureError(f"a picture must be an RGB array of shape height × width × 3, not {_kind(picture)}")
    if picture.dtype not in _DTYPES:
        raise PictureError(f"a picture must be uint8, uint16 or float32, not {picture.dtype}; convert it first")


def usable_cores() -> int:
    """How many cores this process may use (its affinity where the system has such a thing)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_out(out: Array, like: Array) -> None:
    if not isinstance(out, np.ndarray) or out.shape != like.shape or out.dtype != like.dtype:
        raise PictureError(f"out must be a picture like the inputs, {_kind(like)}, not {_kind(out)}")
    if not _rows_are_whole(out) or not out.flags.writeable:
        raise PictureError("out must be writeable and its rows whole in memory; give a plain array")


def _rows_are_whole(picture: Array) -> bool:
    itemsize = picture.itemsize
    return picture.strides[1:] == (3 * itemsize, itemsize) and picture.flags.aligned


def _readable(picture: Array, out: Array) -> Array:
    """The picture itself where the core can read it while it writes ``out``, else a copy."""
    in_place = picture.ctypes.data == out.ctypes.data and picture.strides == out.strides
    safe = in_place or not np.may_share_memory(picture, out)
    if safe and _rows_are_whole(picture):
        return picture
    return np.array(picture, order="C")


def _size(picture: Array) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]}"


def _kind(picture: object) -> str:
    if isinstance(picture, np.ndarray):
        return f"{picture.dtype} of shape {picture.shape}"
    return type(picture).__name__
