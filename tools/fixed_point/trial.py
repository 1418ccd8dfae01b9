"""Trial of CombiningNet in 16-bit fixed point, in numpy: how far from float, with the scales a kernel would choose.

The one product is (a·b + 2^14) >> 15, as vpmulhrsw, vqrdmulhq_s16 and i16x8.q15mulr_sat compute it. Run it with
``python -m tools.fixed_point.trial``: for each model, the share of values one level and two or more levels off.
"""

import sys
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lightfuse.models import ContextModel, load
from tools.synthetic import sample_pair

Array = NDArray[Any]
FULL = 32600.0  # of 32767: room for the rounding of nine products
LUMA = (0.299, 0.587, 0.114)
SIGMOID_RANGE = 8.0


def wrapped(x: Array) -> Array:
    """An int16 addition's result; final sums are checked not to wrap by `checked`."""
    return ((x + 32768) & 65535) - 32768


def mul(a: Any, b: Any) -> Any:
    """The product of two numbers in Q15, rounded."""
    return (a * b + 0x4000) >> 15


def held(x: Array) -> Array:
    """Saturated to int16."""
    return np.clip(x, -32768, 32767)


def raised(x: Array, bits: int) -> Array:
    """Multiplied by a power of two, saturated."""
    return held(x << bits)


def checked(x: Array) -> Array:
    """The same, after making sure that it fits int16."""
    if x.min() < -32768 or x.max() > 32767:
        raise OverflowError(f"{x.min()} to {x.max()} does not fit 16 bits")
    return x


def sigmoid_polynomial(degree: int = 5) -> tuple[Array, float]:
    """Coefficients of σ(-8x)^(1/8) on [0, 1], of 2^-15, weighted by what an error costs after three squarings."""
    x = np.linspace(0, 1, 4001)
    y = (1 / (1 + np.exp(SIGMOID_RANGE * x))) ** 0.125
    weights = 8 * y**7
    for _ in range(200):  # Lawson's iteration towards the least largest error
        fit = np.polynomial.Polynomial.fit(x, y, degree, domain=[0, 1], window=[0, 1], w=weights)
        error = np.abs(fit(x) ** 8 - y**8)
        weights = weights * (0.5 + error / error.max()) ** 0.5
    return np.asarray(fit.coef), float(error.max())


def falling(x: Array, coefficients: Array) -> Array:
    """1 / (1 + e^(8x)) of x in Q15, in Q15; coefficients above 1 go in as halves."""
    positive = np.minimum(np.abs(x), 32767)
    y = np.zeros_like(x)
    for c in coefficients[:0:-1]:
        y = mul(y, positive) + round(float(c * 8192))  # Q13
    y = (mul(y, positive) << 2) + round(float(coefficients[0] * 32768))
    for _ in range(3):
        y = mul(y, y)
    return np.asarray(np.where(x >= 0, y, 32767 - y))


def reciprocal_half(m: Array) -> Array:
    """2^29 / m for m in [2^14, 2^15), in Q15 of one half: a line and two steps of Newton's."""
    y = mul(49151 - m, np.full_like(m, 30840))
    for _ in range(2):
        y = y + mul(y, 32767 - 2 * mul(m, y))
    return np.asarray(np.minimum(y, 32767))


def ratio(n: Array, d: Array) -> Array:
    """n / d in Q15 for 0 ≤ n ≤ d, 0 < d < 2^15."""
    n, d = n.copy(), d.copy()
    for bits in (8, 4, 2, 1):
        small = d < 1 << (15 - bits)
        n, d = np.where(small, n << bits, n), np.where(small, d << bits, d)
    return held(2 * mul(n, reciprocal_half(d)))


def bits_for(bound: float) -> int:
    """The power of two that a value of this size needs."""
    return max(0, int(np.ceil(np.log2(max(bound, 1e-9) / 0.99))))


def fuse(model: ContextModel, under: Array, over: Array, context: Array, strength: float) -> tuple[Array, float]:
    """Fuse uint8 H×W×3 pictures with float context C×H×W in integers: the picture, and the share outside the gamut."""
    numbers = {name: tensor.double().numpy() for name, tensor in model.combining.state_dict().items()}
    layers = [numbers[f"layers.{i}.weight"][:, :, 0, 0] for i in range(3)]
    middle_bias = numbers["layers.1.bias"]
    hidden = layers[0].shape[0]
    low, high = context.min(axis=(1, 2)), context.max(axis=(1, 2))
    x = [channel.astype(np.int64) << 7 for picture in (under, over) for channel in np.moveaxis(picture, 2, 0)]

    first, top1, scale1 = [], [], []
    for j, w in enumerate(layers[0]):
        top, bottom = high[j] + np.maximum(w, 0).sum(), low[j] + np.minimum(w, 0).sum()
        scale = FULL / max(top, -bottom, np.abs(w).max() * 1.01, high[j] - low[j])
        total = np.rint(context[j] * scale).astype(np.int64)
        for value, one in zip(x, w, strict=True):
            total = wrapped(total + mul(value, round(float(one * scale * 256 / 255))))
        first.append(np.maximum(total, 0))
        top1.append(max(top, 0))
        scale1.append(scale)
    second, top2, scale2 = [], [], []
    for w, bias in zip(layers[1], middle_bias, strict=True):
        terms = w * top1
        top, bottom = bias + np.maximum(terms, 0).sum(), bias + np.minimum(terms, 0).sum()
        scale = min(FULL / max(top, -bottom, abs(bias)), *(np.array(scale1) * 0.999 / np.maximum(np.abs(w), 1e-9)))
        total = np.full_like(x[0], round(float(bias * scale)))
        for value, one, s in zip(first, w, scale1, strict=True):
            total = wrapped(total + mul(value, round(float(one * scale * 32768 / s))))
        second.append(np.maximum(total, 0))
        top2.append(max(top, 0))
        scale2.append(scale)

    def answer(o: int, factor: float, shift: float, bits: int | None = None) -> tuple[Array, int]:
        """factor·answer + shift in Q15 of 2^bits, and bits."""
        w, c = layers[2][o] * factor, context[hidden + o] * factor + shift
        terms = w * top2
        bound = max(c.max() + np.maximum(terms, 0).sum(), -(c.min() + np.minimum(terms, 0).sum()), c.max() - c.min())
        needed = max(bits_for(bound), *(bits_for(abs(one) / s * 32768) for one, s in zip(w, scale2, strict=True)))
        bits = needed if bits is None else max(bits, needed)
        scale = 32768 / 2.0**bits
        total = np.rint(c * scale).astype(np.int64)
        for value, one, s in zip(second, w, scale2, strict=True):
            total = wrapped(total + mul(value, round(float(one * scale * 32768 / s))))
        return checked(total), bits

    coefficients, _ = sigmoid_polynomial()
    weights = []
    for o in (0, 4):
        logit, bits = answer(o, -1 / SIGMOID_RANGE, 3 / SIGMOID_RANGE)
        weights.append(falling(raised(logit, bits), coefficients))
    offset_bits = answer(2, 0.5 * strength, 0)[1]
    gain, bits = answer(1, strength, 0, offset_bits)
    offset, bits = answer(2, 0.5 * strength, 0, bits)
    chroma_gain, chroma_bits = answer(3, strength, 1)

    r, g, b = (round(float(one * 32768)) for one in LUMA)
    difference = [x[c] - x[3 + c] for c in range(3)]
    grey_over = mul(x[3], r) + mul(x[4], g) + mul(x[5], b)
    grey_difference = mul(difference[0], r) + mul(difference[1], g) + mul(difference[2], b)
    mixed = grey_over + mul(weights[0], grey_difference)
    lowest = np.minimum(grey_over, grey_over + grey_difference)
    highest = np.maximum(grey_over, grey_over + grey_difference)
    luma = held(mixed + raised(held(mul(mixed, gain) + mul(offset, np.full_like(offset, 32640))), bits))
    luma = checked(np.clip(luma, lowest, highest))
    grey = grey_over + mul(weights[1], grey_difference)

    divisor = (grey >> 1) + 326
    dividend = np.minimum((luma >> 1) + 326, held(divisor << 3))
    lift = ratio((dividend + 4) >> 3, divisor)  # of 8; a kernel keeps the three bits where the divisor is small
    small = divisor < 2048
    lift = np.where(small, ratio(dividend, np.where(small, divisor << 3, 32767)), lift)
    gain8 = np.maximum(raised(mul(lift, chroma_gain), chroma_bits), 0)
    chroma = [mul(x[3 + c] + mul(weights[1], difference[c]) - grey, gain8) for c in range(3)]  # 16 to a level

    most, least = np.maximum.reduce(chroma), np.minimum.reduce(chroma)
    outside = ((luma >> 3) + most > 4080) | ((luma >> 3) + least < 0)
    inside = [(luma + (one << 3) + 64) >> 7 for one in chroma]
    luma8, top = luma >> 4, 2040
    most8, least8 = most >> 1, -(least >> 1)
    scale = np.maximum(
        ratio(np.full_like(luma8, top), np.maximum(luma8 + most8, top)), ratio(lowest >> 4, np.maximum(luma8, 1))
    )
    luma8, most8, least8 = (mul(one, scale) for one in (luma8, most8, least8))
    room = np.maximum(top - luma8, 0)
    to_white = ratio(np.minimum(room, most8), np.maximum(most8, 1))
    to_black = ratio(np.minimum(luma8, least8), np.maximum(least8, 1))
    keep = np.minimum(np.where(most8 > room, to_white, 32767), np.where(least8 > luma8, to_black, 32767))
    mapped = [(mul(luma, scale) + (mul(mul(one, scale), keep) << 3) + 64) >> 7 for one in chroma]
    fused = [np.clip(np.where(outside, a, b), 0, 255) for a, b in zip(mapped, inside, strict=True)]
    return np.stack(fused, axis=2).astype(np.uint8), float(outside.mean())


@torch.no_grad()
def compare(name: str, under: Array, over: Array) -> None:
    """Print how far a model in fixed point is from torch on one pair."""
    model = load(name)
    if not isinstance(model, ContextModel):
        raise SystemExit(f"{name} is not a context model")
    planes = [torch.from_numpy(one).permute(2, 0, 1)[None].float() / 255 for one in (under, over)]
    grid, strength = model.context(model.thumbnail(*planes))
    context = torch.nn.functional.interpolate(grid, size=under.shape[:2], mode="bilinear", align_corners=False)
    exact = np.rint(model(*planes)[0].permute(1, 2, 0).numpy() * 255).astype(int)
    fused, outside = fuse(model, under, over, context[0].double().numpy(), float(strength))
    off = np.abs(fused - exact)
    one, more = np.mean(off == 1), np.mean(off > 1)
    print(f"{name}: one off {one:.2%}, two or more {more:.4%}, worst {off.max()}, outside {outside:.1%}")


if __name__ == "__main__":
    print(f"sigmoid off by at most {sigmoid_polynomial()[1]:.1e}")
    random = np.random.default_rng(0)
    pairs = {"scene": sample_pair(600, 400), "noise": tuple(random.integers(0, 256, (2, 200, 300, 3), dtype=np.uint8))}
    for kind, pair in pairs.items():
        for model_name in sys.argv[1:] or ("small", "base"):
            print(kind, end=" ")
            compare(model_name, *pair)
