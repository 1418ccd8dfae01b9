"""Run a model on a torch device, such as a graphics card: the reference implementation itself (extra: train)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale
from lightfuse.errors import LightFuseError, missing_extra
from lightfuse.models import Weights

with missing_extra("fusing on a device other than the processor", "train", "torch"):
    import torch
    from torch import Tensor

    from lightfuse.models.networks import from_weights

Array = NDArray[Any]


class TorchModel:
    """Fuses pairs of pictures by any model on one device, as torch names it: ``cuda``, ``cuda:1``, ``mps``, …

    Each picture is fused as a whole: every layer must fit the memory. Raises LightFuseError for no such device.
    """

    def __init__(self, weights: Weights, device: str) -> None:
        try:
            self._device = torch.device(device)
            torch.zeros(1, device=self._device).cpu()
        except (RuntimeError, AssertionError) as error:  # The latter where torch was built without that kind of device.
            reason = str(error).split("\n")[0].rstrip(".")
            raise LightFuseError(f"there is no device {device!r} that torch can use here: {reason}") from None
        self._module = from_weights(weights).to(self._device)

    def fuse(self, first: Array, second: Array, out: Array) -> None:
        """Fuse two pictures into ``out``: H×W×3 of one size, all uint8, uint16 or float32 in [0, 1], in either order.

        Raises LightFuseError where the device has too little memory for pictures of that size.
        """
        try:
            with (
                torch.inference_mode(),
                torch.backends.cudnn.flags(enabled=True, allow_tf32=False),  # TF32 has 10 bits only.
            ):
                pair = [self._to_device(picture) for picture in (first, second)]
                if _is_brighter(*pair):
                    pair.reverse()
                top = full_scale(first.dtype)
                fused = self._module(*((picture.float() / top).permute(2, 0, 1)[None] for picture in pair))[0]
                levels = (fused * top).round().int() if first.dtype.kind == "u" else fused
                out[:] = levels.clamp(min=0).permute(1, 2, 0).cpu().numpy().astype(first.dtype)
        except torch.OutOfMemoryError:
            height, width = first.shape[:2]
            raise LightFuseError(
                f"device '{self._device}' has too little memory for {width}×{height}; fuse on the processor instead"
            ) from None

    def _to_device(self, picture: Array) -> Tensor:
        """The same numbers on the device: uint16 as int32, for which torch has arithmetic."""
        contiguous = np.ascontiguousarray(picture)
        if contiguous.dtype == np.uint16:
            return torch.from_numpy(contiguous.view(np.int16)).to(self._device).int() & 0xFFFF
        return torch.from_numpy(contiguous).to(self._device)


def _is_brighter(first: Tensor, second: Tensor) -> bool:
    """Whether the first picture is brighter; at equal means, whether it is larger where the two first differ."""
    kind = torch.float32 if first.is_floating_point() else torch.int64
    brightness, other = (picture.sum(dtype=kind).item() for picture in (first, second))
    if brightness != other:
        return brightness > other
    differs = (first != second).flatten()
    place = int(differs.int().argmax())
    return bool(first.flatten()[place] > second.flatten()[place])
