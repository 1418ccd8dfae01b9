/** One picture made by several workers, each with rows of its own; nothing is shared, so any static host will do. */
import { movedRows, rowsNeeded } from "../engine/align/warp.js";
import { Core, compileCore } from "../engine/core.js";
import { Fuser } from "../engine/index.js";

const SMALLEST_SHARE = 500_000; // pixels that are worth a worker
const MOST_HELPERS = 3;

export class WorkerPool {
  #module;
  #core;
  #helpers = [];
  #wanted = Math.min((navigator.hardwareConcurrency || 1) - 1, MOST_HELPERS);

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.#module = module;
    this.#core = new Core(module);
  }

  static async load() {
    return new WorkerPool(await compileCore());
  }

  /** The helpers started and their cores loaded, before there is anything to do. */
  warmUp() {
    if (typeof Worker !== "function") return;
    while (this.#helpers.length < this.#wanted) {
      this.#helpers.push(new Helper(this.#module));
    }
  }

  /**
   * Fuse two pictures of one size, RGBA.
   * @param {Uint8ClampedArray[]} pictures in either order
   * @returns {Promise<Uint8ClampedArray>}
   */
  async fuse(pictures, width, height, model = "base") {
    const core = this.#core;
    core.begin(model, width, height);
    const shares = this.#shares(width * height);
    const [own, ...others] = shares;
    const helpers = this.#helpers.slice(0, others.length);
    const measured = others.map((share, i) => helpers[i].measure(model, width, height, share, pictures));
    core.measure(pictures, own.cells[0], own.cells[1]);
    for (const [i, rows] of (await Promise.all(measured)).entries()) {
      core.setThumbnailRows(others[i].cells[0], rows);
    }
    const swapped = core.filter(pictures);
    const context = core.context();
    const combined = others.map((share, i) => helpers[i].combine(context, swapped, share));
    const fused = new Uint8ClampedArray(4 * width * height);
    const rowBytes = 4 * width;
    const [under, over] = swapped ? [pictures[1], pictures[0]] : pictures;
    core.combine(under, over, fused.subarray(0, own.rows[1] * rowBytes));
    for (const [i, rows] of (await Promise.all(combined)).entries()) {
      fused.set(rows, others[i].rows[0] * rowBytes);
    }
    return fused;
  }

  /** A function that fuses two small pictures here and now. */
  fuseAtOnce() {
    const fuser = new Fuser(this.#module);
    return (under, over) => fuser.fuse(under, over);
  }

  /**
   * A frame aligned to the base.
   * @param {Uint8ClampedArray} pixels RGBA
   * @param {import("../engine/align/geometry.js").Matrix} warp pixels of the base to pixels of the frame
   * @returns {Promise<Uint8ClampedArray>}
   */
  async move(pixels, width, height, warp) {
    const count = Math.max(1, Math.min(1 + this.#helpers.length, Math.floor((width * height) / SMALLEST_SHARE)));
    const starts = Array.from({ length: count + 1 }, (_, i) => Math.round((i * height) / count));
    const others = this.#helpers.slice(0, count - 1).map((helper, i) => {
      return helper.move(pixels, width, height, warp, [starts[i + 1], starts[i + 2]]);
    });
    const moved = new Uint8ClampedArray(pixels.length);
    moved.set(movedRows({ data: pixels, first: 0 }, width, height, warp, 0, starts[1]));
    for (const [i, rows] of (await Promise.all(others)).entries()) moved.set(rows, 4 * width * starts[i + 1]);
    return moved;
  }

  /** The thumbnail's rows divided: `cells` of each, the picture's rows `held` for them, and the `rows` to fuse. */
  #shares(pixels) {
    const core = this.#core;
    const all = core.cellRows;
    const count = Math.max(1, Math.min(1 + this.#helpers.length, Math.floor(pixels / SMALLEST_SHARE), all));
    const starts = Array.from({ length: count + 1 }, (_, i) => Math.round((i * all) / count));
    const firstRow = (cell) => (cell === all ? core.height : core.rowsOfCells(cell, cell + 1)[0]);
    return Array.from({ length: count }, (_, i) => ({
      cells: [starts[i], starts[i + 1]],
      held: core.rowsOfCells(starts[i], starts[i + 1]),
      rows: [firstRow(starts[i]), firstRow(starts[i + 1])],
    }));
  }
}

/** A worker that has rows of both pictures and runs the tasks it is sent. */
class Helper {
  #worker = new Worker(new URL("./helper.js", import.meta.url), { type: "module" });

  constructor(module) {
    this.#worker.postMessage({ module });
  }

  measure(model, width, height, { cells, held }, pictures) {
    const rows = pictures.map((picture) => picture.slice(4 * width * held[0], 4 * width * held[1]));
    return this.#ask({ measure: { model, width, height, cells, top: held[0], rows } }, rows.map((one) => one.buffer));
  }

  combine(context, swapped, { rows }) {
    return this.#ask({ combine: { context, swapped, rows } });
  }

  move(pixels, width, height, warp, rows) {
    const [first, end] = rowsNeeded(width, height, warp, ...rows);
    const strip = { data: pixels.slice(4 * width * first, 4 * width * end), first };
    return this.#ask({ move: { strip, width, height, warp, rows } }, [strip.data.buffer]);
  }

  #ask(message, transferred = []) {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.answer));
      this.#worker.onerror = () => reject(new Error("a part of the page could not be started; reload it"));
      this.#worker.postMessage(message, transferred);
    });
  }
}
