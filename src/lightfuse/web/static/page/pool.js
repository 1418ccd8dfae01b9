/** One picture made by several workers, strip by strip; nothing is shared, so any static host will do. */
import { Registration } from "../engine/align.js";
import { Core, compileCore } from "../engine/core.js";
import { Fuser } from "../engine/index.js";
import { rowsNeeded } from "../engine/warp.js";
import { strips } from "./frames.js";

const MOST_HELPERS = 4;

export class WorkerPool {
  #module;
  #core;
  #helpers;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.#module = module;
    this.#core = new Core(module);
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
  async fuse(pictures, width, height, model = "base") {
    const core = this.#core;
    const size = { model, width, height };
    const rowsOf = ([first, end]) => pictures.map((picture) => picture.slice(4 * width * first, 4 * width * end));
    core.begin(model, width, height);
    const cellStrips = strips(width * Math.ceil(height / core.cellRows), core.cellRows);
    const heldBy = (cells) => core.rowsOfCells(...cells);
    const measure = (cells) => ({ ...size, cells, top: heldBy(cells)[0], rows: rowsOf(heldBy(cells)) });
    await this.#share("measure", cellStrips, measure, ([first], rows) => core.setThumbnailRows(first, rows));
    if (core.filter(pictures)) pictures = pictures.toReversed();
    const context = core.context();
    const combine = (rows) => ({ ...size, context, top: rows[0], rows: rowsOf(rows) });
    return this.#whole("combine", width, height, combine);
  }

  /** A function that fuses two small pictures here and now. */
  fuseAtOnce() {
    const fuser = new Fuser(this.#module);
    return (under, over) => fuser.fuse(under, over);
  }

  /** What finds where frames lie against a base (RGBA, with width and height). */
  registration(base) {
    return new Registration(this.#module, base);
  }

  /**
   * A frame aligned to the base.
   * @param {Uint8ClampedArray} pixels RGBA
   * @param {import("../engine/warp.js").Matrix} warp pixels of the base to pixels of the frame
   * @returns {Promise<Uint8ClampedArray>}
   */
  move(pixels, width, height, warp) {
    return this.#whole("move", width, height, (rows) => {
      const [first, end] = rowsNeeded(width, height, warp, ...rows);
      return { strip: { data: pixels.slice(4 * width * first, 4 * width * end), first }, width, height, warp, rows };
    });
  }

  /** The picture whose strips a task answers; `given` makes what it is given for the rows [first, end). */
  async #whole(task, width, height, given) {
    const picture = new Uint8ClampedArray(4 * width * height);
    await this.#share(task, strips(width, height), given, ([top], strip) => picture.set(strip, 4 * width * top));
    return picture;
  }

  /** Have a task done for each of `all`, each by the next helper that is free; what it is given is made then. */
  async #share(task, all, given, take) {
    const waiting = all.values();
    const work = async (helper) => {
      for (const one of waiting) take(one, await helper.ask(task, given(one)));
    };
    await Promise.all(this.#helpers.map(work));
  }
}

class Helper {
  #worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module" });
  #last; // asked for; the next waits for it

  constructor(module) {
    this.#last = this.ask("load", { module });
    this.#last.catch(() => {}); // Told when the helper is asked.
  }

  async ask(task, given) {
    await this.#last;
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.answer));
      this.#worker.onerror = () => reject(new Error("a part of the page could not be started; reload it"));
      this.#worker.postMessage({ task, given }, buffersOf(given));
    });
  }
}

function buffersOf({ rows = [], strip }) {
  return [...rows, strip?.data].flatMap((one) => (one?.buffer ? [one.buffer] : []));
}
