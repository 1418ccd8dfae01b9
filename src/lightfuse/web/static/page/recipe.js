/**
 * Which exposures of a bracket to fuse, and in which order: a recipe, chosen as lightfuse.brackets.selection does.
 *
 * A recipe is two or three positions, dark to bright. Two are fused; of three, dark with middle and middle with bright
 * first, then the two results.
 */
import { MefSsim, SMALLEST_SIDE } from "./mef-ssim.js";

export const THUMBNAIL_PIXELS = 192 * 128;
const CLIPPED_LEVELS = [4, 251];
const CLIPPING_SOFTNESS = 8; // levels over which a value passes from clipped to recorded
const HELD = 0.999; // Degree of a pixel that is well exposed beyond doubt.
const MAX_CLIPPED = 5e-4; // Share of the picture that may be white, or black, in all frames chosen but not in another.
const MARGIN = 3e-3; // Another recipe must beat the extreme pair by more than a thumbnail can be wrong.

/** The pictures of a recipe made one by `fuse`, which may be asynchronous. */
export async function fuseBy(pictures, fuse) {
  if (pictures.length === 2) return fuse(...pictures);
  const [dark, middle, bright] = pictures;
  return fuse(await fuse(dark, middle), await fuse(middle, bright));
}

/**
 * The recipe whose result, on thumbnails, has the highest MEF-SSIM against all exposures, less the share of the scene
 * that only exposures left out had recorded; never one that leaves out the only frame to hold a highlight or a shadow.
 * @param {ImageData[]} thumbnails dark to bright
 * @param {(under: ImageData, over: ImageData) => ImageData} fuse
 * @returns {Promise<number[]>}
 */
export async function bestRecipe(thumbnails, fuse) {
  const count = thumbnails.length;
  const extremes = [0, count - 1];
  const { width, height } = thumbnails[0];
  if (count === 2 || Math.min(width, height) < SMALLEST_SIDE) return extremes;
  const trial = new Trial(thumbnails, fuse);
  const starts = [[0, count >> 1, count - 1], extremes];
  const ends = [];
  for (const start of starts) ends.push(await trial.climb(start));
  const found = await trial.best(ends);
  return (await trial.score(found)) > (await trial.score(extremes)) + MARGIN ? found : extremes;
}

/** Recipes tried on thumbnails; every recipe is scored once. */
class Trial {
  #thumbnails;
  #fuse;
  #mefSsim;
  #recorded;
  #byAny;
  #levels;
  #held;
  #tolerated;
  #scores = new Map();

  constructor(thumbnails, fuse) {
    this.#thumbnails = thumbnails;
    this.#fuse = fuse;
    this.#mefSsim = new MefSsim(thumbnails);
    this.#levels = thumbnails.map(levelsOf);
    this.#recorded = this.#levels.map(recorded);
    this.#held = this.#levels[0].map((_, i) => Math.max(...this.#recorded.map((mask) => mask[i])) >= HELD);
    this.#tolerated = MAX_CLIPPED + this.#clipped([0, thumbnails.length - 1]);
    this.#byAny = meanOfLargest(this.#recorded);
  }

  /** Change one exposure at a time for as long as it helps. */
  async climb(recipe) {
    for (;;) {
      const neighbours = neighboursOf(recipe, this.#thumbnails.length);
      const better = await this.best([recipe, ...neighbours]);
      if (better === recipe) return recipe;
      recipe = better;
    }
  }

  /** The one that scores highest, the first of equals. */
  async best(recipes) {
    let [best] = recipes;
    for (const recipe of recipes) if ((await this.score(recipe)) > (await this.score(best))) best = recipe;
    return best;
  }

  async score(recipe) {
    if (this.#clipped(recipe) > this.#tolerated) return -Infinity;
    const key = String(recipe);
    if (!this.#scores.has(key)) {
      const result = await fuseBy(recipe.map((position) => this.#thumbnails[position]), this.#fuse);
      const lost = this.#byAny - meanOfLargest(recipe.map((position) => this.#recorded[position]));
      this.#scores.set(key, this.#mefSsim.score(result) - lost);
    }
    return this.#scores.get(key);
  }

  /** The larger of two shares: held by some frame, but white, or black, in all of the recipe. */
  #clipped(recipe) {
    const [low, high] = CLIPPED_LEVELS;
    let [white, black] = [0, 0];
    for (let i = 0; i < this.#held.length; i += 1) {
      if (!this.#held[i]) continue;
      const levels = recipe.map((position) => this.#levels[position][i]);
      if (Math.min(...levels) > high - CLIPPING_SOFTNESS / 2) white += 1;
      if (Math.max(...levels) < low + CLIPPING_SOFTNESS / 2) black += 1;
    }
    return Math.max(white, black) / this.#held.length;
  }
}

function neighboursOf(recipe, count) {
  const moved = recipe.flatMap((position, place) => [-1, 1].map((step) => replaced(recipe, place, position + step)));
  moved.push(recipe.length === 3 ? [recipe[0], recipe[2]] : [recipe[0], (recipe[0] + recipe[1]) >> 1, recipe[1]]);
  return moved.filter(
    (positions) =>
      positions[0] >= 0 && positions.at(-1) < count && positions.every((at, i) => i === 0 || positions[i - 1] < at),
  );
}

/** The mean of the channels of each pixel. */
function levelsOf({ data }) {
  const mean = (i) => (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3;
  return Float32Array.from({ length: data.length / 4 }, (_, i) => mean(i));
}

/** How far each pixel is neither black nor white, in [0, 1]. */
function recorded(levels) {
  const [low, high] = CLIPPED_LEVELS;
  return levels.map((level) => Math.min(1, Math.max(0, Math.min(level - low, high - level) / CLIPPING_SOFTNESS)));
}

function meanOfLargest(masks) {
  const sum = masks[0].reduce((total, _, i) => total + Math.max(...masks.map((mask) => mask[i])), 0);
  return sum / masks[0].length;
}

function replaced(recipe, place, position) {
  return recipe.map((old, i) => (i === place ? position : old));
}
