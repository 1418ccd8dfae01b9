/**
 * Pyramids of local contrast: what is left of a picture when light, shade and the strength of edges are set aside.
 *
 * @typedef {{values: Float32Array, width: number, height: number, unit: import("./homography.js").Matrix}} Level
 *   one float picture; `unit` carries its pixels to the whole frame's centred coordinates
 */
import { blurred, surround } from "./blur.js";
import { normaliser, times } from "./homography.js";

const LARGEST_COARSEST = 320; // pixels along the long side
const SHORTEST = 32;
const FLOOR = 0.004;
const NOISE_TIMES = 3;
const MOST_LISTENED = 16_000; // pixels
const LEFT_BY_SMOOTHING = 1 / (2 * Math.sqrt(Math.PI));

/**
 * Codes through a table, then averaged over cells of shrink × shrink pixels; what is left over at the far edges is cut.
 * The table comes first: it holds pixel by pixel, not for averages of pixels across an edge.
 * @param {import("./tones.js").Plane} plane
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
