/** Whether a frame is better moved: decided on evidence that the movement was not fitted to. */
import { IDENTITY, cornerDistance, inPixels, isPlausible, normaliser } from "./homography.js";
import { median } from "./levels.js";

const LEAST_MOVE = 0.3; // pixels at the corner that moves most; less is not worth the blur
const LARGEST_DOUBT = 0.5; // of the movement: how far apart two halves of the evidence may see it
const LEAST_TILES = 6;
const LEAST_AGREEMENT = 0.1;
const LEAST_GAIN = 0.008;
const SURE = 4; // standard errors
const WORSE = 0.03; // A tile that loses more got worse.
const MOST_WORSE = 0.2;

/**
 * Whether to move a frame, how well it agrees before and after, and, where it stays, what a person should know:
 * `reason` is empty for a frame that is moved, and for one that lies right as it is.
 * @typedef {{moved: boolean, before: number, after: number, reason: string}} Verdict
 */

/**
 * Weigh moving a frame by a warp; all warps are in centred coordinates.
 * @param {import("./homography.js").Matrix} warp
 * @param {import("./homography.js").Matrix[]} halves the warps each half of the tiles would have alone
 * @param {{before: object, after: object}[]} evidence agreements without and with the movement
 * @returns {Verdict}
 */
export function judge(warp, halves, evidence, width, height) {
  const unit = normaliser(width, height);
  const [pixels, first, second] = [warp, ...halves].map((one) => inPixels(one, unit));
  const move = cornerDistance(pixels, IDENTITY, width, height);
  const doubt = cornerDistance(first, second, width, height);
  const gain = gainOf(evidence);
  const stays = (reason) => ({ moved: false, before: gain.before, after: gain.before, reason });
  if (gain.tiles < LEAST_TILES || gain.after < LEAST_AGREEMENT) {
    return stays("too little can be seen in common with the other exposures");
  }
  if (move < LEAST_MOVE) return stays("");
  if (!isPlausible(warp)) return stays("no likely movement of a camera lays it on the others");
  const mean = gain.after - gain.before;
  if (doubt > LARGEST_DOUBT * move || mean < Math.max(LEAST_GAIN, SURE * gain.error)) return stays("");
  if (!(gain.worse <= MOST_WORSE)) return stays("");
  return { moved: true, before: gain.before, after: gain.after, reason: "" };
}

/** What moving gains, over the tiles of all evidence; `tiles` is the number of equal ones they are worth. */
function gainOf(evidence) {
  const before = evidence.flatMap((one) => [...one.before.correlation]);
  const after = evidence.flatMap((one) => [...one.after.correlation]);
  const raw = evidence.flatMap(weightOf);
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
