"""Pictures shrunk by the core are means over equal areas, in [0, 1]."""

import numpy as np
import pytest

from lightfuse import core


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("size", "side", "to"), [((12, 8), 3, (3, 2)), ((4, 5), 9, (4, 5)), ((1, 8), 4, (1, 4))])
def test_cells_are_means_over_equal_areas(dtype, size, side, to):
    top = 1 if dtype == np.float32 else np.iinfo(dtype).max
    picture = (np.random.default_rng(0).random((*size, 3)) * top).astype(dtype)
    means = (picture / top).reshape(to[0], size[0] // to[0], to[1], size[1] // to[1], 3).mean(axis=(1, 3))
    reduced = core.area_means(picture[:, ::-1][:, ::-1], side)
    assert reduced.dtype == np.float32
    np.testing.assert_allclose(reduced, means, atol=1e-5)


def test_a_row_of_cells_tells_the_mean_of_many_rows():
    picture = np.random.default_rng(1).integers(100, 110, (2000, 50, 3)).astype(np.uint8)
    np.testing.assert_allclose(core.area_means(picture, 4) * 255, 104.5, atol=1)
