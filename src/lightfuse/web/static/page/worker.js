/** The worker behind the page: reads photographs, aligns, fuses, applies looks, writes files. The page only shows. */
import { greenOf } from "../engine/align/contrast.js";
import { IDENTITY, cornerDistance, inverse, times } from "../engine/align/geometry.js";
import { AT_HOME, Chain, SMALLEST_SIDE } from "../engine/align/register.js";
import { fillBorder, movedRows } from "../engine/align/warp.js";
import { exifForResult, withExifInJpeg, withExifInPng } from "./exif.js";
import { FrameError, baseExposure, inWords, pixelsOf, readFrames, reducedTo } from "./frames.js";
import { WorkerPool } from "./pool.js";
import { THUMBNAIL_PIXELS, selectExposures, fuseSelection } from "./selection.js";

const JPEG_QUALITY = 0.95;

const pool = WorkerPool.load().then((loaded) => {
  loaded.warmUp();
  return loaded;
});
pool.catch(() => {}); // Told when it is wanted.

let bracket;
/** The fused picture without a look, and with it; and the EXIF block that goes with it. */
let fused;
let finished;
let exif;

const tasks = { open, fuse, look, save };
let queue = Promise.resolve();

self.onmessage = ({ data }) => {
  queue = queue.then(() => perform(data)); // One after the other: they share what is open.
};

async function perform({ id, task, given }) {
  try {
    const answer = await tasks[task](given, (progress) => self.postMessage({ id, progress }));
    self.postMessage({ id, answer }, transferables(answer));
  } catch (error) {
    self.postMessage({ id, error: sentenceOf(error) });
  }
}

function sentenceOf(error) {
  if (error instanceof FrameError) return error.message;
  if (error instanceof RangeError) return "There is not enough memory for these pictures: try smaller ones.";
  return `Something went wrong: ${error.message}`;
}

function transferables(answer) {
  const values = [answer, ...Object.values(answer), ...(answer.frames ?? []).map((frame) => frame.preview)];
  return values.filter((value) => value instanceof ImageBitmap);
}

async function open({ files }) {
  bracket = new Bracket(await readFrames(files));
  return {
    frames: bracket.frames.map(({ name, width, height, shot, brightness, preview }) => ({
      name,
      width,
      height,
      exposure: inWords(shot),
      brightness,
      preview,
    })),
  };
}

/**
 * Fuse the frames at `chosen` positions, or, without it, those that hold most of the scene. Answers with the darkest
 * and the brightest of them as they were fused, for comparing; what was done; and how long each part of it took.
 */
async function fuse({ chosen, align }, tell) {
  const loaded = await pool;
  const { width, height, frames, base } = bracket;
  const clock = new Clock();
  if (align) await bracket.place(tell);
  clock.lap("align");
  const selection = chosen ?? (await bracket.selection(align, loaded.fuseAtOnce()));
  clock.lap("choose");
  const pictures = [];
  for (const position of selection) pictures.push(await bracket.pixels(position, align, loaded));
  clock.lap("align");
  tell("Fusing…");
  const data = await fuseSelection(pictures, (under, over) => loaded.fuse([under, over], width, height));
  clock.lap("fuse");
  fused = new ImageData(data, width, height);
  exif = frames[base].exif;
  const [darkBitmap, brightBitmap] = await Promise.all(
    [pictures[0], pictures.at(-1)].map((picture) => createImageBitmap(new ImageData(picture, width, height))),
  );
  const movement = (position) => ({ name: frames[position].name, ...bracket.movement(position) });
  const moves = align ? selection.map(movement) : [];
  return { darkBitmap, brightBitmap, selection, moves, milliseconds: clock.milliseconds };
}

async function look({ name, strength }) {
  finished = fused;
  if (name !== "natural" && strength > 0) {
    finished = new ImageData(fused.data.slice(), fused.width, fused.height);
    applyLook(finished.data, name, strength);
  }
  return { picture: await createImageBitmap(finished) };
}

async function save({ type }) {
  const { width, height } = finished;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d", { alpha: false }).putImageData(finished, 0, 0);
  const blob = await canvas.convertToBlob({ type, quality: JPEG_QUALITY });
  const made = exif && exifForResult(exif, width, height);
  if (!made) return { blob };
  const file = new Uint8Array(await blob.arrayBuffer());
  return { blob: new Blob(type === "image/png" ? withExifInPng(file, made) : withExifInJpeg(file, made), { type }) };
}

class Clock {
  milliseconds = {};
  #last = performance.now();

  /** Count the time since the last lap as `name`'s. */
  lap(name) {
    const now = performance.now();
    this.milliseconds[name] = (this.milliseconds[name] ?? 0) + now - this.#last;
    this.#last = now;
  }
}

/* ---- The bracket that is open: its frames, where each lies against the base, and which of them are worth fusing -- */

const TOO_SMALL = `pictures under ${SMALLEST_SIDE} pixels high or wide are not aligned`;

export class Bracket {
  #places;
  #small = [];
  #selections = new Map();

  /** @param {object[]} frames two or more of one size, dark to bright */
  constructor(frames) {
    this.frames = frames;
    this.base = baseExposure(frames);
    ({ width: this.width, height: this.height } = frames[0]);
  }

  /** Find where every frame lies, once; `tell` hears how far that is. */
  async place(tell) {
    this.#places ??= await this.#found(tell);
  }

  /** How far a frame is moved in pixels (0: not at all), and why it stays where that is worth saying. */
  movement(position) {
    const { warp, decision } = this.#places[position];
    return { pixels: cornerDistance(warp, IDENTITY, this.width, this.height), reason: decision.reason };
  }

  /** A frame's pixels (RGBA, not to be written to): as it was taken, or aligned to the base by a pool. */
  async pixels(position, aligned, pool) {
    const pixels = await pixelsOf(this.frames[position]);
    if (!aligned || !this.#places[position].decision.moved) return pixels;
    const { warp } = this.#places[position];
    const shown = await pool.move(pixels, this.width, this.height, warp);
    fillBorder(shown, await pixelsOf(this.frames[this.base]), this.width, this.height, warp);
    return shown;
  }

  /** The positions that fused hold most of the scene; found once for aligned frames, and once for others. */
  async selection(aligned, fuse) {
    if (this.frames.length === 2) return [0, 1];
    if (!this.#selections.has(aligned)) {
      const thumbnails = [];
      for (const position of this.frames.keys()) thumbnails.push(await this.#thumbnail(position, aligned));
      this.#selections.set(aligned, await selectExposures(thumbnails, fuse));
    }
    return this.#selections.get(aligned);
  }

  async #found(tell) {
    const { width, height, base, frames } = this;
    const places = frames.map(() => AT_HOME);
    if (Math.min(width, height) < SMALLEST_SIDE) {
      return places.map((place) => ({ ...place, decision: { ...place.decision, reason: TOO_SMALL } }));
    }
    const green = async (position) => greenOf({ data: await pixelsOf(frames[position]), width, height });
    const greenOfBase = await green(base);
    const positions = [...frames.keys()];
    let done = 1;
    for (const side of [positions.slice(base + 1), positions.slice(0, base).reverse()]) {
      const chain = new Chain(greenOfBase);
      for (const position of side) {
        tell(frames.length === 2 ? "Aligning…" : `Aligning ${++done} of ${frames.length}…`);
        places[position] = chain.next(await green(position));
      }
    }
    return places;
  }

  /** Warped at twice its size, so that interpolation does not soften it. */
  async #thumbnail(position, aligned) {
    const { width, height } = this;
    const scale = Math.min(1, Math.sqrt(THUMBNAIL_PIXELS / (width * height)));
    const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
    const twice = [Math.min(width, 2 * size[0]), Math.min(height, 2 * size[1])];
    const frame = this.frames[position];
    this.#small[position] ??= reducedTo({ data: await pixelsOf(frame), width, height }, ...twice);
    let { data } = this.#small[position];
    if (aligned && this.#places[position].decision.moved) {
      const warp = shrunk(this.#places[position].warp, width / twice[0], height / twice[1]);
      data = movedRows({ data, first: 0 }, ...twice, warp);
    }
    return reducedTo({ data, width: twice[0], height: twice[1] }, ...size);
  }
}

/** A homography in the pixels of a smaller picture. */
function shrunk(warp, across, down) {
  const toFull = [across, 0, (across - 1) / 2, 0, down, (down - 1) / 2, 0, 0, 1];
  return times(inverse(toFull), times(warp, toFull));
}

/* ---- Looks: the same small changes, by the same formulas, as lightfuse.looks (docs/looks.md) --------------------- */

export const LOOKS = ["natural", "bright", "vivid"];

const LIFT = 0.42;
const VIVIDNESS = 0.7;
const NEARLY_GREY = 0.05;
/** Hues in degrees that are held back: centre, half-width, and what is left of the effect there. */
const HELD_BACK = [
  [22, 26, 0.3],
  [208, 26, 0.8],
  [248, 32, 0.5],
];
const HUE_STEPS = 4; // per degree
const SATURATION_STEPS = 256;

/**
 * Apply a look in place.
 * @param {Uint8ClampedArray} rgba
 * @param {"natural" | "bright" | "vivid"} look
 * @param {number} strength 0 (nothing) to 1 (all of it)
 */
export function applyLook(rgba, look, strength) {
  if (look === "bright" && strength > 0) brighten(rgba, LIFT * strength);
  if (look === "vivid" && strength > 0) enrich(rgba, VIVIDNESS * strength);
}

/** Every pixel times f(v) / v of its largest value v, with f(v) = v + lift·v·v^¼·(1 − v). */
function brighten(rgba, lift) {
  const gains = Float32Array.from({ length: 256 }, (_, i) => 1 + lift * (i / 255) ** 0.25 * (1 - i / 255));
  for (let i = 0; i < rgba.length; i += 4) {
    const gain = gains[Math.max(rgba[i], rgba[i + 1], rgba[i + 2])];
    rgba[i] *= gain;
    rgba[i + 1] *= gain;
    rgba[i + 2] *= gain;
  }
}

/** Every value of a pixel moved away from its largest, v, to v − q·(v − value). */
function enrich(rgba, vividness) {
  const spreads = spreadTable(vividness);
  for (let i = 0; i < rgba.length; i += 4) {
    const red = rgba[i];
    const green = rgba[i + 1];
    const blue = rgba[i + 2];
    const largest = Math.max(red, green, blue);
    const range = largest - Math.min(red, green, blue);
    if (range === 0) continue;
    let hue = 4 + (red - green) / range;
    if (largest === green) hue = 2 + (blue - red) / range;
    if (largest === red) hue = ((green - blue) / range + 6) % 6;
    const column = Math.min((hue * 60 * HUE_STEPS) | 0, 360 * HUE_STEPS - 1);
    const row = ((range * (SATURATION_STEPS - 1)) / largest + 0.5) | 0;
    const spread = spreads[row * 360 * HUE_STEPS + column];
    rgba[i] = largest - spread * (largest - red);
    rgba[i + 1] = largest - spread * (largest - green);
    rgba[i + 2] = largest - spread * (largest - blue);
  }
}

/** q of every saturation (rows) and hue (columns). */
function spreadTable(vividness) {
  const table = new Float32Array(SATURATION_STEPS * 360 * HUE_STEPS);
  const held = Float32Array.from({ length: 360 * HUE_STEPS }, (_, i) => vividness * holding((i + 0.5) / HUE_STEPS));
  for (let s = 0, at = 0; s < SATURATION_STEPS; s++) {
    const saturation = s / (SATURATION_STEPS - 1);
    const most = ((1 - saturation) * saturation) / (saturation + NEARLY_GREY);
    for (const hold of held) table[at++] = 1 + hold * most;
  }
  return table;
}

/** How much of the effect is left for a hue, smooth all around. */
function holding(hue) {
  let left = 1;
  for (const [centre, width, least] of HELD_BACK) {
    const away = Math.abs(((((hue - centre + 180) % 360) + 360) % 360) - 180) / width;
    if (away < 1) left -= (1 - least) * Math.cos((Math.PI / 2) * away) ** 2;
  }
  return left;
}
