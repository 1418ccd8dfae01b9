/** One picture made by several workers, strip by strip; nothing is shared, so any static host will do. */
import { Core, compileCore } from "../engine/core.js";
import { rowsNeeded } from "../engine/warp.js";
import { strips } from "./frames.js";
import { connected } from "./messages.js";

const MODEL = "base";
const MOST_HELPERS = 4;

export class WorkerPool {
  module;
  core;
  #helpers;
  #spare = []; // buffers

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.module = module;
    this.core = new Core(module);
    const count = Math.min(navigator.hardwareConcurrency || 1, MOST_HELPERS);
    this.#helpers = Array.from({ length: count }, () => connected(new URL("./helper.js", import.meta.url)));
  }

  static async load() {
    return new WorkerPool(await compileCore());
  }

  /**
   * Fuse two pictures of one size, RGBA.
   * @param {Uint8ClampedArray[]} pictures in either order
   * @param {boolean} [low] give the low bits: see `Core.combine`
   * @returns {Promise<Uint8ClampedArray>}
   */
  fuse(pictures, width, height, low = false) {
    const ordered = this.core.prepare(MODEL, pictures, width, height);
    const context = this.core.context();
    return this.#shared("combine", width, height, ([top, end]) => {
      const rows = ordered.map((picture) => this.#copied(picture.subarray(4 * width * top, 4 * width * end)));
      return { context, top, low, rows };
    });
  }

  /**
   * A frame aligned to the base.
   * @param {Uint8ClampedArray} pixels RGBA
   * @param {import("../engine/warp.js").Matrix} warp pixels of the base to pixels of the frame
   * @returns {Promise<Uint8ClampedArray>}
   */
  move(pixels, width, height, warp) {
    return this.#shared("move", width, height, (range) => {
      const [first, end] = rowsNeeded(width, height, warp, ...range);
      return { warp, range, first, rows: [this.#copied(pixels.subarray(4 * width * first, 4 * width * end))] };
    });
  }

  /** Copied to memory that helpers gave back: fresh memory is slow. */
  #copied(rows) {
    const spare = this.#spare.pop();
    const copy = new Uint8ClampedArray(spare?.byteLength >= rows.length ? spare : rows.length).subarray(0, rows.length);
    copy.set(rows);
    return copy;
  }

  /** The picture whose strips a task of helper.js makes; `given` is what it is given for the rows [first, end). */
  async #shared(task, width, height, given) {
    const picture = new Uint8ClampedArray(4 * width * height);
    const waiting = strips(width, height).values();
    const work = async (ask) => {
      for (const range of waiting) {
        const asked = { module: this.module, width, height, ...given(range) };
        const { strip, rows } = await ask(task, asked, { transfer: asked.rows.map(({ buffer }) => buffer) });
        picture.set(strip, 4 * width * range[0]);
        this.#spare.push(...rows.map(({ buffer }) => buffer));
      }
    };
    await Promise.all(this.#helpers.map(work));
    return picture;
  }
}
