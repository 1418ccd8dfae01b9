/** Photographs read from files: their pixels, how bright they are, and what is wrong with those that cannot be used. */
import { findExif, shotOf } from "./exif.js";
import { darkToBright } from "./exposures.js";

const PREVIEW_SIDE = 240;
/** The pixels of so many frames are kept; more are read again when they are wanted, to save memory. */
const MOST_KEPT = 3;

/** What a person can act on: its text is shown as it is. */
export class FrameError extends Error {}

/**
 * Read files, darkest first.
 * @param {File[]} files
 * @returns {Promise<Frame[]>}
 */
export async function readFrames(files) {
  if (files.length < 2) {
    throw new FrameError("One photograph is not enough: choose a dark and a bright one of the same scene together.");
  }
  const frames = await Promise.all(files.map((file) => readFrame(file, files.length <= MOST_KEPT)));
  const [first, ...others] = frames;
  const odd = others.find((frame) => frame.width !== first.width || frame.height !== first.height);
  if (odd) {
    throw new FrameError(
      `${first.name} is ${first.width} × ${first.height} pixels and ${odd.name} ${odd.width} × ${odd.height}: ` +
        "choose exposures of one size.",
    );
  }
  return darkToBright(frames).map((position) => frames[position]);
}

async function readFrame(file, keep) {
  const bitmap = await decode(file);
  const { width, height } = bitmap;
  const scale = Math.min(1, PREVIEW_SIDE / Math.max(width, height));
  const canvas = drawn(bitmap, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const exif = findExif(new Uint8Array(await file.arrayBuffer()));
  const frame = { file, name: file.name, width, height, exif, shot: shotOf(exif), brightness: meanOf(data) };
  if (keep) frame.pixels = rgbaOf(bitmap, file.name);
  bitmap.close();
  frame.preview = await createImageBitmap(canvas);
  return frame;
}

async function decode(file) {
  try {
    return await createImageBitmap(file); // Upright by EXIF, and converted to sRGB.
  } catch {
    throw new FrameError(`${file.name} is no picture that this browser can read: use JPEG, PNG, WebP or AVIF.`);
  }
}

/** A frame's pixels, RGBA: not to be written to. */
export async function pixelsOf({ pixels, file }) {
  if (pixels) return pixels;
  const bitmap = await decode(file);
  const read = rgbaOf(bitmap, file.name);
  bitmap.close();
  return read;
}

function rgbaOf(bitmap, name) {
  const { width, height } = bitmap;
  const data = drawn(bitmap, width, height)?.getContext("2d")?.getImageData(0, 0, width, height).data;
  if (!data) throw new FrameError(`${name} is too large for this browser: try smaller pictures.`);
  return data;
}

function drawn(bitmap, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

function meanOf(data) {
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
  return sum / (data.length * 0.75 * 255);
}
