import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.metrics.pictures import as_unit, to_eight_bits


def picture_of(value: float, dtype: type) -> np.ndarray:
    return np.full((2, 3, 3), value, dtype=dtype)


@pytest.mark.parametrize(("value", "dtype"), [(51, np.uint8), (13107, np.uint16), (0.2, np.float32), (0.2, np.float64)])
def test_every_accepted_dtype_means_the_same_brightness(value: float, dtype: type) -> None:
    unit = as_unit(picture_of(value, dtype))
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, 0.2, atol=1e-7)


def test_halves_round_upwards() -> None:
    halves = np.array([0.5, 1.5, 2.5, 254.5]) / 255
    picture = np.repeat(halves[None, :, None], 3, axis=2)
    assert to_eight_bits(picture)[0, :, 0].tolist() == [1, 2, 3, 255]


def test_sixteen_bits_round_to_the_nearest_of_eight() -> None:
    levels = np.arange(256, dtype=np.uint16)[None, :, None].repeat(3, axis=2) * np.uint16(257)
    below = np.where(levels > 0, levels, 128) - np.uint16(128)
    assert to_eight_bits(levels)[0, :, 0].tolist() == list(range(256))
    assert to_eight_bits(below)[0, :, 0].tolist() == list(range(256))


def test_eight_bits_stay_as_they_are() -> None:
    picture = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    np.testing.assert_array_equal(to_eight_bits(picture), picture)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.int32), "int32"),
        (np.full((4, 4, 3), 128.0), "spans 128 to 128"),
        (np.full((4, 4, 3), np.nan), "spans nan"),
    ],
)
def test_invalid_pictures_are_refused_by_name(bad: np.ndarray, complaint: str) -> None:
    with pytest.raises(PictureError, match=complaint) as refusal:
        as_unit(bad, "reference")
    assert "reference" in str(refusal.value)
