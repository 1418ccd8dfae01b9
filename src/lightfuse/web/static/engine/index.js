/** LightFuse for JavaScript: hand-held exposures of one scene laid on each other and fused to one well-exposed picture. */
import { layOn } from "./align/index.js";
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
    checkPicture(result, "out");
    if (result.width !== width || result.height !== height) throw new TypeError("out differs from the pictures in size");
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

/** Lay a hand-held exposure on another; see index.d.ts. */
export function align(base, frame) {
  checkPair(base, frame, ["base", "frame"]);
  return layOn(base, frame);
}

function blank(width, height) {
  if (typeof ImageData === "function") return new ImageData(width, height);
  return { data: new Uint8ClampedArray(4 * width * height), width, height };
}

function checkModel(model) {
  if (!MODELS.includes(model)) throw new TypeError(`there is no model ${JSON.stringify(model)}; use ${MODELS.join(" or ")}`);
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
