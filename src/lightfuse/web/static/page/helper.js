/** A worker that fuses some rows of a pair, or moves some rows of a frame: see pool.js. */
import { movedRows } from "../engine/align/warp.js";
import { Core } from "../engine/core.js";

let core;
let top;
let pictures;

self.onmessage = ({ data }) => {
  if (data.module) {
    core = new Core(data.module);
    return;
  }
  try {
    if (data.measure) answer(measure(data.measure));
    if (data.combine) answer(combine(data.combine));
    if (data.move) answer(move(data.move));
  } catch (error) {
    self.postMessage({ error: error.message });
  }
};

function answer(value) {
  self.postMessage({ answer: value }, value instanceof Uint8ClampedArray ? [value.buffer] : []);
}

function measure({ model, width, height, cells, top: first, rows }) {
  top = first;
  pictures = rows;
  core.begin(model, width, height);
  core.measure(pictures, cells[0], cells[1], top);
  return core.thumbnailRows(cells[0], cells[1]);
}

function combine({ context, swapped, rows: [first, end] }) {
  core.setContext(context);
  const rowBytes = 4 * core.width;
  const [under, over] = (swapped ? pictures.reverse() : pictures).map((picture) =>
    picture.subarray((first - top) * rowBytes, (end - top) * rowBytes),
  );
  const fused = new Uint8ClampedArray(under.length);
  core.combine(under, over, fused, first);
  pictures = undefined;
  return fused;
}

function move({ strip, width, height, warp, rows: [top, bottom] }) {
  return movedRows(strip, width, height, warp, top, bottom);
}
