/** One picture made by several workers, strip by strip; nothing is shared, so any static host will do. */
import { Core, compileCore } from "../engine/core.js";
import { rowsNeeded } from "../engine/warp.js";
import { strips } from "./frames.js";

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
    this.#helpers = Array.from({ length: count }, () => new Helper(module));
  }

  static async load() {
    return new WorkerPool(await compileCore());
  }

  /**
   * Fuse two pictures of one size, RGBA.
   * @param {Uint8ClampedArray[]} pictures in either order
   * @returns {Promise<Uint8ClampedArray>}
   */
  async fuse(pictures, width, height) {
    return this.#whole("combine", width, height, await this.#begun(pictures, width, height));
  }

  /**
   * The same, not rounded to bytes, by strips from the top.
   * @returns {AsyncGenerator<Float32Array>} RGBA, levels from 0 to 255 in steps of 1/128
   */
  async *fuseFinely(pictures, width, height) {
    const given = await this.#begun(pictures, width, height);
    const ask = (rows) => rows && this.#helpers[0].ask("combineFinely", given(rows));
    const all = strips(width, height);
    for (let i = 0, next = ask(all[0]); next; i++) {
      const { answer, rows } = await next;
      this.#spare.push(...rows.map(({ buffer }) => buffer));
      next = ask(all[i + 1]); // made while this one is used
      yield answer;
    }
  }

  /** Measure and filter; what a helper is then given to fuse the rows [first, end). */
  async #begun(pictures, width, height) {
    const core = this.core;
    const size = { model: "base", width, height };
    const rowsOf = ([first, end]) => {
      return pictures.map((picture) => this.#copied(picture.subarray(4 * width * first, 4 * width * end)));
    };
    core.begin(size.model, width, height);
    size.box = core.findBox(pictures);
    const cellStrips = strips(width * Math.ceil(height / core.cellRows), core.cellRows);
    const heldBy = (cells) => core.rowsOfCells(...cells);
    const measure = (cells) => ({ ...size, cells, top: heldBy(cells)[0], rows: rowsOf(heldBy(cells)) });
    await this.#share("measure", cellStrips, measure, ([first], rows) => core.setThumbnailRows(first, rows));
    if (core.filter(pictures)) pictures = pictures.toReversed();
    const context = core.context();
    return (rows) => ({ ...size, context, top: rows[0], rows: rowsOf(rows) });
  }

  /**
   * A frame aligned to the base.
   * @param {Uint8ClampedArray} pixels RGBA
   * @param {import("../engine/warp.js").Matrix} warp pixels of the base to pixels of the frame
   * @returns {Promise<Uint8ClampedArray>}
   */
  move(pixels, width, height, warp) {
    return this.#whole("move", width, height, (range) => {
      const [first, end] = rowsNeeded(width, height, warp, ...range);
      const rows = [this.#copied(pixels.subarray(4 * width * first, 4 * width * end))];
      return { width, height, warp, range, first, rows };
    });
  }

  /** Copied to memory that helpers gave back: fresh memory is slow. */
  #copied(rows) {
    const spare = this.#spare.pop();
    const copy = new Uint8ClampedArray(spare?.byteLength >= rows.length ? spare : rows.length).subarray(0, rows.length);
    copy.set(rows);
    return copy;
  }

  /** The picture whose strips a task answers; `given` makes what it is given for the rows [first, end). */
  async #whole(task, width, height, given) {
    const picture = new Uint8ClampedArray(4 * width * height);
    await this.#share(task, strips(width, height), given, ([top], strip) => picture.set(strip, 4 * width * top));
    return picture;
  }

  /** Have a task done for each of `all` by whichever helper is free, which already holds its next. */
  async #share(task, all, given, take) {
    const waiting = all.values();
    const work = async (helper) => {
      for (const one of waiting) {
        const { answer, rows } = await helper.ask(task, given(one));
        take(one, answer);
        this.#spare.push(...rows.map(({ buffer }) => buffer));
      }
    };
    await Promise.all([...this.#helpers, ...this.#helpers].map(work));
  }
}

class Helper {
  #worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module" });
  #asked = []; // answered one after the other
  #broken;

  constructor(module) {
    this.#worker.onmessage = ({ data }) => {
      const { resolve, reject } = this.#asked.shift();
      if (data.error) reject(new Error(data.error));
      else resolve(data);
    };
    this.#worker.onerror = () => {
      this.#broken = new Error("a part of the page could not be started; reload it");
      for (const { reject } of this.#asked) reject(this.#broken);
    };
    this.ask("load", { module }).catch(() => {}); // Told when the helper is asked.
  }

  ask(task, given) {
    return new Promise((resolve, reject) => {
      if (this.#broken) reject(this.#broken);
      this.#asked.push({ resolve, reject });
      const { rows = [] } = given;
      this.#worker.postMessage({ task, given }, rows.map(({ buffer }) => buffer));
    });
  }
}
