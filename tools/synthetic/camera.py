"""A camera with a known sensor and a known response curve: it turns linear light into a photograph."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import linear_to_srgb, srgb_to_linear
from tools.synthetic.canvas import Light

Picture = NDArray[np.uint8] | NDArray[np.uint16]

_KNEE = 0.6


@dataclass(frozen=True)
class Camera:
    """A digital camera. Its linear signal x is 1.0 where light of 1.0 is exposed at 0 EV.

    - The sensor sees each channel through the inverse of its ``white_balance`` gain g, so that a channel with a large
      gain is noisier. ``full_well`` electrons make a signal of 1.0, and ``read_noise`` (electrons) comes with each
      reading: variance of x = g·x / full_well + (g·read_noise / full_well)². Shot noise is drawn from a normal
      distribution, a close fit to Poisson's from about 10 electrons.
    - ``black_level`` is a pedestal left in x: what the camera's black subtraction missed.
    - The sensor clips x at ``headroom`` (a power of two above 1.0 is that many stops of highlights over white).
    - ``response`` "srgb" cuts x at 1.0 and encodes it by IEC 61966-2-1; "filmic" does so after a shoulder, straight up
      to 0.6, then bending smoothly (an exponential of slope 1 at the knee) to reach 1.0 exactly at the headroom.
    """

    response: Literal["filmic", "srgb"] = "filmic"
    full_well: float = 30_000.0
    read_noise: float = 4.0
    white_balance: tuple[float, float, float] = (1.9, 1.0, 1.5)
    black_level: float = 0.0
    headroom: float = 2.0

    def __post_init__(self) -> None:
        if self.response not in ("filmic", "srgb"):
            raise ValueError(f"a camera's response is 'filmic' or 'srgb', not {self.response!r}")
        if min(self.full_well, *self.white_balance) <= 0 or self.read_noise < 0 or self.headroom < 1:
            raise ValueError(
                "a camera's full well and gains are above 0, its read noise is not negative, its headroom at least 1"
            )

    def photograph(
        self, light: Light, ev: float, *, bits: Literal[8, 16] = 8, noise: bool = True, seed: int = 0
    ) -> Picture:
        """The photograph of ``light`` (H×W×3, linear) exposed 2**ev times: uint8 or uint16, H×W×3.

        The same seed makes the same noise. Raises ValueError for another number of bits.
        """
        if bits not in (8, 16):
            raise ValueError(f"a photograph has 8 or 16 bits, not {bits}")
        signal = light * np.float32(2.0**ev) + np.float32(self.black_level)
        if noise:
            signal += self._noise(signal, seed)
        code = self.encode(signal)
        if bits == 8:
            return np.round(code * 255).astype(np.uint8)
        return np.round(code * np.float32(65535)).astype(np.uint16)

    def measure(self, picture: Picture, ev: float) -> Light:
        """The light that made ``picture`` at exposure ``ev``: exact but for noise, quantisation and clipping."""
        code = picture.astype(np.float32) / np.float32(np.iinfo(picture.dtype).max)
        return (self.decode(code) - np.float32(self.black_level)) * np.float32(2.0**-ev)

    def encode(self, signal: Light) -> Light:
        """The response curve: linear signal (any range) to picture values in [0, 1]."""
        if self.response == "srgb":
            return linear_to_srgb(np.clip(signal, 0, 1))
        x = np.clip(signal, 0, np.float32(self.headroom))
        bend = np.float32(_bend(self.headroom))
        shoulder = _KNEE - bend * np.expm1(-np.maximum(x - np.float32(_KNEE), 0) / bend)
        return linear_to_srgb(np.where(x > _KNEE, np.minimum(shoulder, 1), x))

    def decode(self, code: Light) -> Light:
        """The inverse of `encode` on [0, 1]; 1 gives the clipping point, the headroom (1.0 for "srgb")."""
        x = srgb_to_linear(code)
        if self.response == "srgb":
            return x
        bend = _bend(self.headroom)
        # Never past what white stands for, whatever the rounding of the logarithm's argument.
        bent = np.log1p(-np.minimum(np.maximum(x - np.float32(_KNEE), 0) / np.float32(bend), np.float32(0.999999)))
        raised = np.minimum(_KNEE - np.float32(bend) * bent, np.float32(self.headroom))
        return np.where(x > _KNEE, raised, x).astype(np.float32)

    def _noise(self, signal: Light, seed: int) -> Light:
        gain = np.array(self.white_balance, np.float32)
        shot = gain * np.maximum(signal, 0) / np.float32(self.full_well)
        read = (gain * np.float32(self.read_noise / self.full_well)) ** 2
        drawn = np.random.default_rng(seed).standard_normal(signal.shape, np.float32)
        noise: Light = drawn * np.sqrt(shot + read)
        return noise


def _bend(headroom: float) -> float:
    """The shoulder's length b: b·(1 − exp(−(headroom − knee) / b)) = 1 − knee, so that it ends at 1.0."""
    if headroom == 1:
        return 1e3
    bend = 1 - _KNEE
    for _ in range(200):
        bend = (1 - _KNEE) / -math.expm1(-(headroom - _KNEE) / bend)
    return bend
