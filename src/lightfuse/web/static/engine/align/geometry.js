/**
 * Homographies of a hand-held camera, as arrays of nine numbers, row by row.
 *
 * Centred coordinates have their origin in the picture's middle and half its long side as unit, so that a small
 * movement of p moves the edge by about p. The eight movements are: right, down, turn, zoom, stretch, shear, tilt right,
 * tilt down; W(p) = 1 + Σ p·G.
 *
 * @typedef {ArrayLike<number>} Matrix
 */

export const IDENTITY = Object.freeze([1, 0, 0, 0, 1, 0, 0, 0, 1]);
export const MOVEMENTS = 8;

/** What a hand does between two frames: standard deviations of the eight movements. */
const HAND = [0.06, 0.06, 0.04, 0.01, 0.001, 0.001, 0.008, 0.008];
/** What no hand does between two frames of a bracket. */
const FARTHEST = [0.25, 0.25, 0.18, 0.06, 0.025, 0.025, 0.08, 0.08];

/** @returns {Matrix} a·b */
export function times(a, b) {
  const product = new Array(9);
  for (let row = 0; row < 9; row += 3) {
    for (let column = 0; column < 3; column++) {
      product[row + column] = a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
    }
  }
  return product;
}

/** @returns {Matrix} the inverse, of any scale */
export function inverse([a, b, c, d, e, f, g, h, i]) {
  const adjugate = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f];
  adjugate.push(d * h - e * g, b * g - a * h, a * e - b * d);
  const determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
  return adjugate.map((value) => value / determinant);
}

/** Where a homography carries a point. */
export function carried(h, x, y) {
  const below = h[6] * x + h[7] * y + h[8];
  return [(h[0] * x + h[1] * y + h[2]) / below, (h[3] * x + h[4] * y + h[5]) / below];
}

/** Pixels (centre of the first at (0, 0)) to centred coordinates. */
export function normaliser(width, height) {
  const half = Math.max(width, height) / 2;
  return [1 / half, 0, -(width - 1) / 2 / half, 0, 1 / half, -(height - 1) / 2 / half, 0, 0, 1];
}

/** A homography of centred coordinates in the pixels whose normaliser is given; the last number is 1. */
export function inPixels(warp, unit) {
  const pixels = times(inverse(unit), times(warp, unit));
  return pixels.map((value) => value / pixels[8]);
}

/** The homography of eight small movements, in centred coordinates. */
export function smallWarp([right, down, turn, zoom, stretch, shear, tiltRight, tiltDown]) {
  return [1 + zoom + stretch, shear - turn, right, shear + turn, 1 + zoom - stretch, down, tiltRight, tiltDown, 1];
}

/** The eight movements of a homography in centred coordinates: the inverse of `smallWarp`. */
export function movementsOf(warp) {
  const m = Array.from(warp, (value) => value / warp[8]);
  const zoom = (m[0] + m[4]) / 2 - 1;
  return [m[2], m[5], (m[3] - m[1]) / 2, zoom, (m[0] - m[4]) / 2, (m[1] + m[3]) / 2, m[6], m[7]];
}

/** Centres of the four corner pixels, clockwise from the upper left. */
export function corners(width, height) {
  return [
    [0, 0],
    [width - 1, 0],
    [width - 1, height - 1],
    [0, height - 1],
  ];
}

/** How far apart two homographies of pixels carry the corner where they differ most, in pixels. */
export function cornerDistance(first, second, width, height) {
  const apart = corners(width, height).map(([x, y]) => {
    const [a, b] = [carried(first, x, y), carried(second, x, y)];
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  });
  return Math.max(...apart);
}

/** Whether a hand may have moved the camera so (centred coordinates) between two frames. */
export function isPlausible(warp) {
  return movementsOf(warp).every((movement, i) => Math.abs(movement) <= FARTHEST[i]); // never true of NaN
}

/**
 * Prior of a warp: its mean, and its precision (the inverse covariance of its movements, 8×8).
 * @typedef {{warp: Matrix, information: Float64Array}} Prior
 */

/** @returns {Prior} when nothing is known but that a hand held the camera */
export function handShakePrior() {
  const information = new Float64Array(MOVEMENTS * MOVEMENTS);
  HAND.forEach((deviation, i) => (information[i * (MOVEMENTS + 1)] = 1 / deviation ** 2));
  return { warp: IDENTITY, information };
}

/* ---- Small systems of linear equations -------------------------------------------------------------------------------- */

/**
 * Solve A·x = b by Gaussian elimination with partial pivoting.
 * @param {ArrayLike<number>} matrix n×n, row by row
 * @param {ArrayLike<number>} right n numbers
 * @returns {Float64Array}
 */
export function solve(matrix, right) {
  const n = right.length;
  const a = Float64Array.from(matrix);
  const x = Float64Array.from(right);
  for (let column = 0; column < n; column++) {
    bringPivot(a, x, column, n);
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column] / a[column * n + column];
      if (factor === 0) continue;
      for (let i = column; i < n; i++) a[row * n + i] -= factor * a[column * n + i];
      x[row] -= factor * x[column];
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let i = row + 1; i < n; i++) x[row] -= a[row * n + i] * x[i];
    x[row] /= a[row * n + row];
  }
  return x;
}

/** The inverse of an n×n matrix, row by row. */
export function inverseOf(matrix, n) {
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    const unit = new Float64Array(n);
    unit[column] = 1;
    solve(matrix, unit).forEach((value, row) => (inverse[row * n + column] = value));
  }
  return inverse;
}

function bringPivot(a, x, column, n) {
  let best = column;
  for (let row = column + 1; row < n; row++) {
    if (Math.abs(a[row * n + column]) > Math.abs(a[best * n + column])) best = row;
  }
  if (best === column) return;
  for (let i = 0; i < n; i++) [a[column * n + i], a[best * n + i]] = [a[best * n + i], a[column * n + i]];
  [x[column], x[best]] = [x[best], x[column]];
}
