/** The light of a scene, merged from its exposures by the response curve they share, as lightfuse.hdr.merge does. */
import { LINEAR, between, clamped, fittedCurve, linearOf, rising, smoothstep, weightedMedian } from "./tones.js";

const [FULL, CLIPPED] = [0.72, 0.97]; // a frame counts fully up to the first, not at all from the second
const SAMPLES = 300_000;
const FEWEST_IN_BIN = 40;
const FEWEST_BINS = 8;
const [LOWEST, HIGHEST] = [6, 245]; // of the brighter frame: above the noise, below clipping
const LOWEST_DARK = 2.5; // of the darker: below, rounding to black biases means
const KNOTS = 33;
const SMOOTH = { bend: 4, pull: 9e-4 };
const MOST_DEPARTURE = 2; // stops

/** Of linear red, green and blue. */
export const LUMINANCE = [0.2126, 0.7152, 0.0722];

/**
 * How the pixels of frames tell the light: the luminance of a pixel is merged from the lookup tables of each frame.
 * @param {Uint8ClampedArray[]} frames RGBA, aligned, dark to bright
 * @param {number[] | undefined} evs their exposures in stops, from EXIF; without them they are estimated
 * @returns {((i: number) => number) | undefined} the luminance of the pixel whose red is at `i`, in the unit of the
 *   darkest frame; undefined where two exposures have too few tones in common to tell how far they are apart
 */
export function lightOf(frames, width, height, evs) {
  const mappings = frames.slice(1).map((bright, i) => intensityMapping(frames[i], bright, width, height));
  if (!evs && mappings.some((mapping) => mapping.length === 0)) return undefined;
  const stops = mappings.map((mapping, i) => (evs ? evs[i + 1] - evs[i] : estimatedStops(mapping)));
  const response = responseOf(mappings, stops);
  let exposure = 1;
  const exposures = [1, ...stops.map((step) => (exposure *= 2 ** step))];
  const tables = exposures.map((one) => LUMINANCE.map((part) => response.map((light) => (part * light) / one)));
  const weights = Float64Array.from({ length: 256 }, (_, i) => smoothstep((CLIPPED - i / 255) / (CLIPPED - FULL)));
  return (i) => {
    let [merged, total] = [0, 0];
    for (let k = 0; k < frames.length; k++) {
      const frame = frames[k];
      const [red, green, blue] = tables[k];
      const light = red[frame[i]] + green[frame[i + 1]] + blue[frame[i + 2]];
      const weight = k === 0 ? exposures[0] : exposures[k] * weights[Math.max(frame[i], frame[i + 1], frame[i + 2])];
      // The share of an exposure in those up to it, as its own is without its weight for clipping.
      const share = k === 0 ? 1 : weight / (total + exposures[k]);
      merged += share * (light - merged);
      total += weight;
    }
    return merged;
  };
}

/** For values of the brighter frame, those of the darker: the mean of the middle half, which leaves out what moved. */
function intensityMapping(dark, bright, width, height) {
  const counts = new Uint32Array(256 * 256);
  const step = Math.max(1, Math.round(Math.sqrt((3 * width * height) / SAMPLES)));
  for (let y = step >> 1; y < height; y += step) {
    for (let x = step >> 1; x < width; x += step) {
      for (let i = 4 * (y * width + x), c = 0; c < 3; c++) counts[256 * bright[i + c] + dark[i + c]]++;
    }
  }
  const pairs = [];
  for (let level = LOWEST; level <= HIGHEST; level++) {
    const row = counts.subarray(256 * level, 256 * level + 256);
    const count = row.reduce((sum, one) => sum + one);
    if (count < FEWEST_IN_BIN) continue;
    const darker = meanOfMiddle(row, count);
    if (darker < LOWEST_DARK) continue;
    const [d, b] = [darker / 255, level / 255];
    const weight = Math.min(count, 1000) / (logSlope(d) ** 2 + logSlope(b) ** 2);
    pairs.push({ darker: d, brighter: b, stops: Math.log2(linearOf(b) / linearOf(d)), weight });
  }
  return pairs.length < FEWEST_BINS ? [] : pairs;
}

function meanOfMiddle(counts, count) {
  const [first, end] = [count >> 2, count - (count >> 2)];
  let [sum, below] = [0, 0];
  counts.forEach((one, value) => {
    sum += value * Math.max(0, Math.min(below + one, end) - Math.max(below, first));
    below += one;
  });
  return sum / (end - first);
}

/** Stops of light per unit of value, under sRGB. */
function logSlope(value) {
  return Math.log2(linearOf(value + 1e-4) / linearOf(value - 1e-4)) / 2e-4;
}

function estimatedStops(mapping) {
  const stops = mapping.map((pair) => pair.stops);
  return Math.max(0, weightedMedian(stops, mapping.map(({ weight }) => weight)));
}

/** Linear light of each byte: sRGB, but for a smooth departure, in stops, that makes the exposures agree. */
function responseOf(mappings, stops) {
  const equations = mappings.flatMap((mapping, i) => {
    const total = mapping.reduce((sum, { weight }) => sum + weight, 0);
    return mapping.map(({ darker, brighter, stops: seen, weight }) => {
      return { terms: [[brighter, 1], [darker, -1]], value: stops[i] - seen, weight: weight / total };
    });
  });
  const found = fittedCurve(equations, KNOTS, SMOOTH).map((value) => clamped(value, -MOST_DEPARTURE, MOST_DEPARTURE));
  const middle = found[KNOTS >> 1];
  return rising(LINEAR.map((light, i) => light * 2 ** (between(found, i / 255) - middle)));
}
