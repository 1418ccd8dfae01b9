/** The bracket that is open: its frames, where each lies against the base, and which of them to fuse. */
import { Registration, UNMOVED } from "../engine/align.js";
import { deghosted } from "../engine/deghost.js";
import { fillBorder } from "../engine/warp.js";
import { baseExposure, pixelsOf } from "./frames.js";
import { fuseSelection, selectExposures } from "./selection.js";

export class Bracket {
  #places;

  /** @param {object[]} frames two or more of one size, dark to bright */
  constructor(frames) {
    this.frames = frames;
    this.base = baseExposure(frames);
    ({ width: this.width, height: this.height } = frames[0]);
  }

  /** Of the base exposure. */
  get exif() {
    return this.frames[this.base].exif;
  }

  /**
   * Fuse frames.
   * @param {number[]} [chosen] positions, dark to bright; without it those are selected that show most of the scene well
   * @param {{align: boolean, deghost: boolean}} how whether hand-held frames are aligned to the base, and whether what
   *   moved is taken from one frame
   * @param {import("./pool.js").WorkerPool} pool
   * @param {(progress: string) => void} tell
   * @returns the fused `picture` (RGBA) and a `name` for its file; the `selection`, and the darkest and brightest of it
   *   as they were fused; how these frames moved (places of align.js, with their `name`); what is known of `ghosts`
   *   (share, reason), if any were looked for; and how many `milliseconds` aligning and fusing took
   */
  async fuse(chosen, how, pool, tell) {
    const { width, height } = this;
    const { align, deghost } = how;
    const began = performance.now();
    if (align) this.#places ??= await this.#found(pool, tell);
    const selection = chosen ?? selectExposures(this.frames.map((frame) => frame.small));
    let pictures = await this.#pictures(selection, align, pool);
    const milliseconds = { align: performance.now() - began };
    let ghosts;
    if (deghost) {
      tell("Removing ghosts…");
      ghosts = await deghosted(pictures, width, height);
      pictures = ghosts.frames;
    }
    tell("Fusing…");
    const ready = performance.now();
    const data = await fuseSelection(pictures, (under, over) => pool.fuse([under, over], width, height));
    milliseconds.fuse = performance.now() - ready;
    const [dark, bright] = [pictures[0], pictures.at(-1)].map((pixels) => ({ data: pixels, width, height }));
    const moves = align ? selection.map((position) => this.#places[position]) : [];
    const name = `${this.frames[selection.at(-1)].name.replace(/\.[^.]*$/, "")}_fused`;
    const told = ghosts && { share: ghosts.share, reason: ghosts.reason };
    return { picture: { data, width, height }, name, dark, bright, selection, moves, ghosts: told, milliseconds };
  }

  /** What was rounded off the picture that `fuse` gives: see `withLowBits`. */
  async lowBits(selection, how, pool) {
    const pictures = await this.#withoutGhosts(selection, how, pool);
    const fuse = (under, over, isLast) => pool.fuse([under, over], this.width, this.height, isLast);
    return fuseSelection(pictures, fuse);
  }

  /** The darkest of the frames that are fused (RGBA), as it is fused. */
  async darkest(selection, how, pool) {
    return (await this.#withoutGhosts(selection, how, pool))[0];
  }

  async #withoutGhosts(selection, { align, deghost }, pool) {
    const pictures = await this.#pictures(selection, align, pool);
    return deghost ? (await deghosted(pictures, this.width, this.height)).frames : pictures;
  }

  async #pictures(selection, aligned, pool) {
    const pictures = [];
    for (const position of selection) pictures.push(await this.#pixels(position, aligned, pool));
    return pictures;
  }

  /** A frame's pixels (RGBA, not to be written to): as it was taken, or aligned to the base by a pool. */
  async #pixels(position, aligned, pool) {
    const pixels = await pixelsOf(this.frames[position]);
    if (!aligned || this.#places[position].pixels === 0) return pixels;
    const { warp } = this.#places[position];
    const shown = await pool.move(pixels, this.width, this.height, warp);
    fillBorder(pool.module, shown, await pixelsOf(this.frames[this.base]), this.width, this.height, warp);
    return shown;
  }

  async #found(pool, tell) {
    const { width, height, base, frames } = this;
    const places = frames.map(({ name }) => ({ name, ...UNMOVED }));
    const registration = new Registration(pool.module, { data: await pixelsOf(frames[base]), width, height });
    const positions = [...frames.keys()];
    let done = 1;
    for (const side of [positions.slice(base + 1), positions.slice(0, base).reverse()]) {
      registration.beginSide();
      for (const position of side) {
        tell(frames.length === 2 ? "Aligning…" : `Aligning ${++done} of ${frames.length}…`);
        Object.assign(places[position], registration.next(await pixelsOf(frames[position])));
      }
    }
    return places;
  }
}
