/** The compiled core: one WebAssembly instance, and the passes over a pair of pictures. */

/** The models' numbers in the core, as `tools.web_build` lays them out. */
export const MODELS = ["small", "base"];

/**
 * Compile the core.
 * @returns {Promise<WebAssembly.Module>} Modules can be posted to workers.
 */
export function compileCore() {
  return compiled(new URL("./lightfuse.wasm", import.meta.url)); // Whole: it is how bundlers find the file.
}

/** A WebAssembly file of the engine, in browsers and in Node. */
export async function compiled(url) {
  const bytes = await bytesOf(url);
  return WebAssembly.compile(bytes).catch((error) => {
    const what = "LightFuse needs WebAssembly with SIMD: use a newer browser";
    throw new Error(`${what} (${error.message})`);
  });
}

async function bytesOf(url) {
  if (url.protocol === "file:") {
    const { readFile } = await import(/* webpackIgnore: true */ "node:fs/promises");
    return readFile(url);
  }
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname} cannot be loaded (${answer.status}); reload the page`);
  return answer.arrayBuffer();
}

/**
 * The calls of a new instance of the core; its memory goes with it.
 * @param {(which: number, first: number, last: number) => void} [load] writes rows of pictures that the core asks for
 */
export function callsOf(module, load = () => {}) {
  return new WebAssembly.Instance(module, { env: { load } }).exports;
}

/** One instance of the core. Pictures stay in JavaScript; rows are handed in by strips, so memory stays small. */
export class Core {
  #begun; // the model, the picture's size, and the box around the scene: left, top, right, bottom
  #measured; // the pictures, while they are measured

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.calls = callsOf(module, (which, first, last) => this.#load(which, this.#measured[which], first, last));
  }

  /**
   * Prepare to fuse two pictures with one of `MODELS`: find the part of them that shows the scene, tell under from over,
   * and compute the context.
   * @param {Uint8ClampedArray[]} pictures RGBA
   * @returns {Uint8ClampedArray[]} the pictures, under first
   */
  prepare(model, pictures, width, height) {
    this.#measured = pictures;
    this.#begin({ model, width, height, box: [0, 0, width, height] });
    const box = [...new Int32Array(this.calls.memory.buffer, this.calls.lfw_scene_box(), 4)];
    this.#begin({ model, width, height, box });
    this.calls.lfw_measure();
    this.#measured = undefined;
    const brightness = [this.calls.lfw_brightness(0), this.calls.lfw_brightness(1)];
    const swapped = comesAfter(brightness, pictures);
    if (swapped) this.calls.lfw_swap();
    this.calls.lfw_filter();
    return swapped ? pictures.toReversed() : pictures;
  }

  /** What other instances need to combine rows, too: a copy. */
  context() {
    return { ...this.#begun, bytes: this.#context().slice() };
  }

  /** Go on from another instance's `context`. */
  setContext({ bytes, ...begun }) {
    this.#begin(begun);
    this.#context().set(bytes);
  }

  /**
   * Fuse all rows of two strips of one height that begin at the picture's row `top`; `out` may be one of them.
   * @param {Uint8ClampedArray} under RGBA
   * @param {Uint8ClampedArray} over RGBA
   * @param {Uint8ClampedArray} out RGBA, opaque afterwards
   * @param {boolean} [low] give the low 7 bits of levels * 2^7 instead of levels: see `withLowBits`
   */
  combine(under, over, out, top = 0, low = false) {
    const rowBytes = 4 * this.#begun.width;
    const rows = out.length / rowBytes;
    for (let row = 0; row < rows; row += this.stripRows) {
      const end = Math.min(row + this.stripRows, rows);
      this.#load(0, under, row, end);
      this.#load(1, over, row, end);
      this.calls.lfw_combine(top + row, end - row, low);
      out.set(this.#bytes(this.calls.lfw_strip(0), (end - row) * rowBytes), row * rowBytes);
    }
  }

  #begin(wanted) {
    const { model, width, height, box } = wanted;
    this.stripRows = this.calls.lfw_begin(MODELS.indexOf(model), width, height, ...box);
    if (this.stripRows === 0) throw new RangeError(`there is not enough memory for a picture of ${width}×${height}`);
    this.#begun = wanted;
  }

  #context() {
    return this.#bytes(this.calls.lfw_context(), this.calls.lfw_context_bytes());
  }

  #load(which, picture, first, last) {
    const rowBytes = 4 * this.#begun.width;
    const rows = picture.subarray(first * rowBytes, last * rowBytes);
    this.#bytes(this.calls.lfw_strip(which), rows.length).set(rows);
  }

  #bytes(at, length) {
    return new Uint8Array(this.calls.memory.buffer, at, length);
  }
}

/** What `combine` gives before it rounds to bytes: levels from 0 to 255 in steps of 1/128, of both its answers. */
export function withLowBits(levels, low) {
  // The low bits count from the level below: from 64 on, rounding went up from there.
  const fine = (level, i) => Math.min(Math.max(level + (low[i] < 64 ? low[i] : low[i] - 128) / 128, 0), 255);
  return new Float32Array(levels).map(fine);
}

/** Whether the first picture is over: brighter, or larger in the first bytes to differ, whichever was given first. */
function comesAfter([first, second], [a, b]) {
  if (first !== second) return first > second;
  for (let i = 0; i < a.length; i++) if (i % 4 !== 3 && a[i] !== b[i]) return a[i] > b[i];
  return false;
}
