"""ComfyUI nodes that fuse exposures by LightFuse; IMAGE is a float32 tensor in [0, 1], batch × height × width × 3."""

from typing import Any

import numpy as np
import torch

from lightfuse import FuseOptions, Fuser, fuse

MODELS = ["base", "small", "paper"]
_MODEL = (MODELS, {"default": "base"})
_LOOK = (["natural", "bright", "vivid"], {"default": "natural"})


class _Node:
    """What ComfyUI asks of both nodes."""

    CATEGORY = "image/LightFuse"
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "fuse"


class LightFuseBracket(_Node):
    """One picture of a batch that holds the exposures of one scene, in any order."""

    DESCRIPTION = "Fuses the exposures of one scene, two or more in one batch, into one picture."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """The node's inputs."""
        steps = (["auto", "off", "always"], {"default": "auto"})
        return {"required": {"exposures": ("IMAGE",), "model": _MODEL, "look": _LOOK, "align": steps, "deghost": steps}}

    def fuse(self, exposures: torch.Tensor, model: str, look: Any, align: Any, deghost: Any) -> tuple[torch.Tensor]:
        """Fuse a batch into one picture."""
        options = FuseOptions(align=align, deghost=deghost, look=look)
        return (_tensor([fuse(*_pictures(exposures), model=model, options=options)]),)


class LightFusePairs(_Node):
    """A batch of pictures from a batch of dark and one of bright exposures, such as the frames of two videos."""

    DESCRIPTION = "Fuses each picture of one batch with the same of the other: dark and bright exposures, aligned."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """The node's inputs."""
        return {"required": {"under": ("IMAGE",), "over": ("IMAGE",), "model": _MODEL}}

    def fuse(self, under: torch.Tensor, over: torch.Tensor, model: str) -> tuple[torch.Tensor]:
        """Fuse two batches, pair by pair."""
        if len(under) != len(over):
            raise ValueError(f"under holds {len(under)} pictures and over {len(over)}; give as many of both")
        fuser = Fuser(model)
        return (_tensor([fuser(a, b) for a, b in zip(_pictures(under), _pictures(over), strict=True)]),)


def _pictures(batch: torch.Tensor) -> list[np.ndarray]:
    """The batch as H×W×3 arrays; a fourth channel is left out."""
    return [np.ascontiguousarray(picture[..., :3]) for picture in batch.clamp(0, 1).cpu().float().numpy()]


def _tensor(pictures: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures))


NODE_CLASS_MAPPINGS = {"LightFuseBracket": LightFuseBracket, "LightFusePairs": LightFusePairs}
NODE_DISPLAY_NAME_MAPPINGS = {
    "LightFuseBracket": "LightFuse: fuse a bracket",
    "LightFusePairs": "LightFuse: fuse dark with bright",
}
