import cv2
import numpy as np
import pytest

from tools.synthetic import HandShake, Scene


def mapped(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    point = matrix @ (x, y, 1.0)
    return point[:2] / point[2]


def test_no_shake_is_the_identity() -> None:
    np.testing.assert_allclose(HandShake().matrix(301, 200), np.eye(3), atol=1e-12)


def test_known_movements_move_known_points() -> None:
    # In a picture of 201×101 the middle is (100, 50).
    np.testing.assert_allclose(mapped(HandShake(shift=(0.1, -0.05)).matrix(201, 101), 7, 9), (27.1, -1.05))
    np.testing.assert_allclose(mapped(HandShake(rotation=90).matrix(201, 101), 110, 50), (100, 60))
    np.testing.assert_allclose(mapped(HandShake(zoom=2).matrix(201, 101), 110, 45), (120, 40))
    tilted = HandShake(perspective=(0.1, 0)).matrix(201, 101)
    np.testing.assert_allclose(mapped(tilted, 100, 50), (100, 50))
    assert mapped(tilted, 200, 100)[1] - mapped(tilted, 200, 0)[1] > 101  # the right edge came nearer: it is longer


def test_a_dot_lands_where_the_matrix_says() -> None:
    shake, margin = HandShake((0.03, -0.02), 4.0, (0.02, 0.01), 1.02), 20
    light = np.zeros((160 + 2 * margin, 240 + 2 * margin, 3), np.float32)
    light[margin + 40 - 2 : margin + 40 + 3, margin + 70 - 2 : margin + 70 + 3] = 1
    seen = shake.apply(light, margin)[..., 0]
    rows, columns = np.indices(seen.shape)
    centre = (columns * seen).sum() / seen.sum(), (rows * seen).sum() / seen.sum()
    np.testing.assert_allclose(centre, mapped(shake.matrix(240, 160), 70, 40), atol=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_warping_back_gives_the_steady_picture(seed: int) -> None:
    shake = HandShake.typical(seed)
    margin = shake.margin(450, 300)
    light = np.log2(Scene().render(450, 300, margin=margin))
    steady = light[margin:-margin, margin:-margin]
    shaken = shake.apply(light, margin)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpPerspective(shaken, shake.matrix(450, 300), (450, 300), flags=flags)
    inner = np.s_[30:-30, 30:-30]
    # Blurred a little: interpolating twice costs sharpness, not place.
    missed = np.abs(cv2.GaussianBlur(back - steady, (0, 0), 2))[inner].mean()
    assert missed < 0.02
    assert np.abs(cv2.GaussianBlur(shaken - steady, (0, 0), 2))[inner].mean() > 10 * missed


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 300), (300, 5), (320, 200)])
def test_the_margin_is_enough_for_no_edge_to_be_made_up(width: int, height: int) -> None:
    shake = HandShake((0.05, -0.03), 3.0, (0.02, -0.03), 0.97)
    margin = shake.margin(width, height)
    back = np.linalg.inv(shake.matrix(width, height))
    for x in (0, width - 1):
        for y in (0, height - 1):
            u, v = mapped(back, x, y)
            assert -margin <= u <= width - 1 + margin
            assert -margin <= v <= height - 1 + margin


def test_times_scales_the_movement() -> None:
    once, twice = HandShake((0.01, 0), 2.0).matrix(101, 101), HandShake((0.01, 0), 2.0).times(2).matrix(101, 101)
    np.testing.assert_allclose(twice, HandShake((0.02, 0), 4.0).matrix(101, 101))
    assert not np.allclose(once, twice)
    np.testing.assert_allclose(HandShake.typical(5).times(0).matrix(80, 60), np.eye(3), atol=1e-12)
