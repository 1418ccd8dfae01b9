"""From light to photographs: the camera, its shake between two exposures, whole brackets, and their reference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import LUMINANCE_WEIGHTS, linear_to_srgb, srgb_to_linear
from tools.synthetic.canvas import Light, Plane
from tools.synthetic.scene import Mask, Scene, moving_object

# ---- A camera with a known sensor and a known response curve ---------------------------------------------------------

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


# ---- How a hand-held camera moves between two exposures: a homography known exactly ----------------------------------

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class HandShake:
    """A small movement of the camera, about the middle of the picture.

    ``shift``: how far the scene moves right and down, in widths of the picture. ``rotation``: how far it turns
    clockwise, in degrees. ``perspective``: how much nearer the right and the lower edge come than the middle, as a
    fraction. ``zoom``: magnification.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    perspective: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0

    @classmethod
    def typical(cls, seed: int = 0) -> "HandShake":
        """A typical shake between two hand-held frames: about 1 % of the width, half a degree, a little tilt."""
        rng = np.random.default_rng((seed, 91))
        dx, dy, turn, tilt, nod = rng.choice((-1.0, 1.0), 5) * rng.uniform(0.4, 1.0, 5)
        return cls((0.012 * dx, 0.010 * dy), 0.6 * turn, (0.006 * tilt, 0.004 * nod))

    def times(self, amount: float) -> "HandShake":
        """The same movement, ``amount`` times as far."""
        return HandShake(
            (self.shift[0] * amount, self.shift[1] * amount),
            self.rotation * amount,
            (self.perspective[0] * amount, self.perspective[1] * amount),
            self.zoom**amount,
        )

    def matrix(self, width: int, height: int) -> Matrix:
        """The 3×3 homography from a point of the unshaken picture to where it lies in the shaken one.

        Points are (x, y, 1) in pixels, the centre of the first pixel at (0, 0); H[2, 2] is 1.
        """
        x, y = (width - 1) / 2, (height - 1) / 2
        cos, sin = math.cos(math.radians(self.rotation)) * self.zoom, math.sin(math.radians(self.rotation)) * self.zoom
        to_middle = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
        # Nearer parts look larger: the divisor falls below 1 towards them.
        tilt = np.array(
            [[1, 0, 0], [0, 1, 0], [-2 * self.perspective[0] / width, -2 * self.perspective[1] / height, 1.0]]
        )
        turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
        back = np.array([[1, 0, x + self.shift[0] * width], [0, 1, y + self.shift[1] * width], [0, 0, 1.0]])
        matrix: Matrix = back @ turn @ tilt @ to_middle
        return np.asarray(matrix / matrix[2, 2], np.float64)

    def margin(self, width: int, height: int) -> int:
        """How many pixels beyond a picture's edges the shaken picture shows at most."""
        x, y = width - 1.0, height - 1.0
        corners = np.linalg.inv(self.matrix(width, height)) @ np.array([[0, x, x, 0], [0, 0, y, y], [1.0, 1, 1, 1]])
        seen = corners[:2] / corners[2]
        beyond = max(float(-seen.min()), float((seen[0] - x).max()), float((seen[1] - y).max()), 0.0)
        return math.ceil(beyond) + 1

    def apply(self, light: Light, margin: int) -> Light:
        """The shaken picture of ``light``, which has ``margin`` more pixels on each side than what is returned.

        Works on linear light (or a mask), float32, with bilinear interpolation: it never rings at bright edges.
        No pixel at the edges is extrapolated when ``margin`` is at least `margin`.
        """
        import cv2

        width, height = light.shape[1] - 2 * margin, light.shape[0] - 2 * margin
        matrix = self.matrix(width, height) @ np.array([[1, 0, -margin], [0, 1, -margin], [0, 0, 1.0]])
        shaken = cv2.warpPerspective(
            light, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(shaken, np.float32)


# ---- A reference made from the light itself: what a good fusion of the exposures should look like --------------------

_STOPS = 6.2  # what is left of the range of the large-scale brightness
_LIFT = 0.6  # exponent on the base's place in its range: the middle moves towards the light
_DETAIL = np.float32(1.2)
_EDGE = 0.6  # variance in stops² above which the base keeps an edge
_SATURATION = 0.92

_LUMINANCE = np.array(LUMINANCE_WEIGHTS, np.float32)


def tone_mapped(light: Light) -> Light:
    """``light`` (H×W×3, linear, any range) as a picture in [0, 1], sRGB-encoded float32.

    The base and detail of log2 luminance (Durand and Dorsey, SIGGRAPH 2002), split by a guided filter (He, Sun, Tang,
    ECCV 2010) rather than a bilateral one: the base is bent to fit 6.2 stops, the detail raised by a fifth, the colour
    ratios softened a little, the highlights rolled off.
    """
    luminance = np.maximum(light @ _LUMINANCE, np.float32(1e-6))
    stops = np.log2(luminance)
    base = _edge_preserving(stops, max(1, round(0.03 * max(light.shape[:2]))))
    low, high = (float(p) for p in np.percentile(base, (1, 99)))
    span = max(high - low, 1e-3)
    place = np.maximum((base - np.float32(low)) / np.float32(span), 0) ** np.float32(_LIFT)
    mapped = np.exp2((place - 1) * np.float32(min(_STOPS, span)) + _DETAIL * (stops - base)) * np.float32(0.95)
    ratios = np.maximum(light, 0) / luminance[..., None]
    colour = mapped[..., None] * ratios ** np.float32(_SATURATION)
    # Straight in the dark, 1 only at infinity.
    return linear_to_srgb(colour / (1 + colour**4) ** np.float32(0.25))


def _edge_preserving(plane: Plane, radius: int) -> Plane:
    """The guided filter of ``plane`` by itself: local means, except across edges of more than `_EDGE`."""
    mean = _box(plane, radius)
    variance: Plane = np.maximum(_box(plane * plane, radius) - mean * mean, 0)
    slope: Plane = variance / (variance + np.float32(_EDGE))
    return _box(slope, radius) * plane + _box((1 - slope) * mean, radius)


def _box(plane: Plane, radius: int) -> Plane:
    import cv2

    side = 2 * radius + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)


# ---- A bracket: photographs of one scene, with everything that a test may want to know about them --------------------


@dataclass(frozen=True)
class SampleBracket:
    """The pictures of a bracket, from dark to bright, and the truth about them.

    ``homographies[k]`` maps pixels of ``pictures[0]`` to those of ``pictures[k]`` (see `HandShake.matrix`).
    ``masks[k]`` is True where the moving object is in ``pictures[k]``. ``light`` is the linear light that
    ``pictures[0]`` shows (so the moving object stands where it is there), and ``reference`` the same, tone-mapped,
    of the pictures' dtype.
    """

    pictures: tuple[Picture, ...]
    evs: tuple[float, ...]
    homographies: tuple[Matrix, ...]
    masks: tuple[Mask, ...]
    light: Light
    reference: Picture


def sample_bracket(
    width: int = 1536,
    height: int = 1024,
    evs: Sequence[float] = (-3.0, 3.0),
    *,
    seed: int = 0,
    bits: Literal[8, 16] = 8,
    noise: bool = True,
    shake: HandShake | None = None,
    moving: bool = False,
    camera: Camera | None = None,
) -> SampleBracket:
    """Photograph the scene of ``seed`` once for each of ``evs``, darkest first whatever their order.

    The default exposures hold the sky (-3) and the dark corner (+3). The camera drifts by one ``shake`` from each
    picture to the next; with ``moving`` a ball rolls on from picture to picture. Raises ValueError without any EV.
    """
    if not evs:
        raise ValueError("a bracket needs at least one exposure value")
    exposures = tuple(sorted(float(ev) for ev in evs))
    camera = camera or Camera()
    drifts = [(shake or HandShake()).times(step) for step in range(len(exposures))]
    margin = max(drift.margin(width, height) for drift in drifts) if shake else 0
    static = Scene(seed).render(width, height, margin=margin)
    lights, masks = [], []
    for step, drift in enumerate(drifts):
        seen, mask = static, np.zeros(static.shape[:2], np.bool_)
        if moving:
            seen, mask = moving_object(static, step / max(1, len(exposures) - 1), margin=margin)
        if shake:
            seen = drift.apply(seen, margin)
            mask = drift.apply(mask.astype(np.float32), margin) > 0
        lights.append(seen)
        masks.append(mask)
    pictures = tuple(
        camera.photograph(light, ev, bits=bits, noise=noise, seed=seed * 1000 + step)
        for step, (light, ev) in enumerate(zip(lights, exposures, strict=True))
    )
    return SampleBracket(
        pictures=pictures,
        evs=exposures,
        homographies=tuple(drift.matrix(width, height) for drift in drifts),
        masks=tuple(masks),
        light=lights[0],
        reference=_as_picture(tone_mapped(lights[0]), bits),
    )


def sample_pair(
    width: int = 1536, height: int = 1024, *, seed: int = 0, bits: Literal[8, 16] = 8, noise: bool = True
) -> tuple[Picture, Picture]:
    """The under- and the over-exposed photograph (-3 and +3 EV) of the scene of ``seed``, each H×W×3."""
    camera, light = Camera(), Scene(seed).render(width, height)
    under = camera.photograph(light, -3.0, bits=bits, noise=noise, seed=seed * 1000)
    over = camera.photograph(light, 3.0, bits=bits, noise=noise, seed=seed * 1000 + 1)
    return under, over


def _as_picture(values: Light, bits: Literal[8, 16]) -> Picture:
    if bits == 8:
        return np.round(values * 255).astype(np.uint8)
    return np.round(values * np.float32(65535)).astype(np.uint16)
