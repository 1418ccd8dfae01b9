/** Resampling a frame in the base's geometry by the compiled core, and filling the border that it does not show. */

/**
 * Rows [top, bottom) of the base's picture plane as a frame shows them.
 * @param {WebAssembly.Module} module
 * @param {{data: Uint8ClampedArray, first: number}} strip RGBA rows of the frame, from its row `first` on: all that
 *   `rowsNeeded` names
 * @param {number} width of the whole frame
 * @param {number} height of the whole frame
 * @param {Matrix} h pixels of the base to pixels of the frame
 * @returns {Uint8ClampedArray} RGBA, opaque
 */
export function movedRows(module, { data, first }, width, height, h, top = 0, bottom = height) {
  const calls = new WebAssembly.Instance(module).exports;
  const bytes = 4 * width * (bottom - top);
  if (!calls.lfa_warp_begin(width, height, data.length / (4 * width), bottom - top)) {
    throw new RangeError(`there is not enough memory to align pictures of ${width}×${height}`);
  }
  new Uint8Array(calls.memory.buffer, calls.lfa_strip(), data.length).set(data);
  new Float64Array(calls.memory.buffer, calls.lfa_matrix(), 9).set(h);
  calls.lfa_warp(first, top, bottom);
  return new Uint8ClampedArray(calls.memory.buffer, calls.lfa_warped(), bytes).slice();
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

const FILLING_PASSES = 3;

/**
 * Fill, in place, what a moved frame does not show from the base, in the frame's tones.
 * @param {WebAssembly.Module} module
 * @param {Uint8ClampedArray} shown RGBA, the frame as `movedRows` gives all of it
 * @param {Uint8ClampedArray} base RGBA
 * @param {Matrix} h pixels of the base to pixels of the frame
 */
export function fillBorder(module, shown, base, width, height, h) {
  const calls = new WebAssembly.Instance(module).exports;
  new Float64Array(calls.memory.buffer, calls.lfa_matrix(), 9).set(h);
  const rows = calls.lfa_fill_begin(width, height);
  if (rows === 0) throw new RangeError(`there is not enough memory to align pictures of ${width}×${height}`);
  const places = [calls.lfa_strip(), calls.lfa_warped()];
  const strips = places.map((at) => new Uint8Array(calls.memory.buffer, at, 4 * width * rows));
  for (let pass = 1; pass <= FILLING_PASSES; pass++) {
    for (let from = 0; from < height; from += rows) {
      const to = Math.min(from + rows, height);
      const held = [shown, base].map((picture) => picture.subarray(4 * width * from, 4 * width * to));
      held.forEach((part, i) => strips[i].set(part));
      calls.lfa_fill(pass - 1, from, to);
      if (pass === FILLING_PASSES) held[0].set(strips[0].subarray(0, held[0].length));
    }
  }
}

/* ---- Homographies: nine numbers, row by row --------------------------------------------------------------------------- */

/** @typedef {ArrayLike<number>} Matrix */

/** @returns {Matrix} a·b */
function times(a, b) {
  const product = new Array(9);
  for (let row = 0; row < 9; row += 3) {
    for (let column = 0; column < 3; column++) {
      product[row + column] = a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
    }
  }
  return product;
}

/** @returns {Matrix} the inverse, of any scale */
function inverse([a, b, c, d, e, f, g, h, i]) {
  const adjugate = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f];
  adjugate.push(d * h - e * g, b * g - a * h, a * e - b * d);
  const determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
  return adjugate.map((value) => value / determinant);
}

/** Where a homography carries a point. */
function carried(h, x, y) {
  const below = h[6] * x + h[7] * y + h[8];
  return [(h[0] * x + h[1] * y + h[2]) / below, (h[3] * x + h[4] * y + h[5]) / below];
}

/** A homography in the pixels of a picture that is smaller by these factors. */
export function inSmaller(warp, across, down) {
  const toFull = [across, 0, (across - 1) / 2, 0, down, (down - 1) / 2, 0, 0, 1];
  return times(inverse(toFull), times(warp, toFull));
}
