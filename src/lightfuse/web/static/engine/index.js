/** LightFuse for JavaScript: aligns hand-held exposures of one scene and fuses them into one well-exposed picture. */
import { greenOf } from "./align/contrast.js";
import { IDENTITY, cornerDistance } from "./align/geometry.js";
import { AT_HOME, Chain, SMALLEST_SIDE } from "./align/register.js";
import { fillBorder, movedRows } from "./align/warp.js";
import { Core, MODELS, compileCore } from "./core.js";

export { Core, MODELS, compileCore, hasSimd } from "./core.js";

/** The core, loaded: fuses pair after pair without waiting. */
export class Fuser {
  #core;

  /** @param {WebAssembly.Module} module see `compileCore`; `Fuser.load` is the usual way. */
  constructor(module) {
    this.#core = new Core(module);
  }

  /** Load the core. */
  static async load(options) {
    return new Fuser(await compileCore(options));
  }

  /** Fuse two pictures; see index.d.ts. */
  fuse(under, over, { model = "base", out = undefined } = {}) {
    checkModel(model);
    checkPair(under, over);
    const { width, height } = under;
    const result = out ?? blank(width, height);
    checkPair(under, result, ["under", "out"]);
    const core = this.#core;
    core.begin(model, width, height);
    core.measure([under.data, over.data], 0, core.cellRows);
    const swapped = core.filter([under.data, over.data]);
    core.combine(swapped ? over.data : under.data, swapped ? under.data : over.data, result.data);
    return result;
  }
}

let shared;

/** Fuse two pictures with a core that is loaded at the first call and kept; see index.d.ts. */
export async function fuse(under, over, options) {
  shared ??= Fuser.load();
  try {
    return (await shared).fuse(under, over, options);
  } catch (error) {
    if (!(await shared.catch(() => null))) shared = undefined; // Loading may work the next time.
    throw error;
  }
}

/** Align a hand-held exposure to another; see index.d.ts. */
export function align(base, frame) {
  checkPair(base, frame, ["base", "frame"]);
  const { width, height } = base;
  const tooSmall = Math.min(width, height) < SMALLEST_SIDE;
  const { warp, decision } = tooSmall ? AT_HOME : new Chain(greenOf(base)).next(greenOf(frame));
  const { moved, before, after, reason } = decision;
  const report = { warp: Array.from(warp), moved, before, after, reason };
  if (!moved) return { picture: frame, pixels: 0, ...report };
  const data = movedRows({ data: frame.data, first: 0 }, width, height, warp);
  fillBorder(data, base.data, width, height, warp);
  const picture = typeof ImageData === "function" ? new ImageData(data, width, height) : { data, width, height };
  return { picture, pixels: cornerDistance(warp, IDENTITY, width, height), ...report };
}

function blank(width, height) {
  if (typeof ImageData === "function") return new ImageData(width, height);
  return { data: new Uint8ClampedArray(4 * width * height), width, height };
}

function checkModel(model) {
  if (MODELS.includes(model)) return;
  throw new TypeError(`there is no model ${JSON.stringify(model)}; use ${MODELS.join(" or ")}`);
}

function checkPair(under, over, names = ["under", "over"]) {
  checkPicture(under, names[0]);
  checkPicture(over, names[1]);
  if (under.width !== over.width || under.height !== over.height) {
    throw new TypeError(
      `the two pictures differ in size: ${under.width}×${under.height} and ${over.width}×${over.height}`,
    );
  }
}

function checkPicture(picture, name) {
  const { data, width, height } = picture ?? {};
  const isBytes = data instanceof Uint8ClampedArray || data instanceof Uint8Array;
  const isSize = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!isBytes || !isSize || data.length !== 4 * width * height) {
    throw new TypeError(`${name} must be a picture like ImageData: RGBA bytes in data, with width and height`);
  }
}
