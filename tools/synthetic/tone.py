"""A reference picture made from the light itself: what a good fusion of the exposures should look like."""

import numpy as np

from lightfuse.colorspace import LUMINANCE_WEIGHTS, linear_to_srgb
from tools.synthetic.canvas import Light, Plane

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
