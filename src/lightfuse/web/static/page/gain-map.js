/** The gain map of an Ultra HDR JPEG: how many stops brighter an HDR screen shows each place. */
import { strips } from "./frames.js";

const MOST_STOPS = 3;
const SHRINK = 4;
const MIDDLE = [0.02, 0.6]; // linear luminance of the picture that is neither shadow nor highlight
const ROLL_OFF = 1; // stops below the largest gain from which it is compressed
const BRIGHT = [-3.5, -1]; // stops below white: no gain below the first, all of it from the second
const LEAST_RANGE = 0.1; // stops
/** The luminance that each byte of red, green and blue adds, by sRGB. */
const LUMINANCE = [0.2126, 0.7152, 0.0722].map((part) => {
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  return Float32Array.from({ length: 256 }, (_, i) => part * linear(i / 255));
});

/**
 * The gain that restores highlights to their luminance in the darkest exposure, relative to the mid-tones: by the rule
 * of lightfuse.hdr.gain_map, which the command gives the merged light of all exposures.
 * @param {Float32Array} light the darkest exposure's `reducedLuminance`
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

/** The luminance of a picture, with its look, at each place of a gain map: averages of 4×4 pixels. */
export function reducedLuminance({ data, width, height }, finish = () => {}) {
  const [columns, rows] = reducedSize(width, height);
  const reduced = new Float32Array(columns * rows);
  const [red, green, blue] = LUMINANCE;
  for (const [top, end] of strips(width, height, SHRINK)) {
    const strip = data.slice(4 * width * top, 4 * width * end);
    finish(strip);
    for (let y = top; y < SHRINK * Math.ceil(end / SHRINK); y++) {
      const [from, to] = [width * (Math.min(y, end - 1) - top), columns * Math.floor(y / SHRINK)];
      for (let x = 0; x < SHRINK * columns; x++) {
        const i = 4 * (from + Math.min(x, width - 1)); // The picture's edges are repeated.
        const luminance = red[strip[i]] + green[strip[i + 1]] + blue[strip[i + 2]];
        reduced[to + Math.floor(x / SHRINK)] += luminance / SHRINK ** 2;
      }
    }
  }
  return reduced;
}

const reducedSize = (width, height) => [width, height].map((side) => Math.ceil(side / SHRINK));

/** 0 below 0, 1 above 1, smooth between. */
function smoothstep(place) {
  const inside = Math.min(1, Math.max(0, place));
  return inside * inside * (3 - 2 * inside);
}
