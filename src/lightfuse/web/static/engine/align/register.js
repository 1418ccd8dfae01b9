/** Two frames made comparable, where one lies against the other, and how well they agree there. */
import { contrastPyramid, halved, localContrast, matchedTones, median, reduced } from "./contrast.js";
import { IDENTITY, MOVEMENTS, carried, cornerDistance, corners, handShakePrior, inPixels, inverse, inverseOf, isPlausible, normaliser, times } from "./geometry.js";
import { half, refine, roughPlaces, sample, salientPoints } from "./refine.js";

/** Pictures with a shorter side are not aligned, in pixels. */
export const SMALLEST_SIDE = 48;
const MOST_PIXELS = 1_000_000;
const SEARCH_SIDE = 320;
const ROUGH_SIDE = 160;
const HALF_ITERATIONS = 6;
const MOST_POINTS = { finest: 20_000, coarser: 8_000, search: 4_000 };
const CERTAIN = 0.9; // agreement, beyond which nothing better is searched for

/**
 * The finest level of two frames' local contrast. Warps are in centred coordinates, first frame to second.
 * @typedef {{points: import("./refine.js").Points, second: import("./contrast.js").Level}} Pair
 */

/**
 * Find where `second` lies against `first` (planes of one size), coarse to fine.
 * @param {import("./contrast.js").Plane} first
 * @param {import("./contrast.js").Plane} second
 * @param {import("./geometry.js").Prior} [prior] where to start; without it all a hand may have done is searched
 * @returns {{pair: Pair, found: import("./geometry.js").Prior}}
 */
export function register(first, second, prior) {
  const start = prior ? prior.warp : search(first, second);
  const tables = matchedTones(first, second, commonBoxes(start, first));
  const shrink = Math.ceil(Math.max(1, Math.sqrt((first.width * first.height) / MOST_PIXELS)));
  const [bases, frames] = [first, second].map((plane, i) => contrastPyramid(reduced(plane, tables[i], shrink)));
  let [found, points] = [{ warp: start }];
  for (let i = bases.length - 1; i >= 0; i--) {
    points = salientPoints(bases[i], i === 0 ? MOST_POINTS.finest : MOST_POINTS.coarser);
    found = refine(points, frames[i], found.warp, prior ?? handShakePrior());
  }
  return { pair: { points, second: frames[0] }, found };
}

/**
 * How a pair agrees under a warp, tile by tile: the correlation of the two pictures at their salient points (-1 to 1)
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
export function warpOfHalf({ points, second }, found, prior, odd) {
  return refine(half(points, odd), second, found.warp, prior, HALF_ITERATIONS).warp;
}

/** The best of several rough places on a small picture, each refined there; the first tried is the identity. */
function search(first, second) {
  const tables = matchedTones(first, second);
  const shrink = Math.max(1, Math.round(Math.max(first.width, first.height) / SEARCH_SIDE));
  const small = [first, second].map((plane, i) => reduced(plane, tables[i], shrink));
  const [base, frame] = small.map(localContrast);
  const pair = { points: salientPoints(base, MOST_POINTS.search), second: frame };
  const tried = (start) => {
    const { warp } = refine(pair.points, frame, start, handShakePrior());
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

/* ---- Every frame's place against the base, found through the exposures between them ----------------------------------- */

const LINKED = 0.15; // agreement

/**
 * Where a frame lies: its warp in pixels (base to frame; the identity where it stays), and the decision on it.
 * @typedef {{warp: import("./geometry.js").Matrix, decision: import("./register.js").Decision}} Place
 */

/** The place of the base itself. */
export const AT_HOME = { warp: IDENTITY, decision: { moved: false, before: 1, after: 1, reason: "" } };

/**
 * Finds places on one side of the base, from the nearest frame in brightness outwards.
 *
 * Neighbours in brightness have most in common: each frame is first aligned to its neighbour on the base's side. What that
 * gives is the prior with which it is then compared with the base itself.
 */
export class Chain {
  #base;
  #nearer;
  #nearerWarp = IDENTITY;
  #covariance = new Float64Array(MOVEMENTS * MOVEMENTS);

  /** @param {import("./contrast.js").Plane} base its green channel */
  constructor(base) {
    this.#base = this.#nearer = base;
  }

  /**
   * @param {import("./contrast.js").Plane} frame the next one's green channel
   * @returns {Place}
   */
  next(frame) {
    let prior = handShakePrior();
    let link;
    let { pair, found } = register(this.#nearer, frame);
    const linked = meanAgreement(pair, found.warp) >= LINKED;
    if (this.#nearer !== this.#base) {
      link = { pair, toBase: inverse(this.#nearerWarp) };
      const covariance = inverseOf(found.information, MOVEMENTS).map((value, i) => value + this.#covariance[i]);
      prior = { warp: times(found.warp, this.#nearerWarp), information: inverseOf(covariance, MOVEMENTS) };
      ({ pair, found } = register(this.#base, frame, prior));
    }
    const { width, height } = frame;
    const place = accepted(pair, found, prior, link, width, height);
    // A frame that shows nothing is no stepping stone.
    if (linked) {
      [this.#nearer, this.#nearerWarp] = [frame, found.warp];
      this.#covariance = inverseOf(found.information, MOVEMENTS);
    }
    return place;
  }
}

/** Judge a place by what each half of the tiles says of the other half's, and by the neighbour's agreement. */
function accepted(pair, found, prior, link, width, height) {
  const [even, odd] = [0, 1].map((which) => warpOfHalf(pair, found, prior, which));
  const scores = [
    { before: agreement(pair, IDENTITY, 1), after: agreement(pair, even, 1) },
    { before: agreement(pair, IDENTITY, 0), after: agreement(pair, odd, 0) },
  ];
  if (link) {
    const { pair: neighbours, toBase } = link;
    const moved = times(found.warp, toBase);
    scores.push({ before: agreement(neighbours, toBase), after: agreement(neighbours, moved) });
  }
  const decision = accept(found.warp, [odd, even], scores, width, height);
  return { warp: decision.moved ? inPixels(found.warp, normaliser(width, height)) : IDENTITY, decision };
}

/* ---- Whether a frame is better moved: decided on scores that the movement was not fitted to ------------------------- */

const LEAST_MOVE = 0.3; // pixels at the corner that moves most; less is not worth the blur
const LARGEST_UNCERTAINTY = 0.5; // of the movement: how far apart two halves of the scores may see it
const LEAST_TILES = 6;
const LEAST_AGREEMENT = 0.1;
const LEAST_GAIN = 0.008;
const SURE = 4; // standard errors
const WORSE = 0.03; // A tile that loses more got worse.
const MOST_WORSE = 0.2;

/**
 * Whether to move a frame, how well it agrees before and after, and, where it stays, what a person should know:
 * `reason` is empty for a frame that is moved, and for one that lies right as it is.
 * @typedef {{moved: boolean, before: number, after: number, reason: string}} Decision
 */

/**
 * Weigh moving a frame by a warp; all warps are in centred coordinates.
 * @param {import("./geometry.js").Matrix} warp
 * @param {import("./geometry.js").Matrix[]} halves the warps each half of the tiles would have alone
 * @param {{before: object, after: object}[]} scores agreements without and with the movement
 * @returns {Decision}
 */
export function accept(warp, halves, scores, width, height) {
  const unit = normaliser(width, height);
  const [pixels, first, second] = [warp, ...halves].map((one) => inPixels(one, unit));
  const move = cornerDistance(pixels, IDENTITY, width, height);
  const uncertainty = cornerDistance(first, second, width, height);
  const gain = gainOf(scores);
  const stays = (reason) => ({ moved: false, before: gain.before, after: gain.before, reason });
  if (gain.tiles < LEAST_TILES || gain.after < LEAST_AGREEMENT) {
    return stays("too little can be seen in common with the other exposures");
  }
  if (move < LEAST_MOVE) return stays("");
  if (!isPlausible(warp)) return stays("no likely movement of a camera aligns it to the others");
  const mean = gain.after - gain.before;
  if (uncertainty > LARGEST_UNCERTAINTY * move || mean < Math.max(LEAST_GAIN, SURE * gain.error)) return stays("");
  if (!(gain.worse <= MOST_WORSE)) return stays("");
  return { moved: true, before: gain.before, after: gain.after, reason: "" };
}

/** What moving gains, over the tiles of all scores; `tiles` is the number of equal ones they are worth. */
function gainOf(scores) {
  const before = scores.flatMap((one) => [...one.before.correlation]);
  const after = scores.flatMap((one) => [...one.after.correlation]);
  const raw = scores.flatMap(weightOf);
  const total = raw.reduce((sum, value) => sum + value, 0);
  if (!(total > 0)) return { before: 0, after: 0, error: 0, tiles: 0, worse: 0 };
  const weight = raw.map((value) => value / total);
  const mean = (values) => values.reduce((sum, value, i) => sum + weight[i] * value, 0);
  const gains = after.map((value, i) => value - before[i]);
  const gain = mean(gains);
  const tiles = 1 / weight.reduce((sum, value) => sum + value * value, 0);
  const variance = mean(gains.map((value) => (value - gain) ** 2));
  return {
    before: mean(before),
    after: mean(after),
    error: Math.sqrt(variance / Math.max(tiles - 1, 1)),
    tiles,
    worse: mean(gains.map((value) => Number(value < -WORSE))),
  };
}

/** What each tile has to say: what shows both ways, capped so that a few strong tiles do not outvote the rest. */
function weightOf({ before, after }) {
  const weight = Array.from(before.weight, (value, tile) => Math.min(value, after.weight[tile]));
  const most = Math.max(0, ...weight);
  const strong = weight.filter((value) => value > most / 2);
  const cap = median(Float64Array.from(strong));
  return weight.map((value) => (strong.length ? Math.min(value, cap) : value));
}
