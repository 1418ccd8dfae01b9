"""The sRGB transfer function and luma."""

import numpy as np
import pytest

from lightfuse.colorspace import linear_to_srgb, luma, rgb_problem, srgb_to_linear


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_srgb_curve_follows_the_standard_and_keeps_the_float_type(dtype):
    values = np.array([0, 0.04045, 0.5, 1], dtype)
    light = srgb_to_linear(values)
    assert light.dtype == dtype
    np.testing.assert_allclose(light, [0, 0.0031308, 0.21404114, 1], rtol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-7)])
def test_srgb_encoding_inverts_decoding(dtype, tolerance):
    values = np.linspace(0, 1, 4097, dtype=dtype)
    encoded = linear_to_srgb(srgb_to_linear(values))
    assert encoded.dtype == dtype
    np.testing.assert_allclose(encoded, values, atol=tolerance)


def test_srgb_curve_is_linear_below_zero():
    np.testing.assert_allclose(srgb_to_linear(np.array([-0.1])), [-0.1 / 12.92])
    np.testing.assert_allclose(linear_to_srgb(np.array([-0.1])), [-1.292])


def test_luma_weighs_primaries_as_bt601():
    np.testing.assert_allclose(luma(np.eye(3, dtype=np.float32)[None]), [[0.299, 0.587, 0.114]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_rgb_pictures_of_every_type_pass_the_check(dtype):
    assert rgb_problem(np.zeros((1, 2, 3), dtype)) is None


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (np.zeros((4, 4), np.uint8), "must be an RGB array of shape height × width × 3, not an array of shape (4, 4)"),
        (np.zeros((0, 4, 3), np.uint8), "not an array of shape (0, 4, 3)"),
        ([1, 2], "must be an RGB array of shape height × width × 3, not list"),
        (np.zeros((4, 4, 3)), "must be uint8, uint16 or float32, not float64; convert it first"),
    ],
    ids=["grey", "empty", "list", "float64"],
)
def test_what_is_not_an_rgb_picture_is_told(picture, problem):
    assert rgb_problem(picture).endswith(problem)
