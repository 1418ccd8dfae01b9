/** A worker that computes strips of a picture, on its own rows alone: see pool.js. */
import { Core } from "../engine/core.js";
import { movedRows } from "../engine/warp.js";

let core;

const tasks = {
  combine({ context, top, rows: [under, over] }) {
    core.setContext(context);
    core.combine(under, over, under, top);
    return under;
  },
  move({ width, height, warp, range, first, rows: [data] }) {
    return movedRows(core.calls, { data, first }, width, height, warp, ...range).slice();
  },
};

self.onmessage = ({ data: given }) => {
  const { module, task, rows } = given;
  try {
    core ??= new Core(module);
    const strip = tasks[task](given);
    self.postMessage({ strip, rows }, [...new Set([strip, ...rows].map(({ buffer }) => buffer))]);
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};
