/** Photographs read from files: their pixels, how bright they are, and what is wrong with those that cannot be used. */
import { findExif, shotOf } from "./exif.js";

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

/* ---- How photographs were exposed, in words; their order; and the one that the others follow --------------------- */

const MIDDLE = 0.5;
const SAME_STOPS = 0.05; // EXIF rounds shutter times: 1/125 s and 1/128 s are one exposure.
const DARKER = 2 / 255; // By so much an exposure said to be brighter may be darker before EXIF is not believed.
const CLEARLY_DIFFERENT = 5 / 255; // So far apart two exposures cannot have been one.

/** Such as "1/250 s · f/8 · ISO 100", or "" where EXIF does not say. */
export function inWords({ time, aperture, iso }) {
  const parts = [time && `${shutter(time)} s`, aperture && `f/${+aperture.toFixed(1)}`, iso && `ISO ${iso}`];
  return parts.filter(Boolean).join(" · ");
}

/**
 * Positions of frames from dark to bright: by what EXIF says, unless their brightness contradicts it, else by that.
 * @param {{brightness: number, shot: object}[]} frames
 * @returns {number[]}
 */
export function darkToBright(frames) {
  const positions = frames.map((_, i) => i);
  const brightness = (i) => frames[i].brightness;
  const byBrightness = [...positions].sort((a, b) => brightness(a) - brightness(b));
  const light = relativeExposure(frames.map((frame) => frame.shot));
  if (!light) return byBrightness;
  const byExif = [...positions].sort((a, b) => light[a] - light[b] || brightness(a) - brightness(b));
  const contradicted = byExif.slice(1).some((brighter, i) => {
    const darker = byExif[i];
    const rise = brightness(brighter) - brightness(darker);
    return rise < -DARKER || (light[brighter] - light[darker] < SAME_STOPS && rise > CLEARLY_DIFFERENT);
  });
  return contradicted ? byBrightness : byExif;
}

/** Position of the exposure whose brightness is nearest the middle: its metadata stands for the picture. */
export function baseExposure(frames) {
  const off = frames.map((frame) => Math.abs(frame.brightness - MIDDLE));
  return off.indexOf(Math.min(...off));
}

/** The light each exposure took in, log2(time · ISO / N²); undefined where EXIF does not say it of all. */
function relativeExposure(shots) {
  const isos = givenByAllOrNone(shots.map(({ iso }) => iso));
  const apertures = givenByAllOrNone(shots.map(({ aperture }) => aperture));
  if (!isos || !apertures || !shots.every(({ time }) => time)) return undefined;
  return shots.map(({ time }, i) => Math.log2((time * isos[i]) / apertures[i] ** 2));
}

/** What no shot gives (a lens without contacts, a phone) was one and the same. */
function givenByAllOrNone(values) {
  if (!values.some(Boolean)) return values.map(() => 1);
  return values.every(Boolean) ? values : undefined;
}

function shutter(seconds) {
  return seconds < 0.4 ? `1/${Math.round(1 / seconds)}` : `${+seconds.toFixed(1)}`;
}

/* ---- Small pictures, by area: every pixel counts, as much of it as lies in the cell ------------------------------ */

/**
 * @param {{data: Uint8ClampedArray, width: number, height: number}} picture RGBA
 * @returns {ImageData} of the size given, which is no larger, opaque
 */
export function reducedTo({ data, width, height }, columns, rows) {
  if (columns === width && rows === height) return new ImageData(data, width, height);
  const sums = new Float32Array(3 * columns * rows);
  const across = spans(width, columns);
  const down = spans(height, rows);
  const line = new Float32Array(3 * columns);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (let x = 0, at = 4 * y * width; x < width; x++, at += 4) {
      const to = 3 * across.cell[x];
      const first = across.first[x];
      for (let c = 0; c < 3; c++) line[to + c] += first * data[at + c];
      if (first < 1 && to + 3 < line.length) for (let c = 0; c < 3; c++) line[to + 3 + c] += (1 - first) * data[at + c];
    }
    const to = line.length * down.cell[y];
    const first = down.first[y];
    for (let i = 0; i < line.length; i++) sums[to + i] += first * line[i];
    if (first < 1 && to + line.length < sums.length) {
      for (let i = 0; i < line.length; i++) sums[to + line.length + i] += (1 - first) * line[i];
    }
  }
  return averaged(sums, (columns * rows) / (width * height), columns, rows);
}

/** For each pixel of a side, the first cell it lies in, and which part of it lies there. */
function spans(size, cells) {
  const cell = new Int32Array(size);
  const first = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    cell[i] = Math.floor((i * cells) / size);
    first[i] = Math.min(1, ((cell[i] + 1) * size) / cells - i);
  }
  return { cell, first };
}

function averaged(sums, share, width, height) {
  const result = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) result.data[4 * i + c] = sums[3 * i + c] * share;
    result.data[4 * i + 3] = 255;
  }
  return result;
}
