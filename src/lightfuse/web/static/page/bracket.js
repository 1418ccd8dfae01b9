/** The bracket that is open: its frames, where each lies against the base, and which of them are worth fusing. */
import { fillBorder } from "../engine/align/border.js";
import { AT_HOME, Chain } from "../engine/align/chain.js";
import { IDENTITY, cornerDistance, inverse, times } from "../engine/align/homography.js";
import { SMALLEST_SIDE } from "../engine/align/index.js";
import { greenOf } from "../engine/align/tones.js";
import { movedRows } from "../engine/align/warp.js";
import { baseExposure } from "./exposures.js";
import { pixelsOf } from "./frames.js";
import { THUMBNAIL_PIXELS, bestRecipe } from "./recipe.js";
import { reducedTo } from "./thumbnail.js";

const TOO_SMALL = `pictures under ${SMALLEST_SIDE} pixels high or wide are not aligned`;

export class Bracket {
  #places;
  #small = [];
  #recipes = new Map();

  /** @param {object[]} frames two or more of one size, dark to bright */
  constructor(frames) {
    this.frames = frames;
    this.base = baseExposure(frames);
    ({ width: this.width, height: this.height } = frames[0]);
  }

  /** Find where every frame lies, once; `tell` hears how far that is. */
  async place(tell) {
    this.#places ??= await this.#found(tell);
  }

  /** What became of a frame: how far it is moved in pixels (0: not at all), and why it stays where that is worth saying. */
  movement(position) {
    const { warp, verdict } = this.#places[position];
    return { pixels: cornerDistance(warp, IDENTITY, this.width, this.height), reason: verdict.reason };
  }

  /** A frame's pixels (RGBA, not to be written to): as it was taken, or laid on the base by a team. */
  async pixels(position, aligned, team) {
    const pixels = await pixelsOf(this.frames[position]);
    if (!aligned || !this.#places[position].verdict.moved) return pixels;
    const { warp } = this.#places[position];
    const shown = await team.move(pixels, this.width, this.height, warp);
    fillBorder(shown, await pixelsOf(this.frames[this.base]), this.width, this.height, warp);
    return shown;
  }

  /** The positions that fused hold most of the scene; found once for aligned frames, and once for others. */
  async recipe(aligned, fuse) {
    if (this.frames.length === 2) return [0, 1];
    if (!this.#recipes.has(aligned)) {
      const thumbnails = [];
      for (const position of this.frames.keys()) thumbnails.push(await this.#thumbnail(position, aligned));
      this.#recipes.set(aligned, await bestRecipe(thumbnails, fuse));
    }
    return this.#recipes.get(aligned);
  }

  async #found(tell) {
    const { width, height, base, frames } = this;
    const places = frames.map(() => AT_HOME);
    if (Math.min(width, height) < SMALLEST_SIDE) {
      return places.map((place) => ({ ...place, verdict: { ...place.verdict, reason: TOO_SMALL } }));
    }
    const green = async (position) => greenOf({ data: await pixelsOf(frames[position]), width, height });
    const greenOfBase = await green(base);
    const positions = [...frames.keys()];
    let done = 1;
    for (const side of [positions.slice(base + 1), positions.slice(0, base).reverse()]) {
      const chain = new Chain(greenOfBase);
      for (const position of side) {
        tell(frames.length === 2 ? "Aligning…" : `Aligning ${++done} of ${frames.length}…`);
        places[position] = chain.next(await green(position));
      }
    }
    return places;
  }

  /** Warped at twice its size, so that interpolation does not soften it. */
  async #thumbnail(position, aligned) {
    const { width, height } = this;
    const scale = Math.min(1, Math.sqrt(THUMBNAIL_PIXELS / (width * height)));
    const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    const twice = [Math.min(width, 2 * size[0]), Math.min(height, 2 * size[1])];
    const frame = this.frames[position];
    this.#small[position] ??= reducedTo({ data: await pixelsOf(frame), width, height }, ...twice);
    let { data } = this.#small[position];
    if (aligned && this.#places[position].verdict.moved) {
      data = movedRows({ data, first: 0 }, ...twice, shrunk(this.#places[position].warp, width / twice[0], height / twice[1]));
    }
    return reducedTo({ data, width: twice[0], height: twice[1] }, ...size);
  }
}

/** A homography in the pixels of a smaller picture. */
function shrunk(warp, across, down) {
  const toFull = [across, 0, (across - 1) / 2, 0, down, (down - 1) / 2, 0, 0, 1];
  return times(inverse(toFull), times(warp, toFull));
}
