/** Every frame's place against the base, found through the exposures between them. */
import { IDENTITY, MOVEMENTS, hands, inPixels, inverse, normaliser, times } from "./homography.js";
import { judge } from "./judge.js";
import { inverseOf } from "./linear.js";
import { agreement, meanAgreement, register, warpOfHalf } from "./register.js";

const LINKED = 0.15; // agreement

/**
 * Where a frame lies: its warp in pixels (base to frame; the identity where it stays), and the verdict on it.
 * @typedef {{warp: import("./homography.js").Matrix, verdict: import("./judge.js").Verdict}} Place
 */

/** The place of the base itself. */
export const AT_HOME = { warp: IDENTITY, verdict: { moved: false, before: 1, after: 1, reason: "" } };

/**
 * Finds places on one side of the base, from the nearest frame in brightness outwards.
 *
 * Neighbours in brightness have most in common: each frame is first laid on its neighbour on the base's side. What that
 * says is the belief with which it is then compared with the base itself.
 */
export class Chain {
  #base;
  #nearer;
  #nearerWarp = IDENTITY;
  #covariance = new Float64Array(MOVEMENTS * MOVEMENTS);

  /** @param {import("./tones.js").Plane} base its green channel */
  constructor(base) {
    this.#base = this.#nearer = base;
  }

  /**
   * @param {import("./tones.js").Plane} frame the next one's green channel
   * @returns {Place}
   */
  next(frame) {
    let belief = hands();
    let link;
    let { pair, found } = register(this.#nearer, frame);
    const linked = meanAgreement(pair, found.warp) >= LINKED;
    if (this.#nearer !== this.#base) {
      link = { pair, toBase: inverse(this.#nearerWarp) };
      const covariance = inverseOf(found.information, MOVEMENTS).map((value, i) => value + this.#covariance[i]);
      belief = { warp: times(found.warp, this.#nearerWarp), information: inverseOf(covariance, MOVEMENTS) };
      ({ pair, found } = register(this.#base, frame, belief));
    }
    const { width, height } = frame;
    const place = judged(pair, found, belief, link, width, height);
    // A frame that shows nothing is no stepping stone.
    if (linked) {
      [this.#nearer, this.#nearerWarp] = [frame, found.warp];
      this.#covariance = inverseOf(found.information, MOVEMENTS);
    }
    return place;
  }
}

/** Judge a place by what each half of the tiles says of the other half's, and by the neighbour's agreement. */
function judged(pair, found, belief, link, width, height) {
  const [even, odd] = [0, 1].map((which) => warpOfHalf(pair, found, belief, which));
  const evidence = [
    { before: agreement(pair, IDENTITY, 1), after: agreement(pair, even, 1) },
    { before: agreement(pair, IDENTITY, 0), after: agreement(pair, odd, 0) },
  ];
  if (link) {
    const { pair: neighbours, toBase } = link;
    const moved = times(found.warp, toBase);
    evidence.push({ before: agreement(neighbours, toBase), after: agreement(neighbours, moved) });
  }
  const verdict = judge(found.warp, [odd, even], evidence, width, height);
  return { warp: verdict.moved ? inPixels(found.warp, normaliser(width, height)) : IDENTITY, verdict };
}
