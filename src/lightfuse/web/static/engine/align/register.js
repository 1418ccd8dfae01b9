/** Two frames made comparable, where one lies against the other, and how well they agree there. */
import { IDENTITY, carried, corners, hands, inPixels, inverse, normaliser, times } from "./homography.js";
import { contrastPyramid, halved, localContrast, reduced } from "./levels.js";
import { half, tellingPoints } from "./points.js";
import { refine, sample } from "./refine.js";
import { roughPlaces } from "./search.js";
import { matchedTones } from "./tones.js";

const MOST_PIXELS = 1_000_000;
const SEARCH_SIDE = 320;
const ROUGH_SIDE = 160;
const HALF_ITERATIONS = 6;
const MOST_POINTS = { finest: 20_000, coarser: 8_000, search: 4_000 };
const CERTAIN = 0.9; // agreement, beyond which nothing better is searched for

/**
 * The finest level of two frames' local contrast. Warps are in centred coordinates, first frame to second.
 * @typedef {{points: import("./points.js").Points, second: import("./levels.js").Level}} Pair
 */

/**
 * Find where `second` lies against `first` (planes of one size), coarse to fine.
 * @param {import("./tones.js").Plane} first
 * @param {import("./tones.js").Plane} second
 * @param {import("./homography.js").Belief} [belief] where to start; without it all a hand may have done is searched
 * @returns {{pair: Pair, found: import("./homography.js").Belief}}
 */
export function register(first, second, belief) {
  const start = belief ? belief.warp : search(first, second);
  const tables = matchedTones(first, second, commonBoxes(start, first));
  const shrink = Math.ceil(Math.max(1, Math.sqrt((first.width * first.height) / MOST_PIXELS)));
  const [bases, frames] = [first, second].map((plane, i) => contrastPyramid(reduced(plane, tables[i], shrink)));
  let [found, points] = [{ warp: start }];
  for (let i = bases.length - 1; i >= 0; i--) {
    points = tellingPoints(bases[i], i === 0 ? MOST_POINTS.finest : MOST_POINTS.coarser);
    found = refine(points, frames[i], found.warp, belief ?? hands());
  }
  return { pair: { points, second: frames[0] }, found };
}

/**
 * How a pair agrees under a warp, tile by tile: the correlation of the two pictures at their telling points (-1 to 1)
 * and its weight, how much there is to see there in both.
 * @param {Pair} pair
 * @param {0 | 1} [odd] on the even or on the odd tiles only
 */
export function agreement({ points, second }, warp, odd) {
  const seen = sample(second, points, warp);
  const [together, ofBase, ofFrame] = [0, 1, 2].map(() => new Float64Array(points.tileCount));
  for (let i = 0; i < seen.length; i++) {
    if (seen[i] !== seen[i] || (odd !== undefined && points.odd[i] !== odd)) continue;
    const [value, tile] = [points.values[i], points.tiles[i]];
    together[tile] += seen[i] * value;
    ofBase[tile] += value * value;
    ofFrame[tile] += seen[i] * seen[i];
  }
  const weight = ofBase.map((sum, tile) => Math.sqrt(sum * ofFrame[tile]));
  return { correlation: together.map((sum, tile) => sum / Math.max(weight[tile], 1e-9)), weight };
}

/** The weighted mean correlation; 0 where there is nothing to see. */
export function meanAgreement(pair, warp) {
  const { correlation, weight } = agreement(pair, warp);
  let [sum, total] = [0, 1e-12];
  correlation.forEach((value, tile) => {
    sum += value * weight[tile];
    total += weight[tile];
  });
  return sum / total;
}

/** The warp that the odd or the even tiles alone would have, from where all together put it. */
export function warpOfHalf({ points, second }, found, belief, odd) {
  return refine(half(points, odd), second, found.warp, belief, HALF_ITERATIONS).warp;
}

/** The best of several rough places on a small picture, each refined there; the first tried is the identity. */
function search(first, second) {
  const tables = matchedTones(first, second);
  const shrink = Math.max(1, Math.round(Math.max(first.width, first.height) / SEARCH_SIDE));
  const small = [first, second].map((plane, i) => reduced(plane, tables[i], shrink));
  const [base, frame] = small.map(localContrast);
  const pair = { points: tellingPoints(base, MOST_POINTS.search), second: frame };
  const tried = (start) => {
    const { warp } = refine(pair.points, frame, start, hands());
    return { warp, agreement: meanAgreement(pair, warp) };
  };
  const still = tried(IDENTITY);
  if (still.agreement >= CERTAIN) return still.warp;
  const rough = small.map((level) => localContrast(isLarge(level) ? halved(level) : level));
  const unit = rough[0].unit;
  const starts = roughPlaces(...rough).map((place) => times(unit, times(place, inverse(unit))));
  return [still, ...starts.map(tried)].reduce((best, one) => (one.agreement > best.agreement ? one : best)).warp;
}

function isLarge({ width, height }) {
  return Math.max(width, height) > ROUGH_SIDE;
}

/** Boxes of the first and of the second frame with the same part of the scene, but for slivers left by a turn. */
function commonBoxes(warp, { width, height }) {
  const pixels = inPixels(warp, normaliser(width, height));
  return [inverse(pixels), pixels].map((way) => {
    const at = corners(width, height).map(([x, y]) => carried(way, x, y));
    const left = Math.floor(Math.max(at[0][0], at[3][0], 0));
    const top = Math.floor(Math.max(at[0][1], at[1][1], 0));
    const right = Math.floor(Math.min(at[1][0], at[2][0], width - 1));
    const bottom = Math.floor(Math.min(at[2][1], at[3][1], height - 1));
    return { left, top, right: Math.max(right, left) + 1, bottom: Math.max(bottom, top) + 1 };
  });
}
