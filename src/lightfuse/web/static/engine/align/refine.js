/**
 * Gauss-Newton refinement of a homography on two local-contrast pictures, to a small part of a pixel.
 *
 * Inverse compositional image alignment (Baker & Matthews, IJCV 2004, section 3.2), with weights that fall where the
 * pictures disagree (a thing that moved) and a hand-shake prior, so that little texture means little freedom.
 */
import { median } from "./contrast.js";
import { MOVEMENTS, carried, corners, inPixels, inverse, movementsOf, smallWarp, solve, times } from "./geometry.js";

const ITERATIONS = 12;
const STILL = 0.005; // pixels at the corners
const BORDER = 3;
/** Points lie thick on the same smoothed edges: about this many tell as much as one. */
const ALIKE = 16;
const LEAST_SPREAD = 0.02;
const COUNTED = 4; // Every fourth point is enough for a median.

/**
 * Move `start` (centred coordinates, base to frame) to where the frame best shows the base's values.
 * @param {import("./refine.js").Points} points of the base
 * @param {import("./contrast.js").Level} frame
 * @param {import("./geometry.js").Matrix} start
 * @param {import("./geometry.js").Prior} prior
 * @returns {import("./geometry.js").Prior} the warp found, with the inverse covariance of its movements
 */
export function refine(points, frame, start, prior, iterations = ITERATIONS) {
  const fromPrior = inverse(prior.warp);
  let [warp, information] = [start, prior.information];
  for (let i = 0; i < iterations; i++) {
    const seen = sample(frame, points, warp);
    const pull = new Float64Array(MOVEMENTS);
    information = normalEquations(points, seen, pull);
    const strayed = movementsOf(times(warp, fromPrior));
    for (let row = 0; row < MOVEMENTS; row++) {
      for (let column = 0; column < MOVEMENTS; column++) {
        const at = row * MOVEMENTS + column;
        information[at] += prior.information[at];
        pull[row] += prior.information[at] * strayed[column];
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

/* ---- The pixels of a level that tell most of a movement --------------------------------------------------------------- */

export const TILES = 12; // along the long side
const FEWEST_PER_TILE = 16;

/**
 * Places, values, Jacobian (8 numbers each: how the value changes with the eight movements), and the tile of each.
 * Tiles are numbered row by row; `odd` is 1 on the dark squares when they are seen as a chessboard.
 * @typedef {object} Points
 * @property {Float32Array} x
 * @property {Float32Array} y
 * @property {Float32Array} values
 * @property {Float32Array} jacobian
 * @property {Uint16Array} tiles
 * @property {Uint8Array} odd
 * @property {number} tileCount
 */

/**
 * The steepest pixels of each tile of a local-contrast picture, so that every part of the picture has its say.
 * @param {import("./contrast.js").Level} level
 * @param {number} most about how many
 * @returns {Points}
 */
export function salientPoints(level, most) {
  const { values, width, height } = level;
  const side = Math.max(8, Math.ceil(Math.max(width, height) / TILES));
  const [rows, columns] = [height, width].map((size) => Math.max(1, Math.floor(size / side)));
  const each = Math.max(FEWEST_PER_TILE, Math.floor(Math.min(most, values.length / 4) / (rows * columns)));
  const steepness = steepnessOf(level);
  const chosen = [];
  const tiles = [];
  const odd = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      // The last tile of a row or column takes what is left over.
      const [top, bottom] = [row * side, row === rows - 1 ? height : (row + 1) * side];
      const [left, right] = [column * side, column === columns - 1 ? width : (column + 1) * side];
      for (const at of steepest(steepness, width, { left, top, right, bottom }, each)) {
        chosen.push(at);
        tiles.push(row * columns + column);
        odd.push((row + column) & 1);
      }
    }
  }
  return pointsAt(level, chosen, tiles, odd, rows * columns);
}

/** Those points whose tiles are odd, or those whose tiles are even. */
export function half(points, odd) {
  const kept = [];
  points.odd.forEach((value, i) => value === odd && kept.push(i));
  const jacobian = new Float32Array(kept.length * MOVEMENTS);
  kept.forEach((from, to) => {
    jacobian.set(points.jacobian.subarray(from * MOVEMENTS, (from + 1) * MOVEMENTS), to * MOVEMENTS);
  });
  const some = (array) => array.constructor.from(kept, (i) => array[i]);
  const { x, y, values, tiles, tileCount } = points;
  return { x: some(x), y: some(y), values: some(values), tiles: some(tiles), odd: some(points.odd), jacobian, tileCount };
}

function steepnessOf({ values, width, height }) {
  const steepness = new Float32Array(values.length);
  for (let y = BORDER; y < height - BORDER; y++) {
    for (let x = BORDER, at = y * width + BORDER; x < width - BORDER; x++, at++) {
      steepness[at] = (values[at + 1] - values[at - 1]) ** 2 + (values[at + width] - values[at - width]) ** 2;
    }
  }
  return steepness;
}

/** Positions of about the `count` steepest pixels in a box. */
function steepest(steepness, width, { left, top, right, bottom }, count) {
  const inside = new Float32Array((right - left) * (bottom - top));
  for (let y = top, i = 0; y < bottom; y++, i += right - left) {
    inside.set(steepness.subarray(y * width + left, y * width + right), i);
  }
  inside.sort();
  const least = Math.max(inside[Math.max(0, inside.length - count)], Number.MIN_VALUE);
  const found = [];
  for (let y = top; y < bottom; y++) {
    for (let at = y * width + left, end = y * width + right; at < end; at++) if (steepness[at] >= least) found.push(at);
  }
  return found;
}

function pointsAt({ values, width, unit }, chosen, tiles, odd, tileCount) {
  const count = chosen.length;
  const [x, y, shown] = [new Float32Array(count), new Float32Array(count), new Float32Array(count)];
  const jacobian = new Float32Array(count * MOVEMENTS);
  chosen.forEach((at, i) => {
    const [column, row] = [at % width, Math.floor(at / width)];
    const [u, v] = [column * unit[0] + unit[2], row * unit[4] + unit[5]];
    const right = (values[at + 1] - values[at - 1]) / 2 / unit[0];
    const down = (values[at + width] - values[at - width]) / 2 / unit[4];
    const along = right * u + down * v;
    [x[i], y[i], shown[i]] = [column, row, values[at]];
    const slopes = [right, down, down * u - right * v, along, right * u - down * v, right * v + down * u, -u * along, -v * along];
    jacobian.set(slopes, i * MOVEMENTS);
  });
  return { x, y, values: shown, jacobian, tiles: Uint16Array.from(tiles), odd: Uint8Array.from(odd), tileCount };
}

/* ---- The first rough place: every shift and turn that a hand may have made, tried on a small picture ------------------ */

const REACH = 0.08; // of the long side
const TURNS = [-4, -3, -2, -1, 0, 1, 2, 3, 4]; // degrees
const BEST = 3;
const MOST_COMPARED = 2_000; // pixels

/**
 * The best shifts and turns (one per angle) by correlation of the base's heart with the frame, best first.
 * @param {import("./contrast.js").Level} base local contrast
 * @param {import("./contrast.js").Level} frame of the same size
 * @returns {import("./geometry.js").Matrix[]} homographies of their pixels, base to frame
 */
export function roughPlaces(base, frame) {
  const { width, height } = base;
  const most = (Math.min(width, height) - 8) >> 1;
  const reach = Math.min(Math.max(4, Math.round(REACH * Math.max(width, height))), most);
  if (reach < 1) return [];
  const heart = heartOf(base, reach);
  const found = TURNS.map((degrees) => {
    const turn = turnAboutMiddle(degrees, width, height);
    const { correlation, dx, dy } = bestShift(heart, turned(frame, turn), width, reach);
    return { correlation, place: times(turn, [1, 0, dx, 0, 1, dy, 0, 0, 1]) };
  });
  found.sort((a, b) => b.correlation - a.correlation);
  return found.slice(0, BEST).map(({ place }) => place);
}

/** Some pixels of what stays inside the frame under every shift: where they are, and what they show. */
function heartOf({ values, width, height }, reach) {
  const pixels = (width - 2 * reach) * (height - 2 * reach);
  const step = Math.max(1, Math.floor(Math.sqrt(pixels / MOST_COMPARED)));
  const at = [];
  for (let y = reach; y < height - reach; y += step) {
    for (let x = reach; x < width - reach; x += step) at.push(y * width + x);
  }
  return { at: Int32Array.from(at), values: Float32Array.from(at, (i) => values[i]) };
}

function bestShift(heart, frame, width, reach) {
  let best = { correlation: -Infinity, dx: 0, dy: 0 };
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const correlation = correlate(heart, frame, dy * width + dx);
      if (correlation > best.correlation) best = { correlation, dx, dy };
    }
  }
  return best;
}

function correlate({ at, values }, frame, offset) {
  let together = 0;
  let strength = 1e-12;
  for (let i = 0; i < at.length; i++) {
    const seen = frame[at[i] + offset];
    together += seen * values[i];
    strength += seen * seen;
  }
  return together / Math.sqrt(strength);
}

/** The level's values under a turn, bilinear; 0 outside. */
function turned({ values, width, height }, h) {
  const result = new Float32Array(values.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const column = h[0] * x + h[1] * y + h[2];
      const row = h[3] * x + h[4] * y + h[5];
      if (column < 0 || row < 0 || column >= width - 1 || row >= height - 1) continue;
      const at = (row | 0) * width + (column | 0);
      const fx = column - (column | 0);
      const upper = values[at] + fx * (values[at + 1] - values[at]);
      const lower = values[at + width] + fx * (values[at + width + 1] - values[at + width]);
      result[i] = upper + (row - (row | 0)) * (lower - upper);
    }
  }
  return result;
}

function turnAboutMiddle(degrees, width, height) {
  const [x, y, angle] = [(width - 1) / 2, (height - 1) / 2, (degrees * Math.PI) / 180];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, 0, 0, 1];
}
