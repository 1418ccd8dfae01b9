/** A worker that computes strips of a picture, on its own rows alone: see pool.js. */
import { Core } from "../engine/core.js";
import { movedRows } from "../engine/warp.js";

let core;

const tasks = {
  load({ module }) {
    core = new Core(module);
  },
  /** Rows of both thumbnails, from the pictures' rows that they are made of. */
  measure({ model, width, height, box, cells, top, rows }) {
    core.begin(model, width, height, box);
    core.measure(rows, ...cells, top);
    return core.thumbnailRows(...cells);
  },
  combine({ model, width, height, box, context, top, rows: [under, over] }) {
    core.begin(model, width, height, box);
    core.setContext(context);
    core.combine(under, over, under, top);
    return under;
  },
  combineFinely({ model, width, height, box, context, top, rows }) {
    core.begin(model, width, height, box);
    core.setContext(context);
    return core.combineFinely(...rows, top);
  },
  move({ width, height, warp, range, first, rows: [data] }) {
    const moved = movedRows(core.calls, { data, first }, width, height, warp, ...range);
    if (moved.length > data.length) return moved.slice();
    data.set(moved);
    return data.subarray(0, moved.length);
  },
};

self.onmessage = ({ data: { task, given } }) => {
  const { rows = [] } = given;
  try {
    const answer = tasks[task](given);
    self.postMessage({ answer, rows }, [...new Set([...rows, answer].flatMap((one) => one?.buffer ?? []))]);
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};
