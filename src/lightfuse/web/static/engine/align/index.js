/** Aligning hand-held exposures: a frame laid on the base, moved only if that makes it agree better. */
import { fillBorder } from "./border.js";
import { AT_HOME, Chain } from "./chain.js";
import { IDENTITY, cornerDistance } from "./homography.js";
import { greenOf } from "./tones.js";
import { movedRows } from "./warp.js";

/** Pictures with a shorter side are not aligned, in pixels. */
export const SMALLEST_SIDE = 48;

/** Lay `frame` on `base`, two pictures of one size; see index.d.ts. */
export function layOn(base, frame) {
  const { width, height } = base;
  const tooSmall = Math.min(width, height) < SMALLEST_SIDE;
  const { warp, verdict } = tooSmall ? AT_HOME : new Chain(greenOf(base)).next(greenOf(frame));
  const { moved, before, after, reason } = verdict;
  const told = { warp: Array.from(warp), moved, before, after, reason };
  if (!moved) return { picture: frame, pixels: 0, ...told };
  const data = movedRows({ data: frame.data, first: 0 }, width, height, warp);
  fillBorder(data, base.data, width, height, warp);
  const picture = typeof ImageData === "function" ? new ImageData(data, width, height) : { data, width, height };
  return { picture, pixels: cornerDistance(warp, IDENTITY, width, height), ...told };
}
