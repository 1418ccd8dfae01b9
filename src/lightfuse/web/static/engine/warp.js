/** Resampling a frame in the base's geometry by the compiled core, and filling the border that it does not show. */
import { callsOf } from "./core.js";

/**
 * Rows [top, bottom) of the base's picture plane as a frame shows them.
 * @param {WebAssembly.Exports} calls of an instance of the core, whose memory is used anew
 * @param {{data: Uint8ClampedArray, first: number}} strip RGBA rows of the frame, from its row `first` on: all that
 *   `rowsNeeded` names
 * @param {number} width of the whole frame
 * @param {number} height of the whole frame
 * @param {Matrix} h pixels of the base to pixels of the frame
 * @returns {Uint8ClampedArray} RGBA, opaque, in the core's memory: to be copied before the next call
 */
export function movedRows(calls, { data, first }, width, height, h, top = 0, bottom = height) {
  const bytes = 4 * width * (bottom - top);
  if (!calls.lfa_warp_begin(width, height, data.length / (4 * width), bottom - top)) {
    throw new RangeError(`there is not enough memory to align pictures of ${width}×${height}`);
  }
  new Uint8Array(calls.memory.buffer, calls.lfa_strip(), data.length).set(data);
  new Float64Array(calls.memory.buffer, calls.lfa_matrix(), 9).set(h);
  calls.lfa_warp(first, top, bottom);
  return new Uint8ClampedArray(calls.memory.buffer, calls.lfa_warped(), bytes);
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

/**
 * Fill, in place, what a moved frame does not show from the base, in the frame's tones.
 * @param {WebAssembly.Module} module of the core
 * @param {Uint8ClampedArray} shown RGBA, the frame as `movedRows` gives all of it
 * @param {Uint8ClampedArray} base RGBA
 * @param {Matrix} h pixels of the base to pixels of the frame
 */
export function fillBorder(module, shown, base, width, height, h) {
  const calls = callsOf(module);
  new Float64Array(calls.memory.buffer, calls.lfa_matrix(), 9).set(h);
  const needed = calls.lfa_fill_begin(width, height);
  if (!needed) throw new RangeError(`there is not enough memory to align pictures of ${width}×${height}`);
  const parts = [...partsNeeded(width, height, new Int32Array(calls.memory.buffer, needed, 6))];
  const [frame, other] = [calls.lfa_strip(), calls.lfa_warped()].map(
    (at) => new Uint8Array(calls.memory.buffer, at, shown.length),
  );
  for (const [start, end] of parts) {
    frame.set(shown.subarray(start, end), start);
    other.set(base.subarray(start, end), start);
  }
  calls.lfa_fill();
  for (const [start, end] of parts) shown.set(frame.subarray(start, end), start);
}

/** The bytes [start, end) of a picture that filling reads: the border, and some rows whole (see tools/wasm/align_wasm.c). */
function* partsNeeded(width, height, [top, bottom, first, step, left, right]) {
  for (let y = 0; y < height; y++) {
    const isWhole = y < top || y >= bottom || left >= right || (y >= first && (y - first) % step === 0);
    const columns = isWhole ? [[0, width]] : [[0, left], [right, width]];
    for (const [from, to] of columns) yield [4 * (width * y + from), 4 * (width * y + to)];
  }
}

/* ---- Homographies: nine numbers, row by row --------------------------------------------------------------------------- */

/** @typedef {ArrayLike<number>} Matrix */

/** Where a homography carries a point. */
function carried(h, x, y) {
  const below = h[6] * x + h[7] * y + h[8];
  return [(h[0] * x + h[1] * y + h[2]) / below, (h[3] * x + h[4] * y + h[5]) / below];
}
