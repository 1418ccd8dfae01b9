/**
 * Exposure selection: which frames of a bracket are fused, and in which order, as lightfuse.brackets.selection does.
 *
 * A selection is two or three positions, dark to bright. Two are fused; of three, dark with middle and middle with
 * bright first, then the two results.
 */

export const THUMBNAIL_PIXELS = 192 * 128;
const CLIPPED_LEVELS = [4, 251];
const CLIPPING_SOFTNESS = 8; // levels over which a value passes from clipped to well exposed
const HELD = 0.999; // degree of a pixel that is well exposed beyond doubt
const MAX_CLIPPED = 5e-4; // fraction of the picture that may be clipped in all selected frames but not in another
const MARGIN = 3e-3; // A selection must beat the extreme pair by more than the error of a thumbnail's score.

/** The pictures of a selection fused by `fuse`, which joins two and may be asynchronous; the last two by `fuseLast`. */
export async function fuseSelection(pictures, fuse, fuseLast = fuse) {
  if (pictures.length === 2) return fuseLast(...pictures);
  const [dark, middle, bright] = pictures;
  return fuseLast(await fuse(dark, middle), await fuse(middle, bright));
}

/**
 * The selection whose result, on thumbnails, has the highest MEF-SSIM against all exposures, less the fraction of the
 * scene that is well exposed only in frames left out; never one without the only frame to hold a highlight or a shadow.
 * @param {ImageData[]} thumbnails dark to bright
 * @param {(under: ImageData, over: ImageData) => ImageData} fuse
 * @returns {Promise<number[]>}
 */
export async function selectExposures(thumbnails, fuse) {
  const count = thumbnails.length;
  const extremes = [0, count - 1];
  const { width, height } = thumbnails[0];
  if (count === 2 || Math.min(width, height) < SMALLEST_SIDE) return extremes;
  const search = new Search(thumbnails, fuse);
  const ends = [await search.climb([0, count >> 1, count - 1]), await search.climb(extremes)];
  const found = await search.best(ends);
  return (await search.score(found)) > (await search.score(extremes)) + MARGIN ? found : extremes;
}

/** Hill climbing over selections; every selection is scored at most once. */
class Search {
  #thumbnails;
  #fuse;
  #mefSsim;
  #levels;
  #wellExposed;
  #held;
  #tolerated;
  #scores = new Map();

  constructor(thumbnails, fuse) {
    this.#thumbnails = thumbnails;
    this.#fuse = fuse;
    this.#mefSsim = new MefSsim(thumbnails);
    this.#levels = thumbnails.map(levelsOf);
    this.#wellExposed = this.#levels.map(wellExposed);
    this.#held = largest(this.#wellExposed).map((degree) => degree >= HELD);
    this.#tolerated = MAX_CLIPPED + this.#clipped([0, thumbnails.length - 1]);
  }

  /** Change one exposure at a time while the score rises. */
  async climb(selection) {
    for (;;) {
      const better = await this.best([selection, ...neighboursOf(selection, this.#thumbnails.length)]);
      if (better === selection) return selection;
      selection = better;
    }
  }

  /** The one that scores highest, the first of equals. */
  async best(selections) {
    let [best] = selections;
    for (const one of selections) if ((await this.score(one)) > (await this.score(best))) best = one;
    return best;
  }

  async score(selection) {
    if (this.#clipped(selection) > this.#tolerated) return -Infinity;
    const key = String(selection);
    if (!this.#scores.has(key)) {
      const chosen = (values) => selection.map((position) => values[position]);
      const result = await fuseSelection(chosen(this.#thumbnails), this.#fuse);
      const lost = mean(largest(this.#wellExposed)) - mean(largest(chosen(this.#wellExposed)));
      this.#scores.set(key, this.#mefSsim.score(result) - lost);
    }
    return this.#scores.get(key);
  }

  /** The larger of two fractions: held by some frame, but white, or black, in all of the selection. */
  #clipped(selection) {
    const [low, high] = CLIPPED_LEVELS;
    let [white, black] = [0, 0];
    this.#held.forEach((held, i) => {
      if (!held) return;
      const levels = selection.map((position) => this.#levels[position][i]);
      if (Math.min(...levels) > high - CLIPPING_SOFTNESS / 2) white += 1;
      if (Math.max(...levels) < low + CLIPPING_SOFTNESS / 2) black += 1;
    });
    return Math.max(white, black) / this.#held.length;
  }
}

/** One position moved by one, the middle left out, or one put in the middle. */
function neighboursOf(selection, count) {
  const [dark, bright] = [selection[0], selection.at(-1)];
  const all = selection.flatMap((position, i) => [selection.with(i, position - 1), selection.with(i, position + 1)]);
  all.push(selection.length === 3 ? [dark, bright] : [dark, (dark + bright) >> 1, bright]);
  const isValid = (position, i, one) => position >= 0 && position < count && (i === 0 || one[i - 1] < position);
  return all.filter((one) => one.every(isValid));
}

/** The mean of the channels of each pixel. */
function levelsOf({ data }) {
  const level = (i) => (data[i] + data[i + 1] + data[i + 2]) / 3;
  return Float32Array.from({ length: data.length / 4 }, (_, i) => level(4 * i));
}

/** How far each pixel is neither black nor white, in [0, 1]. */
function wellExposed(levels) {
  const [low, high] = CLIPPED_LEVELS;
  return levels.map((level) => Math.min(1, Math.max(0, Math.min(level - low, high - level) / CLIPPING_SOFTNESS)));
}

function largest(masks) {
  return masks[0].map((_, i) => Math.max(...masks.map((mask) => mask[i])));
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * MEF-SSIM: how well a fused picture keeps the structure of its exposures, as lightfuse.metrics.mef_ssim.
 *
 * Ma, Zeng, Wang, "Perceptual Quality Assessment for Multi-Exposure Image Fusion", IEEE TIP 24(11), 2015. Around each
 * pixel the desired patch has the exposures' highest contrast and a weighted mean of their structures; the score is the
 * contrast-and-structure part of SSIM between it and the fused patch.
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

/** MEF-SSIM of many fused pictures against the same exposures: the desired patches are computed once. */
export class MefSsim {
  #scales = [];

  /** @param {{data: Uint8ClampedArray, width: number, height: number}[]} exposures RGBA, of one size */
  constructor(exposures) {
    let sources = exposures.map(lumaOf);
    for (let scale = 0; scale < SCALE_WEIGHTS.length; scale++) {
      if (scale > 0) sources = sources.map(halved);
      this.#scales.push(desiredPatches(sources));
    }
  }

  /** The score of one result, in [0, 1]. */
  score(result) {
    const total = SCALE_WEIGHTS.reduce((sum, weight) => sum + weight);
    let fused = lumaOf(result);
    return this.#scales.reduce((product, desired, scale) => {
      if (scale > 0) fused = halved(fused);
      return product * Math.max(0, quality(fused, desired)) ** (SCALE_WEIGHTS[scale] / total);
    }, 1);
  }
}

/** The desired patches at one scale: the factor of each mean-free source patch, and the variance of their sum. */
function desiredPatches(sources) {
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

/** Mean of SSIM's contrast-and-structure term between a fused picture and the desired patches. */
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
      const columns = [2 * x, Math.min(2 * x + 1, width - 1)];
      half.values[i] = columns.reduce((sum, column) => sum + values[upper + column] + values[lower + column], 0) / 4;
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
