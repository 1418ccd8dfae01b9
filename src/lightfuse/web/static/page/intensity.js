/** The intensity mapping of two exposures, channel by channel, as lightfuse.deghost.mapping estimates it. */
import { between, clamped, fittedCurve, linearOf, rising, weightedMedian } from "./tones.js";

/** A value from here up may be clipped: it is a lower bound. A value of under up to BLACK is an upper bound. */
export const WHITE = 0.98;
export const BLACK = 1.5 / 255;

const LEVELS = 256;
/** Values of under on which mappings are given, finer in the shadows: the squares of even steps. */
const GRID = Float64Array.from({ length: LEVELS }, (_, i) => (i / (LEVELS - 1)) ** 2);
const [FEWEST, FEWEST_ROWS, LEAST_SHARED] = [16, 6, 0.01];
const [KNOTS, SMOOTHNESS, FLATNESS] = [40, 0.3, 1e-3];
const [ROBUST_STOPS, ROUNDS] = [0.15, 6];
const [SPREAD_FLOOR, SPREAD_CAP, NEAR] = [0.004, 0.05, 6];
const FAR = 128; // half levels; a larger distance from the mapping is beyond the cap

/** Which value of over corresponds to a value of under, all in [0, 1]. */
export class IntensityMap {
  #back;

  /**
   * @param {Float64Array} over on the grid, monotonic
   * @param {Float64Array} spread of over among static pixels: its standard deviation
   * @param {number} black the median of over where under is black
   */
  constructor(over, spread, black) {
    [this.over, this.spread, this.black] = [over, spread, black];
    this.slopes = gradient(over);
    const strict = over.map((value, i) => value + i * 1e-7);
    const inverse = (value) => {
      const right = strict.findIndex((one) => one >= value);
      if (right <= 0) return GRID[right < 0 ? LEVELS - 1 : 0];
      const share = (value - strict[right - 1]) / (strict[right] - strict[right - 1]);
      return GRID[right - 1] + share * (GRID[right] - GRID[right - 1]);
    };
    this.#back = Float64Array.from({ length: 1024 }, (_, i) => inverse(Math.min(i / 1023, WHITE)));
    this.whitest = inverse(WHITE); // the least value of under where over is white
    this.darkest = this.forward(2 * BLACK);
    this.stops = Math.log2(linearOf(0.5) / linearOf(Math.max(inverse(0.5), 1e-4)));
  }

  forward(under) {
    return between(this.over, Math.sqrt(Math.max(0, under)));
  }

  backward(over) {
    return between(this.#back, over);
  }

  spreadAt(under) {
    return between(this.spread, Math.sqrt(under));
  }

  slopeAt(under) {
    return between(this.slopes, Math.sqrt(under));
  }
}

/** The mappings of reduced frames, three planes each; undefined where too little is unclipped in both. */
export function estimateMaps(under, over) {
  const maps = under.map((plane, c) => {
    const counts = new Float64Array(LEVELS * LEVELS);
    const most = LEVELS - 1;
    for (let i = 0; i < plane.length; i++) {
      counts[LEVELS * Math.round(Math.sqrt(plane[i]) * most) + Math.round(over[c][i] * most)]++;
    }
    return mapOf(Array.from({ length: LEVELS }, (_, row) => counts.subarray(LEVELS * row, LEVELS * (row + 1))));
  });
  return maps.every(Boolean) ? maps : undefined;
}

function mapOf(rows) {
  const counts = rows.map((row) => row.reduce((sum, one) => sum + one));
  const [quarter, median, threeQuarters] = [0.25, 0.5, 0.75].map((part) => rows.map((row) => quantile(row, part)));
  const inside = (value) => value > BLACK && value < WHITE;
  const usable = GRID.map((value, i) => counts[i] >= FEWEST && inside(value) && inside(median[i]));
  const shared = counts.filter((_, i) => usable[i]);
  const all = counts.reduce((sum, one) => sum + one);
  if (shared.length < FEWEST_ROWS || shared.reduce((sum, one) => sum + one) < LEAST_SHARED * all) return undefined;
  const inStops = (first, second) => Math.log2(Math.max(linearOf(first), 1e-6) / Math.max(linearOf(second), 1e-6));
  const typical = shared.sort((a, b) => a - b);
  const middle = (typical[typical.length >> 1] + typical[(typical.length - 1) >> 1]) / 2;
  const stops = Array.from(GRID, (value, i) => inStops(median[i], Math.max(value, BLACK)));
  const weights = stops.map((_, i) => {
    return usable[i] ? Math.min(counts[i], 4 * middle) / (inStops(threeQuarters[i], quarter[i]) ** 2 + 0.0025) : 0;
  });
  const curve = smoothed(stops, weights.map((weight) => weight / Math.max(...weights)));
  const over = rising(GRID.map((value, i) => clamped(encoded(linearOf(value) * 2 ** curve[i]))));
  const dark = rows.filter((_, i) => GRID[i] <= BLACK);
  const black = quantile(rows[0].map((_, i) => dark.reduce((sum, row) => sum + row[i], 0)), 0.5);
  return new IntensityMap(over, spreadOf(rows, over), black);
}

const encoded = (light) => (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);

/** The smoothest curve near `stops`, re-weighted against outliers (Tukey). */
function smoothed(stops, prior) {
  const strength = prior.reduce((sum, one) => sum + one) / KNOTS;
  const penalty = { bend: strength * SMOOTHNESS, rise: strength * FLATNESS, pull: 1e-9 };
  let [weights, curve] = [prior, undefined];
  for (let round = 0; round < ROUNDS; round++) {
    const equations = stops.map((value, i) => ({ terms: [[i / (LEVELS - 1), 1]], value, weight: weights[i] }));
    const knots = fittedCurve(equations, KNOTS, penalty);
    curve = stops.map((_, i) => between(knots, i / (LEVELS - 1)));
    const residual = stops.map((value, i) => Math.abs(value - curve[i]));
    const scale = Math.max(ROBUST_STOPS, 4 * weightedMedian(residual, prior));
    weights = prior.map((weight, i) => weight * Math.max(1 - (residual[i] / scale) ** 2, 1e-4) ** 2);
  }
  return curve;
}

/** 1.48 × the median distance of each row about the mapping, pooled over near rows. */
function spreadOf(rows, over) {
  const distances = rows.map((row, i) => {
    const histogram = new Float64Array(FAR);
    row.forEach((count, j) => {
      histogram[Math.min(Math.round(2 * Math.abs(j - over[i] * (LEVELS - 1))), FAR - 1)] += count;
    });
    return histogram;
  });
  const slopes = gradient(over);
  return over.map((_, i) => {
    const near = distances.slice(Math.max(0, i - NEAR), i + NEAR + 1);
    const pooled = near[0].map((_, j) => near.reduce((sum, one) => sum + one[j], 0));
    const spread = (1.48 * quantile(pooled, 0.5) * (FAR - 1)) / (2 * (LEVELS - 1));
    return clamped(spread, SPREAD_FLOOR, SPREAD_CAP + slopes[i] / 255);
  });
}

/** Where a part of the counts lies below, as a fraction of the range; 0 where there are none. */
function quantile(histogram, part) {
  const aim = part * histogram.reduce((sum, one) => sum + one);
  if (aim === 0) return 0;
  let [place, below] = [0, 0];
  while (place < histogram.length - 1 && below + histogram[place] < aim) below += histogram[place++];
  return clamped((place + clamped((aim - below) / Math.max(histogram[place], 1e-9)) - 0.5) / (histogram.length - 1));
}

/** The derivative by the grid's values, of second order. */
function gradient(values) {
  const slope = (i) => (values[i + 1] - values[i]) / (GRID[i + 1] - GRID[i]);
  return values.map((_, i) => {
    if (i === 0 || i === LEVELS - 1) return slope(Math.min(i, LEVELS - 2));
    const [left, right] = [GRID[i] - GRID[i - 1], GRID[i + 1] - GRID[i]];
    return (left * slope(i) + right * slope(i - 1)) / (left + right);
  });
}
