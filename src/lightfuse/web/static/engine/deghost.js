/** Deghosting by the compiled core: frames in which something moved are made to show one moment. */
import { compiled } from "./core.js";

/** By the core's numbers: why nothing was changed, where that is worth saying. */
const REASONS = [
  "",
  "The exposures share too few tones to look for ghosts.",
  "The exposures differ too widely to look for ghosts.",
];
/** The core's numbers of frames as the source; EITHER: the better one. */
const [UNDER, OVER, EITHER] = [0, 1, 2];

let module;

/**
 * Make aligned frames show one moment: of two, one is predicted from the other where something moved; of three, the
 * outer ones are predicted from the middle one.
 * @param {Uint8ClampedArray[]} given RGBA, dark to bright; not written to
 * @returns the `frames`, those that were changed copied; the largest `share` of the picture that was changed; and why
 *   nothing was, where that is worth saying (`reason`)
 */
export async function deghosted(given, width, height) {
  module ??= await compiled(new URL("./lightfuse-deghost.wasm", import.meta.url));
  // An instance of its own: its memory, which grows with the frames, goes with it.
  const { exports: calls } = new WebAssembly.Instance(module);
  if (!calls.lfg_begin(width, height)) {
    return { frames: given, share: 0, reason: "There is not enough memory to look for ghosts." };
  }
  const frames = [...given];
  const [middle, last] = [frames.length >> 1, frames.length - 1];
  const ups = frames.map((_, i) => i).slice(middle, last);
  const downs = [...frames.keys()].slice(0, middle).reverse();
  let [share, reason] = [0, ""];
  for (const dark of [...ups, ...downs]) {
    const base = frames.length === 2 ? EITHER : dark >= middle ? UNDER : OVER;
    const pair = deghostedPair(calls, frames.slice(dark, dark + 2), base);
    [frames[dark], frames[dark + 1]] = pair.frames;
    share = Math.max(share, pair.share);
    reason ||= pair.reason;
  }
  return { frames, share, reason };
}

function deghostedPair(calls, given, base) {
  const memory = (which) => new Uint8ClampedArray(calls.memory.buffer, calls.lfg_frame(which), given[which].length);
  given.forEach((frame, which) => memory(which).set(frame));
  const reason = REASONS[calls.lfg_search(base)];
  if (reason) return { frames: given, share: 0, reason };
  const frames = given.map((frame, which) => {
    if (!calls.lfg_changed(which)) return frame;
    calls.lfg_replace(which);
    const changed = memory(which).slice();
    memory(which).set(frame); // the source of the other one, which may change too
    return changed;
  });
  return { frames, share: calls.lfg_share(), reason };
}
