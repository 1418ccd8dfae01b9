/** Moving a frame onto the base: cubic interpolation (Keys 1981, a = -0.5), mirrored at the frame's edges. */
import { carried } from "./homography.js";

const STEPS = 64; // parts of a pixel
const TAPS = tapsOf(STEPS);

/**
 * Rows [top, bottom) of the base's picture plane as a frame shows them.
 * @param {{data: Uint8ClampedArray, first: number}} strip RGBA rows of the frame, from its row `first` on: all that
 *   `rowsNeeded` names
 * @param {number} width of the whole frame
 * @param {number} height of the whole frame
 * @param {import("./homography.js").Matrix} h pixels of the base to pixels of the frame
 * @returns {Uint8ClampedArray} RGBA, opaque
 */
export function movedRows({ data, first }, width, height, h, top = 0, bottom = height) {
  const out = new Uint8ClampedArray(4 * width * (bottom - top));
  for (let y = top, to = 0; y < bottom; y++) {
    for (let x = 0; x < width; x++, to += 4) {
      const below = 1 / (h[6] * x + h[7] * y + h[8]);
      const column = (h[0] * x + h[1] * y + h[2]) * below;
      const row = (h[3] * x + h[4] * y + h[5]) * below;
      const isInside = column >= 1 && row >= 1 && column < width - 2 && row < height - 2;
      if (isInside) inside(data, width, column, row - first, out, to);
      else atEdge(data, width, height, first, column, row, out, to);
    }
  }
  return out;
}

/** The frame's rows [first, end) that rows [top, bottom) of the base need, mirrored ones among them. */
export function rowsNeeded(width, height, h, top, bottom) {
  const across = [0, width - 1].flatMap((x) => [top, bottom - 1].map((y) => carried(h, x, y)[1]));
  const [least, most] = [Math.min(...across) - 3, Math.max(...across) + 3];
  if (least < -height || most > 2 * height) return [0, height];
  const first = Math.min(least, most > height - 1 ? 2 * (height - 1) - most : least);
  const last = Math.max(most, least < 0 ? -least : most);
  return [Math.min(height - 1, Math.max(0, Math.floor(first))), Math.max(1, Math.min(height, Math.ceil(last) + 1))];
}

function inside(data, width, column, row, out, to) {
  const left = column | 0;
  const upper = row | 0;
  const a = (((column - left) * STEPS + 0.5) | 0) << 2;
  const b = (((row - upper) * STEPS + 0.5) | 0) << 2;
  const a0 = TAPS[a];
  const a1 = TAPS[a + 1];
  const a2 = TAPS[a + 2];
  const a3 = TAPS[a + 3];
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let i = 0, at = 4 * ((upper - 1) * width + left - 1); i < 4; i++, at += 4 * width) {
    const weight = TAPS[b + i];
    red += weight * (a0 * data[at] + a1 * data[at + 4] + a2 * data[at + 8] + a3 * data[at + 12]);
    green += weight * (a0 * data[at + 1] + a1 * data[at + 5] + a2 * data[at + 9] + a3 * data[at + 13]);
    blue += weight * (a0 * data[at + 2] + a1 * data[at + 6] + a2 * data[at + 10] + a3 * data[at + 14]);
  }
  out[to] = red;
  out[to + 1] = green;
  out[to + 2] = blue;
  out[to + 3] = 255;
}

function atEdge(data, width, height, first, column, row, out, to) {
  const left = Math.floor(column);
  const upper = Math.floor(row);
  const a = Math.round((column - left) * STEPS) << 2;
  const b = Math.round((row - upper) * STEPS) << 2;
  for (let c = 0; c < 3; c++) {
    let sum = 0;
    for (let i = 0; i < 4; i++) {
      const start = (mirrored(upper - 1 + i, height) - first) * width;
      for (let j = 0; j < 4; j++) sum += TAPS[b + i] * TAPS[a + j] * data[4 * (start + mirrored(left - 1 + j, width)) + c];
    }
    out[to + c] = sum;
  }
  out[to + 3] = 255;
}

/** A position inside [0, size): those outside mirrored at the centres of the first and last pixel. */
function mirrored(position, size) {
  const period = Math.max(1, 2 * (size - 1));
  const folded = ((position % period) + period) % period;
  return Math.min(folded, period - folded);
}

/** Weights of the four pixels around, for every part of a pixel from 0 to 1. */
function tapsOf(steps) {
  const taps = new Float64Array(4 * (steps + 1));
  for (let i = 0; i <= steps; i++) {
    const t = i / steps;
    const weights = [((2 - t) * t - 1) * t, (3 * t - 5) * t * t + 2, ((4 - 3 * t) * t + 1) * t, (t - 1) * t * t];
    weights.forEach((weight, tap) => (taps[4 * i + tap] = weight / 2));
  }
  return taps;
}
