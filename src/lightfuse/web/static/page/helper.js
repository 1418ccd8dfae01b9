/** A worker that computes strips of a picture, on its own rows alone: see pool.js. */
import { Core } from "../engine/core.js";
import { movedRows } from "../engine/warp.js";

let core;

const tasks = {
  load({ module }) {
    core = new Core(module);
  },
  /** Rows of both thumbnails, from the pictures' rows that they are made of. */
  measure({ model, width, height, cells, top, rows }) {
    core.begin(model, width, height);
    core.measure(rows, ...cells, top);
    return core.thumbnailRows(...cells);
  },
  combine({ model, width, height, context, top, rows: [under, over] }) {
    core.begin(model, width, height);
    core.setContext(context);
    core.combine(under, over, under, top);
    return under;
  },
  move({ strip, width, height, warp, rows }) {
    return movedRows(strip, width, height, warp, ...rows);
  },
};

self.onmessage = ({ data: { task, given } }) => {
  try {
    const answer = tasks[task](given);
    self.postMessage({ answer }, answer?.buffer ? [answer.buffer] : []);
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};
