/** The worker behind the page: reads photographs, fuses, applies looks, writes files. The page itself only shows. */
import { withExifInJpeg, withExifInPng } from "./embed.js";
import { exifForResult } from "./exif.js";
import { FrameError, baseExposure, bitmapOf, pixelsOf, readFrames } from "./frames.js";
import { applyLook } from "./looks.js";
import { Team } from "./team.js";

const JPEG_QUALITY = 0.95;

const team = Team.load().then((loaded) => {
  loaded.warmUp();
  return loaded;
});
team.catch(() => {}); // Told when it is wanted.

let frames = [];
let base;
/** The fused picture without a look, and with it: RGBA. */
let fused;
let finished;

const tasks = { open, fuse, look, save };

self.onmessage = async ({ data: { id, task, given } }) => {
  try {
    const answer = await tasks[task](given);
    self.postMessage({ id, answer }, transferables(answer));
  } catch (error) {
    self.postMessage({ id, error: sentenceOf(error) });
  }
};

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
  const opened = await readFrames(files);
  for (const frame of frames) frame.bitmap?.close();
  frames = opened;
  base = baseExposure(frames);
  return {
    frames: frames.map(({ name, width, height, exposure, brightness, preview }) => ({
      name,
      width,
      height,
      exposure,
      brightness,
      preview,
    })),
  };
}

/** Fuse two frames; answers with them as they are, for comparing, and with how long fusing took. */
async function fuse({ dark, bright }) {
  const pair = [frames[dark], frames[bright]];
  const [loaded, ...pictures] = await Promise.all([team, ...pair.map(pixelsOf)]);
  const { width, height } = pair[0];
  const start = performance.now();
  fused = await loaded.fuse(pictures, width, height);
  const milliseconds = performance.now() - start;
  const [darkBitmap, brightBitmap] = await Promise.all(pair.map(async (frame) => createImageBitmap(await bitmapOf(frame))));
  return { darkBitmap, brightBitmap, milliseconds };
}

async function look({ name, strength }) {
  finished = name === "natural" || strength === 0 ? fused : fused.slice();
  if (finished !== fused) applyLook(finished, name, strength);
  return { picture: await createImageBitmap(asImageData()) };
}

async function save({ type }) {
  const image = asImageData();
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
  const blob = await canvas.convertToBlob({ type, quality: JPEG_QUALITY });
  const source = frames[base].exif;
  const exif = source && exifForResult(source, image.width, image.height);
  if (!exif) return { blob };
  const file = new Uint8Array(await blob.arrayBuffer());
  return { blob: new Blob(type === "image/png" ? withExifInPng(file, exif) : withExifInJpeg(file, exif), { type }) };
}

function asImageData() {
  return new ImageData(finished, frames[0].width, frames[0].height);
}
