/** The gain map of an Ultra HDR JPEG: how many stops brighter an HDR screen shows each place. */
import { strips } from "./frames.js";
import { LUMINANCE } from "./light.js";
import { LINEAR, smoothstep } from "./tones.js";

const MOST_STOPS = 3;
const SHRINK = 4;
const MIDDLE = [0.02, 0.6]; // linear luminance of the picture that is neither shadow nor highlight
const ROLL_OFF = 1; // stops below the largest gain from which it is compressed
const BRIGHT = [-3.5, -1]; // stops below white: no gain below the first, all of it from the second
const LEAST_RANGE = 0.1; // stops

/**
 * The gain that restores highlights to their true luminance relative to the mid-tones: see lightfuse.hdr.gain_map.
 * @param {Float64Array} light see `reducedLight`
 * @returns RGBA, grey, a quarter of the picture's size: 0 is a gain of 0 stops, 255 one of `stops`
 */
export function gainMap(picture, finish, light) {
  const shown = reducedLuminance(picture, finish);
  const stops = shown.map((own, at) => Math.log2(light[at] + 1e-6) - Math.log2(own + 1e-6));
  const middle = stops.filter((_, i) => shown[i] > MIDDLE[0] && shown[i] < MIDDLE[1]);
  const sorted = (middle.length > 0 ? middle : stops.slice()).sort();
  const level = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  const gain = stops.map((value, i) => {
    const over = value - level;
    const bright = value + Math.log2(shown[i] + 1e-6) - level;
    const faded = Math.max(over, 0) * smoothstep(over) * smoothstep((bright - BRIGHT[0]) / (BRIGHT[1] - BRIGHT[0]));
    const knee = MOST_STOPS - ROLL_OFF;
    return Math.min(faded, knee) - ROLL_OFF * Math.expm1(-Math.max(faded - knee, 0) / ROLL_OFF);
  });
  const largest = gain.reduce((most, one) => Math.max(most, one), LEAST_RANGE);
  const data = new Uint8ClampedArray(4 * gain.length).fill(255);
  gain.forEach((one, i) => data.fill((one * 255) / largest, 4 * i, 4 * i + 3));
  const [width, height] = reducedSize(picture.width, picture.height);
  return { data, width, height, stops: largest };
}

/** The luminance that `light` tells of each place of a gain map: averages of 4×4 pixels, the same for every look. */
export function reducedLight({ width, height }, light) {
  const [columns, rows] = reducedSize(width, height);
  const reduced = new Float64Array(columns * rows);
  for (let at = 0; at < reduced.length; at++) {
    reduced[at] = meanOf(at % columns, Math.floor(at / columns), width, height, light);
  }
  return reduced;
}

/** The luminance of the picture, with its look, at each place of a gain map. */
function reducedLuminance({ data, width, height }, finish) {
  const [columns, rows] = reducedSize(width, height);
  const reduced = new Float32Array(columns * rows);
  const [red, green, blue] = LUMINANCE.map((part) => LINEAR.map((value) => part * value));
  for (const [top, end] of strips(width, height, SHRINK)) {
    const [strip, start] = [data.slice(4 * width * top, 4 * width * end), 4 * width * top];
    finish(strip);
    const own = (i) => red[strip[i - start]] + green[strip[i - start + 1]] + blue[strip[i - start + 2]];
    for (let row = Math.floor(top / SHRINK); row * SHRINK < end; row++) {
      for (let column = 0; column < columns; column++) {
        reduced[row * columns + column] = meanOf(column, row, width, height, own);
      }
    }
  }
  return reduced;
}

const reducedSize = (width, height) => [width, height].map((side) => Math.ceil(side / SHRINK));

/** The mean of what is told of the 4×4 pixels of a place, by where their red is; the picture's edges are repeated. */
function meanOf(column, row, width, height, told) {
  let sum = 0;
  for (let i = 0; i < SHRINK * SHRINK; i++) {
    const y = Math.min(row * SHRINK + Math.floor(i / SHRINK), height - 1);
    sum += told(4 * (y * width + Math.min(column * SHRINK + (i % SHRINK), width - 1)));
  }
  return sum / SHRINK ** 2;
}
