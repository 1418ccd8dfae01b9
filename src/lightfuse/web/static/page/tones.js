/** Tone curves: sRGB, and what it takes to fit smooth curves to how two exposures correspond. */

export const linearOf = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
/** Linear light of each byte, sRGB. */
export const LINEAR = Float64Array.from({ length: 256 }, (_, i) => linearOf(i / 255));

export const clamped = (value, least = 0, most = 1) => Math.min(most, Math.max(least, value));

/** 0 below 0, 1 above 1, smooth between. */
export function smoothstep(place) {
  const inside = clamped(place);
  return inside * inside * (3 - 2 * inside);
}

/** Values given at evenly spaced places from 0 to 1, interpolated at another. */
export function between(values, place) {
  const at = clamped(place) * (values.length - 1);
  const left = Math.min(Math.floor(at), values.length - 2);
  return values[left] + (at - left) * (values[left + 1] - values[left]);
}

/** Each value, or the largest before it. */
export function rising(values) {
  let most = -Infinity;
  return values.map((value) => (most = Math.max(most, value)));
}

/** The least value that has half of the weights at or below it. */
export function weightedMedian(values, weights) {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  let left = weights.reduce((sum, weight) => sum + weight, 0) / 2;
  return values[order.find((i) => (left -= weights[i]) <= 0) ?? order.at(-1)];
}

/**
 * The piecewise linear curve over [0, 1] that fits weighted equations best in the least squares, and is smooth.
 * @param {{terms: [number, number][], value: number, weight: number}[]} equations each: factors times the curve at
 *   places, summed, is a value; `terms` holds [place, factor]
 * @param {number} count of knots
 * @param {number} bend weight of the squared second differences
 * @param {number} [rise] of the squared first differences
 * @param {number} [pull] of the squared values
 * @returns {Float64Array} the curve at its knots
 */
export function fittedCurve(equations, count, { bend, rise = 0, pull = 0 }) {
  const rows = Array.from({ length: count }, () => new Float64Array(count + 1)); // the last column: right-hand side
  const add = (terms, weight, value = 0) => {
    for (const [i, a] of terms) {
      for (const [j, b] of terms) rows[i][j] += weight * a * b;
      rows[i][count] += weight * a * value;
    }
  };
  for (let i = 0; i < count; i++) {
    add([[i, 1]], pull);
    if (i > 0) add([[i - 1, -1], [i, 1]], rise);
    if (i > 1) add([[i - 2, 1], [i - 1, -2], [i, 1]], bend);
  }
  for (const { terms, value, weight } of equations) {
    const knots = terms.flatMap(([place, factor]) => {
      const left = Math.min(Math.floor(place * (count - 1)), count - 2);
      const share = place * (count - 1) - left;
      return [[left, factor * (1 - share)], [left + 1, factor * share]];
    });
    add(knots, weight, value);
  }
  return solved(rows);
}

/** Gauss's elimination for a positive definite matrix with its right-hand side as its last column, in place. */
function solved(rows) {
  const count = rows.length;
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const factor = rows[j][i] / rows[i][i];
      if (factor) for (let k = i; k <= count; k++) rows[j][k] -= factor * rows[i][k];
    }
  }
  const found = new Float64Array(count);
  for (let i = count - 1; i >= 0; i--) {
    let value = rows[i][count];
    for (let k = i + 1; k < count; k++) value -= rows[i][k] * found[k];
    found[i] = value / rows[i][i];
  }
  return found;
}
