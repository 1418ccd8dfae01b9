/**
 * MEF-SSIM: how well a fused picture keeps the structure of its exposures, as lightfuse.metrics.mef_ssim has it.
 *
 * Ma, Zeng, Wang, "Perceptual Quality Assessment for Multi-Exposure Image Fusion", IEEE TIP 24(11), 2015. Around each
 * pixel the patch one would wish for has the exposures' highest contrast and a weighted mean of their structures; the
 * score is the contrast-and-structure part of SSIM between it and the fused patch.
 */

const WINDOW = 11;
const SCALE_WEIGHTS = [0.0448, 0.2856, 0.3001];
/** A patch must fit at the coarsest scale. */
export const SMALLEST_SIDE = WINDOW * 4;

const PATCH_PIXELS = WINDOW * WINDOW;
const STABILITY = (0.03 * 255) ** 2;
const CONTRAST_FLOOR = 0.001;
const LARGEST_EXPONENT = 10;
const TINY = Number.EPSILON;
const BOX = new Array(WINDOW).fill(1 / WINDOW);
const GAUSSIAN = gaussian(1.5);
const PEAK = GAUSSIAN[WINDOW >> 1] ** 2;

/** @typedef {{values: Float64Array, width: number, height: number}} Plane levels from 0 to 255 */

/** MEF-SSIM of many fused pictures against the same exposures: what these alone decide is worked out once. */
export class MefSsim {
  #scales = [];

  /** @param {{data: Uint8ClampedArray, width: number, height: number}[]} exposures RGBA, of one size */
  constructor(exposures) {
    let sources = exposures.map(lumaOf);
    for (let scale = 0; scale < SCALE_WEIGHTS.length; scale++) {
      if (scale > 0) sources = sources.map(halved);
      this.#scales.push(wishes(sources));
    }
  }

  /** The score of one result, in [0, 1]. */
  score(result) {
    const total = SCALE_WEIGHTS.reduce((sum, weight) => sum + weight);
    let fused = lumaOf(result);
    return this.#scales.reduce((product, wished, scale) => {
      if (scale > 0) fused = halved(fused);
      return product * Math.max(0, quality(fused, wished)) ** (SCALE_WEIGHTS[scale] / total);
    }, 1);
  }
}

/** What the exposures wish for at one scale: what each mean-free patch is multiplied by, and the sum's variance. */
function wishes(sources) {
  const boxes = covariances(sources, BOX);
  const contrasts = sources.map((_, k) => boxes[k][k].map((variance) => Math.sqrt(PATCH_PIXELS * variance)));
  const count = contrasts[0].length;
  const factors = sources.map(() => new Float64Array(count));
  const ones = sources.map(() => 1);
  const highest = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const norms = contrasts.map((contrast) => contrast[i] + CONTRAST_FLOOR);
    const ofSum = Math.sqrt(PATCH_PIXELS * varianceOfSum(ones, boxes, i));
    const sumOf = contrasts.reduce((sum, contrast) => sum + contrast[i], 0);
    const agreement = Math.min(1 - TINY, Math.max(TINY, (ofSum + TINY) / (sumOf + TINY)));
    const exponent = Math.min(LARGEST_EXPONENT, Math.tan((Math.PI / 2) * agreement));
    const weights = norms.map((norm) => (norm / WINDOW) ** exponent + TINY);
    const total = weights.reduce((sum, weight) => sum + weight);
    const mixed = norms.map((norm, k) => weights[k] / total / norm);
    const own = Math.sqrt(PATCH_PIXELS * varianceOfSum(mixed, boxes, i));
    highest[i] = Math.max(...norms);
    mixed.forEach((factor, k) => (factors[k][i] = own > 0 ? (factor * highest[i]) / own : 0));
  }
  const local = covariances(sources, GAUSSIAN);
  const variance = highest.map((contrast, i) => {
    const own = factors.map((factor) => factor[i]);
    return Math.min(varianceOfSum(own, local, i), PEAK * contrast ** 2); // holds for every real patch
  });
  return { sources, means: sources.map((source) => windowMean(source, GAUSSIAN)), factors, variance };
}

/** Mean of SSIM's contrast-and-structure term between a fused picture and the wished-for patches. */
function quality(fused, { sources, means, factors, variance }) {
  const mean = windowMean(fused, GAUSSIAN);
  const square = windowMean(product(fused, fused), GAUSSIAN);
  const together = sources.map((source) => windowMean(product(source, fused), GAUSSIAN));
  let sum = 0;
  for (let i = 0; i < mean.length; i++) {
    const own = Math.max(0, square[i] - mean[i] ** 2);
    const raw = factors.reduce((all, factor, k) => all + factor[i] * (together[k][i] - means[k][i] * mean[i]), 0);
    const bound = Math.sqrt(variance[i] * own);
    const covariance = Math.min(bound, Math.max(-bound, raw));
    sum += (2 * covariance + STABILITY) / (variance[i] + own + STABILITY);
  }
  return sum / mean.length;
}

/** Local covariance of every two planes, at every window wholly inside; variances are never negative. */
function covariances(planes, kernel) {
  const means = planes.map((plane) => windowMean(plane, kernel));
  const table = planes.map(() => []);
  planes.forEach((first, k) => {
    for (let m = k; m < planes.length; m++) {
      const both = windowMean(product(first, planes[m]), kernel);
      table[k][m] = table[m][k] = both.map((value, i) => {
        const covariance = value - means[k][i] * means[m][i];
        return m === k ? Math.max(0, covariance) : covariance;
      });
    }
  });
  return table;
}

function varianceOfSum(factors, table, i) {
  let sum = 0;
  for (let k = 0; k < factors.length; k++) {
    for (let m = 0; m < factors.length; m++) sum += factors[k] * factors[m] * table[k][m][i];
  }
  return Math.max(0, sum);
}

/** Weighted means over all windows wholly inside a plane. */
function windowMean({ values, width, height }, kernel) {
  const [across, down] = [width - WINDOW + 1, height - WINDOW + 1];
  const along = new Float64Array(across * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < across; x++, i++) {
      for (let d = 0; d < WINDOW; d++) along[i] += kernel[d] * values[y * width + x + d];
    }
  }
  const means = new Float64Array(across * down);
  for (let y = 0; y < down; y++) {
    for (let d = 0; d < WINDOW; d++) {
      for (let x = 0; x < across; x++) means[y * across + x] += kernel[d] * along[(y + d) * across + x];
    }
  }
  return means;
}

function product(first, second) {
  return { ...first, values: first.values.map((value, i) => value * second.values[i]) };
}

/** Means of 2×2 pixels; an odd last row or column is repeated. */
function halved({ values, width, height }) {
  const half = { width: (width + 1) >> 1, height: (height + 1) >> 1 };
  half.values = new Float64Array(half.width * half.height);
  for (let y = 0, i = 0; y < half.height; y++) {
    const [upper, lower] = [2 * y * width, Math.min(2 * y + 1, height - 1) * width];
    for (let x = 0; x < half.width; x++, i++) {
      const [left, right] = [2 * x, Math.min(2 * x + 1, width - 1)];
      half.values[i] = (values[upper + left] + values[upper + right] + values[lower + left] + values[lower + right]) / 4;
    }
  }
  return half;
}

function lumaOf({ data, width, height }) {
  const values = Float64Array.from({ length: width * height }, (_, i) => {
    return 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
  });
  return { values, width, height };
}

function gaussian(sigma) {
  const weights = BOX.map((_, i) => Math.exp(-((i - (WINDOW >> 1)) ** 2) / (2 * sigma ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight);
  return weights.map((weight) => weight / total);
}
