/**
 * Pyramids of local contrast: what is left of a picture when light, shade and the strength of edges are set aside.
 *
 * @typedef {{values: Float32Array, width: number, height: number, unit: import("./geometry.js").Matrix}} Level
 *   one float picture; `unit` carries its pixels to the whole frame's centred coordinates
 */
import { normaliser, times } from "./geometry.js";

const LARGEST_COARSEST = 320; // pixels along the long side
const SHORTEST = 32;
const FLOOR = 0.004;
const NOISE_TIMES = 3;
const MOST_LISTENED = 16_000; // pixels
const LEFT_BY_SMOOTHING = 1 / (2 * Math.sqrt(Math.PI));

/**
 * Codes through a table, then averaged over cells of shrink × shrink pixels; what is left over at the far edges is cut.
 * The table comes first: it holds pixel by pixel, not for averages of pixels across an edge.
 * @param {import("./contrast.js").Plane} plane
 * @param {Float32Array} table
 * @param {number} shrink
 * @returns {Level}
 */
export function reduced({ data, width: fullWidth, height: fullHeight }, table, shrink) {
  const [width, height] = [Math.floor(fullWidth / shrink), Math.floor(fullHeight / shrink)];
  const values = new Float32Array(width * height);
  const share = 1 / (shrink * shrink);
  for (let y = 0; y < height * shrink; y++) {
    const row = Math.floor(y / shrink) * width;
    for (let x = 0, at = y * fullWidth; x < width; x++) {
      let sum = 0;
      for (const end = at + shrink; at < end; at++) sum += table[data[at]];
      values[row + x] += sum * share;
    }
  }
  return { values, width, height, unit: times(normaliser(fullWidth, fullHeight), cells(shrink)) };
}

/** A level's local contrast, then that of its halves, quarters…, finest first. */
export function contrastPyramid(level) {
  const levels = [localContrast(level)];
  while (Math.max(level.width, level.height) >= LARGEST_COARSEST && Math.min(level.width, level.height) >= SHORTEST) {
    level = halved(level);
    levels.push(localContrast(level));
  }
  return levels;
}

/** @returns {Level} means of 2×2 pixels */
export function halved({ values, width: fullWidth, height: fullHeight, unit }) {
  const [width, height] = [fullWidth >> 1, fullHeight >> 1];
  const means = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, at = 2 * y * fullWidth; x < width; x++, at += 2, i++) {
      means[i] = (values[at] + values[at + 1] + values[at + fullWidth] + values[at + fullWidth + 1]) / 4;
    }
  }
  return { values: means, width, height, unit: times(unit, cells(2)) };
}

/** A level less its surround, over its strength there; smoothed a little, and near 0 where only noise is left. */
export function localContrast(level) {
  const { values, width, height } = level;
  const detail = blurred(values, width, height);
  const around = surround(values, width, height);
  for (let i = 0; i < detail.length; i++) detail[i] -= around[i];
  const strength = surround(detail.map((value) => value * value), width, height);
  const floor = FLOOR ** 2 + (NOISE_TIMES * fineNoise(level)) ** 2;
  for (let i = 0; i < detail.length; i++) detail[i] /= Math.sqrt(strength[i] + floor);
  return { ...level, values: detail };
}

/**
 * Standard deviation of the noise that smoothing leaves, by Immerkær's mask (CVIU 1996), median instead of mean: the
 * noise of plain areas where most of the picture is plain, else a fair part of its texture.
 */
function fineNoise({ values, width, height }) {
  const step = Math.max(1, Math.round(Math.sqrt((width * height) / MOST_LISTENED)));
  const responses = [];
  for (let y = 1; y < height - 1; y += step) {
    for (let x = 1, at = y * width + 1; x < width - 1; x += step, at += step) {
      const crosses = values[at - 1] + values[at + 1] + values[at - width] + values[at + width];
      const diagonals = values[at - width - 1] + values[at - width + 1] + values[at + width - 1] + values[at + width + 1];
      responses.push(Math.abs(4 * values[at] - 2 * crosses + diagonals));
    }
  }
  return (median(Float32Array.from(responses)) / 0.6745 / 6) * LEFT_BY_SMOOTHING;
}

/** The middle value, or 0 of nothing; sorts what it is given. */
export function median(values) {
  return values.sort()[values.length >> 1] ?? 0;
}

/** Pixels of a picture reduced `shrink` times, in those of the picture: centres of cells. */
function cells(shrink) {
  return [shrink, 0, (shrink - 1) / 2, 0, shrink, (shrink - 1) / 2, 0, 0, 1];
}

/**
 * Two exposures brought to common tones, only where both can see.
 *
 * Two exposures of one scene differ, channel by channel, by a rising curve of tones. It takes equal shares of pixels to
 * equal shares, however the frames are moved: histogram matching. Where the brighter frame is clipped, the darker one is
 * cut at the same light, so that an edge stands where it stood in both.
 *
 * @typedef {{data: Uint8Array, width: number, height: number}} Plane 8-bit codes of one channel
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box right and bottom are past the last pixel
 */

const CLIPPED = 0.98; // JPEG and noise reach this far below white.
const MOST_COUNTED = 1_000_000;

/**
 * Tables from both planes' codes to common tones in [0, 1]: the darker frame's, whose noise is the larger.
 * @param {Plane} first
 * @param {Plane} second
 * @param {[Box, Box]} [boxes] parts that show the same scene
 * @returns {[Float32Array, Float32Array]}
 */
export function matchedTones(first, second, boxes = [whole(first), whole(second)]) {
  const [one, other] = [shares(first, boxes[0]), shares(second, boxes[1])];
  const firstIsDarker = sum(one) >= sum(other);
  const [dark, bright] = firstIsDarker ? [one, other] : [other, one];
  const top = toneAt(dark, shareAt(bright, CLIPPED * 256)) || 1;
  const darkTable = Float32Array.from({ length: 256 }, (_, code) => Math.min((code + 0.5) / 256 / top, 1));
  const brightTable = curve(bright, dark).map((tone) => Math.min(tone / top, 1));
  return firstIsDarker ? [darkTable, brightTable] : [brightTable, darkTable];
}

/** The tones in [0, 1], in `second`, of the first's codes; black and white stay 0 and 1. */
export function toneCurve(first, second, box) {
  const tones = curve(shares(first, box), shares(second, box));
  return tones.map((tone) => Math.min(1, Math.max(0, (tone * 256 - 0.5) / 255)));
}

/** @returns {Box} */
export function whole({ width, height }) {
  return { left: 0, top: 0, right: width, bottom: height };
}

/** The green channel of RGBA: the least noisy, and one channel keeps a rising curve of tones between exposures. */
export function greenOf({ data, width, height }) {
  const green = new Uint8Array(width * height);
  for (let i = 0, at = 1; i < green.length; i++, at += 4) green[i] = data[at];
  return { data: green, width, height };
}

/** Share of pixels below each code, 0 to 256: a code counts as spread evenly over its own width. */
function shares({ data, width }, { left, top, right, bottom }) {
  const step = Math.max(1, Math.round(Math.sqrt(((right - left) * (bottom - top)) / MOST_COUNTED)));
  const counts = new Uint32Array(256);
  for (let y = top; y < bottom; y += step) {
    for (let at = y * width + left, end = y * width + right; at < end; at += step) counts[data[at]]++;
  }
  const below = new Float64Array(257);
  for (let code = 0; code < 256; code++) below[code + 1] = below[code] + counts[code];
  return below.map((count) => count / Math.max(1, below[256]));
}

function shareAt(below, code) {
  const whole = Math.min(255, Math.floor(code));
  return below[whole] + (code - whole) * (below[whole + 1] - below[whole]);
}

/** The tone in [0, 1] below which a picture has this share of its pixels. */
function toneAt(below, share) {
  let [low, high] = [0, 256]; // below[low] ≤ share < below[high], where there is such a place
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (below[middle] <= share) low = middle;
    else high = middle;
  }
  const step = below[high] - below[low];
  return (low + (step > 0 ? Math.min(1, (share - below[low]) / step) : 0)) / 256;
}

function curve(below, others) {
  return Float32Array.from({ length: 256 }, (_, code) => toneAt(others, shareAt(below, code + 0.5)));
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/* ---- Blurs of float pictures; edges are repeated ---------------------------------------------------------------------- */

/** Weights of a Gaussian with a standard deviation of one pixel, from its centre outwards. */
const FINE = [0.39906, 0.24203, 0.05401, 0.00443];
/** Radii of two box blurs that together are nearly a Gaussian of eight pixels. */
const WIDE = [9, 10];

/**
 * A Gaussian blur with a standard deviation of one pixel.
 * @param {Float32Array} source
 * @returns {Float32Array}
 */
export function blurred(source, width, height) {
  const along = new Float32Array(source.length);
  const result = new Float32Array(source.length);
  const [w0, w1, w2, w3] = FINE;
  const padded = new Float32Array(width + 6);
  for (let y = 0; y < height; y++) {
    padded.set(source.subarray(y * width, (y + 1) * width), 3);
    padded.fill(padded[3], 0, 3).fill(padded[width + 2], width + 3);
    for (let x = 0, i = y * width; x < width; x++, i++) {
      along[i] =
        w0 * padded[x + 3] +
        w1 * (padded[x + 2] + padded[x + 4]) +
        w2 * (padded[x + 1] + padded[x + 5]) +
        w3 * (padded[x] + padded[x + 6]);
    }
  }
  for (let y = 0; y < height; y++) {
    const [m3, m2, m1, c, p1, p2, p3] = [-3, -2, -1, 0, 1, 2, 3].map((d) => clamped(y + d, height) * width);
    for (let x = 0; x < width; x++) {
      result[y * width + x] =
        w0 * along[c + x] +
        w1 * (along[m1 + x] + along[p1 + x]) +
        w2 * (along[m2 + x] + along[p2 + x]) +
        w3 * (along[m3 + x] + along[p3 + x]);
    }
  }
  return result;
}

/** The mean of each pixel's wide surround. */
export function surround(source, width, height) {
  return WIDE.reduce((picture, radius) => boxDown(boxAlong(picture, width, height, radius), width, height, radius), source);
}

function boxAlong(source, width, height, radius) {
  const result = new Float32Array(source.length);
  const scale = 1 / (2 * radius + 1);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let sum = 0;
    for (let d = -radius; d <= radius; d++) sum += source[row + clamped(d, width)];
    for (let x = 0; x < width; x++) {
      result[row + x] = sum * scale;
      sum += source[row + Math.min(width - 1, x + radius + 1)] - source[row + Math.max(0, x - radius)];
    }
  }
  return result;
}

function boxDown(source, width, height, radius) {
  const result = new Float32Array(source.length);
  const scale = 1 / (2 * radius + 1);
  const sums = new Float64Array(width);
  for (let d = -radius; d <= radius; d++) {
    const row = clamped(d, height) * width;
    for (let x = 0; x < width; x++) sums[x] += source[row + x];
  }
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const entering = clamped(y + radius + 1, height) * width;
    const leaving = clamped(y - radius, height) * width;
    for (let x = 0; x < width; x++) {
      result[row + x] = sums[x] * scale;
      sums[x] += source[entering + x] - source[leaving + x];
    }
  }
  return result;
}

function clamped(position, size) {
  return Math.min(size - 1, Math.max(0, position));
}
