import numpy as np

from lightfuse.deghost.fill import filled


def test_gaps_continue_what_surrounds_them_and_the_known_stays():
    ramp = np.repeat(np.linspace(0.2, 0.8, 61, dtype=np.float32)[None, :, None], 47, 0).repeat(3, 2)
    known = np.ones((47, 61), bool)
    known[12:34, 20:42] = False
    spoilt = np.where(known[..., None], ramp, 0)
    mended = filled(spoilt, known)
    assert np.array_equal(mended[known], ramp[known])
    assert np.abs(mended - ramp).max() < 0.12


def test_one_known_pixel_fills_everything():
    picture = np.zeros((9, 14, 3), np.float32)
    picture[3, 5] = (0.1, 0.5, 0.9)
    known = np.zeros((9, 14), bool)
    known[3, 5] = True
    np.testing.assert_allclose(filled(picture, known), np.broadcast_to(picture[3, 5], picture.shape), atol=1e-4)
