/** Registration by the compiled core: where hand-held frames lie against a base. */
import { callsOf } from "./core.js";

const SMALLEST_SIDE = 48; // pixels
const TOO_SMALL = `pictures under ${SMALLEST_SIDE} pixels high or wide are not aligned`;

/** By the core's numbers; with the first and the last the frame is moved, or lies right as it is. */
const REASONS = [
  "",
  "too little can be seen in common with the other exposures",
  "no plausible camera movement aligns it to the others",
  "",
];

/**
 * Where a frame lies: its homography from pixels of the base (the identity where it stays), row by row; by how many
 * pixels the corner that moves most is moved (0: not moved); and why it stays, where a person should know.
 * @typedef {{warp: number[], pixels: number, reason: string}} Place
 */

/** The place of the base itself. */
export const UNMOVED = { warp: [1, 0, 0, 0, 1, 0, 0, 0, 1], pixels: 0, reason: "" };

/** Registers frames of one size to a base, in an instance of the core of its own: its memory goes with it. */
export class Registration {
  #calls;
  #width;
  #height;
  #stripRows;

  /**
   * @param {WebAssembly.Module} module
   * @param {{data: Uint8ClampedArray, width: number, height: number}} base RGBA
   */
  constructor(module, { data, width, height }) {
    [this.#width, this.#height] = [width, height];
    if (Math.min(width, height) < SMALLEST_SIDE) return;
    this.#calls = callsOf(module);
    this.#stripRows = this.#calls.lfa_begin(width, height);
    if (this.#stripRows === 0) throw new RangeError(`there is not enough memory to align pictures of ${width}×${height}`);
    this.#load(data);
    this.beginSide();
  }

  /** Begin with the frames on one side of the base in brightness. */
  beginSide() {
    this.#calls?.lfa_side();
  }

  /**
   * @param {Uint8ClampedArray} data RGBA of the next frame on this side, from the nearest outwards
   * @returns {Place}
   */
  next(data) {
    if (!this.#calls) return { ...UNMOVED, reason: TOO_SMALL };
    this.#load(data);
    this.#calls.lfa_register();
    const numbers = Array.from({ length: 11 }, (_, i) => this.#calls.lfa_answer(i));
    const [pixels, reason] = numbers.slice(9);
    return { warp: numbers.slice(0, 9), pixels, reason: REASONS[reason] };
  }

  #load(data) {
    const rowBytes = 4 * this.#width;
    for (let row = 0; row < this.#height; row += this.#stripRows) {
      const end = Math.min(row + this.#stripRows, this.#height);
      const rows = data.subarray(row * rowBytes, end * rowBytes);
      new Uint8Array(this.#calls.memory.buffer, this.#calls.lfa_strip(), rows.length).set(rows);
      this.#calls.lfa_load(row, end - row);
    }
  }
}
