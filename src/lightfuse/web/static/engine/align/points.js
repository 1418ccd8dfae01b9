/** The pixels of a level that tell most of a movement. */
import { MOVEMENTS } from "./homography.js";

export const TILES = 12; // along the long side
const FEWEST_PER_TILE = 16;
const BORDER = 3;

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
 * @param {import("./levels.js").Level} level
 * @param {number} most about how many
 * @returns {Points}
 */
export function tellingPoints(level, most) {
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
