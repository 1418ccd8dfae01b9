/** The worker behind the page: reads photographs, aligns, fuses, applies looks, writes files. The page only shows. */
import { Bracket } from "./bracket.js";
import { withExifInJpeg, withExifInPng } from "./embed.js";
import { exifForResult } from "./exif.js";
import { inWords } from "./exposures.js";
import { FrameError, readFrames } from "./frames.js";
import { applyLook } from "./looks.js";
import { fuseBy } from "./recipe.js";
import { Team } from "./team.js";

const JPEG_QUALITY = 0.95;

const team = Team.load().then((loaded) => {
  loaded.warmUp();
  return loaded;
});
team.catch(() => {}); // Told when it is wanted.

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
  const loaded = await team;
  const { width, height, frames, base } = bracket;
  const clock = new Clock();
  if (align) await bracket.place(tell);
  clock.lap("align");
  const recipe = chosen ?? (await bracket.recipe(align, loaded.fuseAtOnce()));
  clock.lap("choose");
  const pictures = [];
  for (const position of recipe) pictures.push(await bracket.pixels(position, align, loaded));
  clock.lap("align");
  tell("Fusing…");
  const data = await fuseBy(pictures, (under, over) => loaded.fuse([under, over], width, height));
  clock.lap("fuse");
  fused = new ImageData(data, width, height);
  exif = frames[base].exif;
  const [darkBitmap, brightBitmap] = await Promise.all(
    [pictures[0], pictures.at(-1)].map((picture) => createImageBitmap(new ImageData(picture, width, height))),
  );
  const moves = align ? recipe.map((position) => ({ name: frames[position].name, ...bracket.movement(position) })) : [];
  return { darkBitmap, brightBitmap, recipe, moves, milliseconds: clock.milliseconds };
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
