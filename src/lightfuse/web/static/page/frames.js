/** Photographs read from files: their pixels, how bright they are, and what is wrong with those that cannot be used. */
import { findExif, shotOf } from "./exif.js";

const SMALL_PIXELS = 384 * 256; // of previews, by whose tones exposures are selected
const MOST_KEPT = 64_000_000; // pixels of all frames; those of more are read again when they are wanted
const STRIP_PIXELS = 1_000_000;

/** What a person can act on: its text is shown as it is. */
export class FrameError extends Error {}

/** What a file tells without its pixels. */
export async function headerOf(file) {
  // A folder, or a file that is gone, has no bytes: what is wrong is told where it is to be decoded.
  const exif = findExif(new Uint8Array(await file.arrayBuffer().catch(() => new ArrayBuffer(0))));
  return { file, name: file.name, exif, shot: shotOf(exif) };
}

/**
 * Read exposures of one scene, darkest first.
 * @param {object[]} headers see `headerOf`
 * @returns {Promise<object[]>}
 */
export async function readFrames(headers) {
  const frames = [];
  for (const header of headers) {
    const frame = await readFrame(header, headers.length);
    frames.push(frame);
    const { name, width, height } = frames[0];
    if (frame.width === width && frame.height === height) continue;
    const sizes = `${name} is ${width} × ${height} pixels and ${frame.name} ${frame.width} × ${frame.height}`;
    throw new FrameError(`${sizes}: choose exposures of one size.`);
  }
  return frames.sort((a, b) => a.brightness - b.brightness);
}

async function readFrame(header, count) {
  const bitmap = await decode(header.file);
  const { width, height } = bitmap;
  const small = reduced(bitmap);
  const brightness = meanOf(small.data);
  const pixels = count * width * height <= MOST_KEPT ? rgbaOf(bitmap, header.name) : undefined;
  bitmap.close();
  return { ...header, width, height, brightness, pixels, small, preview: await createImageBitmap(small) };
}

/**
 * A picture reduced to `SMALL_PIXELS`, if it has more.
 * @param {ImageBitmap} picture
 * @returns {ImageData}
 */
function reduced(picture) {
  const scale = Math.min(1, Math.sqrt(SMALL_PIXELS / (picture.width * picture.height)));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = contextOf(new OffscreenCanvas(width, height));
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

async function decode(file) {
  try {
    return await createImageBitmap(file); // Upright by EXIF, and converted to sRGB.
  } catch {
    throw new FrameError(`${file.name} is not a picture that this browser can read: use JPEG, PNG, WebP or AVIF.`);
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

/** Read by strips: phones have no canvas for the whole of a large photograph. */
function rgbaOf(bitmap, name) {
  const { width, height } = bitmap;
  const data = new Uint8ClampedArray(4 * width * height);
  const all = strips(width, height);
  const context = contextOf(new OffscreenCanvas(width, all[0][1]));
  if (!context) throw new FrameError(`${name} is too large for this browser: try smaller pictures.`);
  for (const [top, end] of all) {
    context.drawImage(bitmap, 0, -top);
    data.set(context.getImageData(0, 0, width, end - top).data, 4 * width * top);
  }
  return data;
}

function contextOf(canvas) {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  return context && Object.assign(context, { imageSmoothingQuality: "high", globalCompositeOperation: "copy" });
}

/** A picture's rows in strips of about a megapixel, [first, end); all but the last have a multiple of `step` rows. */
export function strips(width, height, step = 1) {
  const rows = step * Math.max(1, Math.floor(STRIP_PIXELS / width / step));
  const count = Math.ceil(height / rows);
  return Array.from({ length: count }, (_, i) => [i * rows, Math.min((i + 1) * rows, height)]);
}

function meanOf(data) {
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2];
  return sum / (data.length * 0.75 * 255);
}

/* ---- How photographs were exposed, in words, and the one that the others follow ----------------------------------- */

const MIDDLE_GREY = 0.5;

/** Such as "1/250 s · f/8 · ISO 100", or "" where EXIF does not say. */
export function inWords({ time, aperture, iso }) {
  const parts = [time && `${shutter(time)} s`, aperture && `f/${+aperture.toFixed(1)}`, iso && `ISO ${iso}`];
  return parts.filter(Boolean).join(" · ");
}

/** Position of the exposure whose brightness is nearest the middle: its metadata stands for the picture. */
export function baseExposure(frames) {
  const off = frames.map((frame) => Math.abs(frame.brightness - MIDDLE_GREY));
  return off.indexOf(Math.min(...off));
}

/** log2(t · ISO / N²) of a shot in EV, larger for brighter; undefined without a shutter time. */
export function relativeExposure({ time, iso, aperture }) {
  return time ? Math.log2((time * (iso || 100)) / (aperture || 1) ** 2) : undefined;
}

function shutter(seconds) {
  return seconds < 0.4 ? `1/${Math.round(1 / seconds)}` : `${+seconds.toFixed(1)}`;
}
