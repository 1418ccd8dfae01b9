/** A worker that computes strips of a picture, on its own rows alone: see pool.js. */
import { Core } from "../engine/core.js";
import { movedRows } from "../engine/warp.js";
import { serve } from "./messages.js";

let core;

serve({
  combine({ module, context, top, low, rows }) {
    const [under, over] = rows;
    core ??= new Core(module);
    core.setContext(context);
    core.combine(under, over, under, top, low);
    return { strip: under, rows };
  },
  move({ module, width, height, warp, range, first, rows }) {
    core ??= new Core(module);
    return { strip: movedRows(core.calls, { data: rows[0], first }, width, height, warp, ...range).slice(), rows };
  },
});
