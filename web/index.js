/** LightFuse for JavaScript: aligns hand-held exposures of one scene and fuses them into one well-exposed picture. */
import { Registration } from "./lib/align.js";
import { Core, MODELS, callsOf, compileCore } from "./lib/core.js";
import { fillBorder, movedRows } from "./lib/warp.js";

export { Core, MODELS, compileCore } from "./lib/core.js";

/** The core, loaded: fuses pair after pair without waiting. */
export class Fuser {
  #module;
  #core;

  /** @param {WebAssembly.Module} module see `compileCore`; `Fuser.load` is the usual way. */
  constructor(module) {
    this.#module = module;
    this.#core = new Core(module);
  }

  /** Load the core. */
  static async load() {
    return new Fuser(await compileCore());
  }

  /** Fuse two pictures; see index.d.ts. */
  fuse(under, over, { model = "base", out = undefined } = {}) {
    checkModel(model);
    checkPair(under, over);
    const { width, height } = under;
    const result = out ?? pictureOf(new Uint8ClampedArray(4 * width * height), width, height);
    checkPair(under, result, ["under", "out"]);
    const [dark, bright] = this.#core.prepare(model, [under.data, over.data], width, height);
    this.#core.combine(dark, bright, result.data);
    return result;
  }

  /** Align a hand-held exposure to another; see index.d.ts. */
  align(base, frame) {
    checkPair(base, frame, ["base", "frame"]);
    const { width, height } = base;
    const place = new Registration(this.#module, base).next(frame.data);
    const { warp, pixels } = place;
    if (pixels === 0) return { picture: frame, moved: false, ...place };
    const calls = callsOf(this.#module);
    const data = movedRows(calls, { data: frame.data, first: 0 }, width, height, warp).slice();
    fillBorder(this.#module, data, base.data, width, height, warp);
    return { picture: pictureOf(data, width, height), moved: true, ...place };
  }
}

let shared;

/** Fuse two pictures with a core that is loaded at the first call and kept; see index.d.ts. */
export async function fuse(under, over, options) {
  return (await loaded()).fuse(under, over, options);
}

/** Align a hand-held exposure to another, with the same core; see index.d.ts. */
export async function align(base, frame) {
  return (await loaded()).align(base, frame);
}

function loaded() {
  shared ??= Fuser.load().catch((error) => {
    shared = undefined; // Loading may work the next time.
    throw error;
  });
  return shared;
}

function pictureOf(data, width, height) {
  return typeof ImageData === "function" ? new ImageData(data, width, height) : { data, width, height };
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
