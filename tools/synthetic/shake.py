"""How a hand-held camera moves between two exposures: a homography known exactly."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.synthetic.canvas import Light

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
        """The 3×3 homography from a point of the steady picture to where it lies in the shaken one.

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
        Nothing is made up at the edges when ``margin`` is at least `margin`.
        """
        import cv2

        width, height = light.shape[1] - 2 * margin, light.shape[0] - 2 * margin
        matrix = self.matrix(width, height) @ np.array([[1, 0, -margin], [0, 1, -margin], [0, 0, 1.0]])
        shaken = cv2.warpPerspective(
            light, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(shaken, np.float32)
