/** The worker behind the page: groups and reads photographs, fuses them, writes files. The page only shows. */
import { Bracket } from "./bracket.js";
import { exifForResult } from "./exif.js";
import { FrameError, headerOf, inWords, readFrames } from "./frames.js";
import { gainMap, reducedLuminance } from "./gain-map.js";
import { grouped } from "./grouping.js";
import { lookOf } from "./looks.js";
import { serve } from "./messages.js";
import { drawn, haveRoom, jpegOf, pngOf, ultraHdrOf, zipOf } from "./output.js";
import { WorkerPool } from "./pool.js";

const pool = WorkerPool.load();
pool.catch(() => {}); // Told when it is wanted.

/** The brackets that were opened together, each as its photographs' headers, and the one of them that is shown. */
let brackets;
let bracket;
/** The fused picture without a look, its name, and how it was made, with its light once a gain map was asked for. */
let made;

/** The formats of files: how their names end. */
const SUFFIXES = { jpeg: ".jpg", png: ".png", png16: ".png", hdr: ".jpg" };

serve({ open, show, fuse, look, save, saveAll }, sentenceOf);

function sentenceOf(error) {
  if (error instanceof FrameError) return error.message;
  if (error instanceof RangeError) return "There is not enough memory for these pictures: try smaller ones.";
  return `Something went wrong: ${error.message}`;
}

/** Group files into brackets and show the first that can be read; answers with the `problem` of the one before, too. */
async function open({ files }) {
  const headers = [];
  for (const file of files) headers.push(await headerOf(file));
  if (files.length === 1) {
    await readFrames(headers);
    return { isAlone: true };
  }
  const found = grouped(headers);
  if (!found.brackets) {
    throw new FrameError(`${files.length} photographs without EXIF to tell brackets by: open one bracket at a time.`);
  }
  const names = found.brackets.map((one) => `${one[0].name} (${one.length} exposures)`);
  const leftOut = found.leftOut.map(({ name }) => name);
  let failure;
  for (const [number, one] of found.brackets.entries()) {
    try {
      const shown = await show({ number, headers: one });
      brackets = found.brackets;
      return { ...shown, names, leftOut, problem: failure?.message };
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/** Read the frames of one of the brackets, given by its number. */
async function show({ number, headers = brackets[number] }) {
  bracket = new Bracket(await readFrames(headers));
  const told = ({ name, width, height, shot, brightness, preview }) => {
    return { name, width, height, exposure: inWords(shot), brightness, preview };
  };
  return { number, frames: bracket.frames.map(told) };
}

/** Answers with the darkest and the brightest frame as they were fused, for comparing, and with what was done. */
async function fuse({ chosen, how, mostShown }, tell) {
  const { dark, bright, picture, name, ...done } = await bracket.fuse(chosen, how, await pool, tell);
  made = { bracket, picture, name, selection: done.selection, how };
  const shrink = shrinkFor(mostShown);
  const [darkBitmap, brightBitmap] = [dark, bright].map((one) => drawn(one, undefined, shrink).transferToImageBitmap());
  return { darkBitmap, brightBitmap, ...done };
}

async function look({ look: wanted, mostShown }) {
  return { bitmap: drawn(made.picture, lookOf(wanted), shrinkFor(mostShown)).transferToImageBitmap() };
}

/** By how much the picture is reduced so that no more pixels than given are shown. */
function shrinkFor(mostShown) {
  const { picture } = made;
  return Math.max(1, Math.ceil(Math.sqrt((picture.width * picture.height) / mostShown)));
}

async function save({ look: wanted, format }) {
  return { blob: await fileIn(format, wanted, made), name: made.name + SUFFIXES[format] };
}

/** A fused picture with a look as a file; `hdr` has the highlights of the darkest exposure in a gain map. */
async function fileIn(format, wanted, from) {
  const { bracket: of, picture, selection, how } = from;
  const finish = lookOf(wanted);
  const exif = of.exif && exifForResult(of.exif, picture.width, picture.height);
  if (format === "jpeg") return jpegOf(picture, finish, exif);
  if (format === "png") return pngOf(picture, finish, exif);
  if (format === "png16") return pngOf(picture, finish, exif, await of.lowBits(selection, how, await pool));
  from.light ??= reducedLuminance({ ...picture, data: await of.darkest(selection, how, await pool) });
  return ultraHdrOf(picture, finish, exif, gainMap(picture, finish, from.light));
}

/** Fuse all brackets; answers with an archive, and with what is wrong with those that are not in it. */
async function saveAll({ chosen, how, look: wanted, format }, tell) {
  const [files, problems] = [[], []];
  for (const [number, headers] of brackets.entries()) {
    const step = `Bracket ${number + 1} of ${brackets.length}`;
    tell(`${step}…`);
    try {
      const one = new Bracket(await readFrames(headers));
      const done = await one.fuse(chosen[number], how, await pool, (progress) => tell(`${step}: ${progress}`));
      const taken = files.some(({ name }) => name === done.name + SUFFIXES[format]);
      const name = `${done.name}${taken ? `_${number + 1}` : ""}${SUFFIXES[format]}`;
      const file = { name, blob: await fileIn(format, wanted, { bracket: one, how, ...done }) };
      if (!haveRoom([...files, file])) throw new FrameError(`${name} has no room in an archive of 4 GB: save it alone.`);
      files.push(file);
    } catch (error) {
      problems.push(error instanceof FrameError ? error.message : `${headers[0].name}: ${sentenceOf(error)}`);
    }
  }
  return { blob: await zipOf(files), count: files.length, problems };
}
