/**
 * Gauss-Newton refinement of a homography on two local-contrast pictures, to a small part of a pixel.
 *
 * Inverse compositional image alignment (Baker & Matthews, IJCV 2004, section 3.2), with weights that fall where the
 * pictures disagree (a thing that moved) and a belief of what hands do, so that little texture means little freedom.
 */
import { MOVEMENTS, carried, corners, inPixels, inverse, movementsOf, smallWarp, times } from "./homography.js";
import { median } from "./levels.js";
import { solve } from "./linear.js";

const ITERATIONS = 12;
const STILL = 0.005; // pixels at the corners
const BORDER = 3;
/** Points lie thick on the same smoothed edges: about this many tell as much as one. */
const ALIKE = 16;
const LEAST_SPREAD = 0.02;
const COUNTED = 4; // Every fourth point is enough for a median.

/**
 * Move `start` (centred coordinates, base to frame) to where the frame best shows the base's values.
 * @param {import("./points.js").Points} points of the base
 * @param {import("./levels.js").Level} frame
 * @param {import("./homography.js").Matrix} start
 * @param {import("./homography.js").Belief} belief
 * @returns {import("./homography.js").Belief} the warp found, with the inverse covariance of its movements
 */
export function refine(points, frame, start, belief, iterations = ITERATIONS) {
  const fromBelief = inverse(belief.warp);
  let [warp, information] = [start, belief.information];
  for (let i = 0; i < iterations; i++) {
    const seen = sample(frame, points, warp);
    const pull = new Float64Array(MOVEMENTS);
    information = normalEquations(points, seen, pull);
    const strayed = movementsOf(times(warp, fromBelief));
    for (let row = 0; row < MOVEMENTS; row++) {
      for (let column = 0; column < MOVEMENTS; column++) {
        const at = row * MOVEMENTS + column;
        information[at] += belief.information[at];
        pull[row] += belief.information[at] * strayed[column];
      }
    }
    const step = smallWarp(solve(information, pull));
    warp = times(warp, inverse(step));
    warp = warp.map((value) => value / warp[8]);
    if (farthest(step, frame) < STILL) break;
  }
  return { warp, information };
}

/**
 * What a picture shows where a warp (centred coordinates) carries the points; NaN outside of it.
 * @returns {Float32Array}
 */
export function sample({ values, width, height, unit }, { x, y }, warp) {
  const h = inPixels(warp, unit);
  const seen = new Float32Array(x.length);
  const [right, bottom] = [width - 1 - BORDER, height - 1 - BORDER];
  for (let i = 0; i < seen.length; i++) {
    const below = h[6] * x[i] + h[7] * y[i] + h[8];
    const column = (h[0] * x[i] + h[1] * y[i] + h[2]) / below;
    const row = (h[3] * x[i] + h[4] * y[i] + h[5]) / below;
    if (!(column >= BORDER && row >= BORDER && column <= right && row <= bottom)) {
      seen[i] = NaN;
      continue;
    }
    const at = (row | 0) * width + (column | 0);
    const [fx, fy] = [column - (column | 0), row - (row | 0)];
    const upper = values[at] + fx * (values[at + 1] - values[at]);
    const lower = values[at + width] + fx * (values[at + width + 1] - values[at + width]);
    seen[i] = upper + fy * (lower - upper);
  }
  return seen;
}

/** Sums over the points: JᵀWJ, returned, and JᵀW·(seen − values), added to `pull`. */
function normalEquations({ values, jacobian }, seen, pull) {
  const spread = spreadOf(values, seen);
  const trust = 1 / (ALIKE * spread ** 2);
  const sums = new Float64Array(MOVEMENTS * MOVEMENTS);
  const slopes = new Float64Array(MOVEMENTS);
  for (let i = 0, at = 0; i < seen.length; i++, at += MOVEMENTS) {
    const apart = seen[i] - values[i];
    if (apart !== apart) continue;
    const weight = trust / (1 + (apart / (2 * spread)) ** 2) ** 2;
    for (let row = 0; row < MOVEMENTS; row++) slopes[row] = jacobian[at + row];
    for (let row = 0, to = 0; row < MOVEMENTS; row++, to += row) {
      const weighted = weight * slopes[row];
      pull[row] += weighted * apart;
      for (let column = row; column < MOVEMENTS; column++) sums[to++] += weighted * slopes[column];
    }
  }
  for (let row = 1; row < MOVEMENTS; row++) {
    for (let column = 0; column < row; column++) sums[row * MOVEMENTS + column] = sums[column * MOVEMENTS + row];
  }
  return sums;
}

/** Standard deviation of the differences that are no outliers, from their median. */
function spreadOf(values, seen) {
  const apart = [];
  for (let i = 0; i < seen.length; i += COUNTED) {
    if (seen[i] === seen[i]) apart.push(Math.abs(seen[i] - values[i]));
  }
  return apart.length === 0 ? 1 : Math.max(LEAST_SPREAD, 1.4826 * median(Float32Array.from(apart)));
}

/** How far a step (centred coordinates) moves the corner that moves most, in pixels of a level. */
function farthest(step, { width, height, unit }) {
  const moves = corners(width, height).map(([x, y]) => {
    const [u, v] = carried(unit, x, y);
    const moved = carried(step, u, v);
    return Math.max(Math.abs(moved[0] - u), Math.abs(moved[1] - v)) / unit[0];
  });
  return Math.max(...moves);
}
