import numpy as np
import pytest

from lightfuse.deghost import ghost_overlay


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_the_mask_shows_magenta_on_the_frame(dtype, white):
    frame = np.full((4, 6, 3), white, dtype)
    mask = np.zeros((4, 6), np.uint8)
    mask[:, :2] = 255
    seen = ghost_overlay(frame, mask)
    assert seen.dtype == np.uint8
    assert (seen[:, 2:] == 255).all()
    assert seen[0, 0, 0] == 255
    assert seen[0, 0, 1] < 128
    assert (ghost_overlay(frame, None) == 255).all()
