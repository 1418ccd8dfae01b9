"""Pictures reduced by the core are means over equal areas, of every pixel or of every so many."""

import numpy as np
import pytest

from lightfuse import core


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("size", "step", "to"), [((7, 9), 1, (3, 4)), ((23, 17), 3, (5, 6)), ((4, 5), 1, (4, 5)), ((1, 8), 2, (1, 1))]
)
def test_cells_are_means_over_equal_areas(dtype, size, step, to):
    values = np.random.default_rng(0).random((*size, 3)) * (1 if dtype == np.float32 else np.iinfo(dtype).max)
    picture = values.astype(dtype)
    read = picture[::step, ::step].astype(np.float64)
    rows, columns = read.shape[:2]
    fine = read.repeat(to[0], axis=0).repeat(to[1], axis=1)  # Each cell is then a whole number of these pixels.
    means = fine.reshape(to[0], rows, to[1], columns, 3).mean(axis=(1, 3))
    reduced = np.empty((*to, 3), np.float32)
    core.reduce(picture, step, reduced)
    np.testing.assert_allclose(reduced, means, rtol=1e-5)
