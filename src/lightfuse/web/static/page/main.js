/** The page: photographs in, the fused one shown, compared, finished and saved. */
import { Viewer } from "./viewer.js";

const SAMPLES = ["sample/under.jpg", "sample/over.jpg"];

const at = (id) => document.getElementById(id);
const viewer = new Viewer();
let frames = [];
/** The positions that are fused, and those a person chose, if one did. */
let selection = [0, 1];
let chosen;
let exposures = {};
let tasks = 0;
let looking = false;

/** Run a task with the page marked as busy; a failure is shown as its own sentence. */
async function run(saying, task) {
  at("problem").hidden = true;
  if (saying) say(saying);
  busy(++tasks);
  try {
    await task();
  } catch (error) {
    say("");
    at("problem").textContent = error.message;
    at("problem").hidden = false;
  } finally {
    busy(--tasks);
  }
}

function busy(count) {
  document.body.classList.toggle("busy", count > 0);
  at("stage").setAttribute("aria-busy", String(count > 0));
}

function say(text) {
  at("status").textContent = text;
}

function open(files) {
  if (files.length === 0) return;
  run(`Reading ${files.length === 1 ? "a photograph" : `${files.length} photographs`}…`, async () => {
    ({ frames } = await openFiles(files));
    chosen = undefined;
    showStrip(frames, choose);
    await fuse();
    const arriving = at("studio").hidden;
    at("welcome").hidden = true;
    at("again").hidden = false;
    at("studio").hidden = false;
    viewer.resize(frames[0].width, frames[0].height);
    if (arriving) at("stage").focus({ preventScroll: true, focusVisible: false });
  });
}

function choose(position) {
  const wanted = chosenWith(position, selection);
  if (wanted === selection) say("Two exposures at least are fused: press another one first.");
  else fuseAnew(wanted);
}

function fuseAnew(positions) {
  chosen = positions;
  run("Fusing…", fuse);
}

async function fuse() {
  const align = document.querySelector("[name=align]:checked").value === "auto";
  const done = await fuseFrames(chosen, align, say);
  selection = done.selection;
  markChosen(selection, chosen !== undefined);
  exposures = { dark: done.darkBitmap, bright: done.brightBitmap };
  showBefore();
  await finish();
  say(summaryOf(frames, done));
}

function showBefore() {
  const which = document.querySelector("[name=against]:checked").value;
  viewer.showBefore(exposures[which]);
  at("before-tag").textContent = which === "dark" ? "Dark" : "Bright";
}

/** Show the fused picture in the chosen look. */
async function finish() {
  const { name, strength } = chosenLook();
  const { picture } = await pictureIn(name, strength);
  viewer.showAfter(picture);
  picture.close();
}

function chosenLook() {
  return { name: document.querySelector("[name=look]:checked").value, strength: at("strength").valueAsNumber / 100 };
}

/** While one look is being made, only the last of the later wishes is remembered. */
async function changeLook() {
  at("strength").disabled = chosenLook().name === "natural";
  at("strength-level").textContent = `${at("strength").value} %`;
  if (looking) {
    looking = "again";
    return;
  }
  do {
    looking = true;
    await run("", finish);
  } while (looking === "again");
  looking = false;
}

function save(type, suffix) {
  run("Writing the file…", async () => {
    const { blob } = await fileOf(type);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${frames[selection.at(-1)].name.replace(/\.[^.]*$/, "")}_fused.${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`Saved ${link.download}.`);
  });
}

function trySample() {
  run("Loading the sample pair…", async () => {
    const files = await Promise.all(
      SAMPLES.map(async (name) => new File([await (await fetch(name)).blob()], name.split("/").pop())),
    );
    open(files);
  });
}

for (const id of ["choose", "again"]) at(id).addEventListener("click", () => at("files").click());
at("files").addEventListener("change", () => {
  open([...at("files").files]);
  at("files").value = ""; // The same files may be chosen again.
});
at("sample").addEventListener("click", trySample);
at("automatic").addEventListener("click", () => fuseAnew(undefined));
at("align").addEventListener("change", () => fuseAnew(chosen));
at("against").addEventListener("change", showBefore);
at("looks").addEventListener("change", changeLook);
at("strength").addEventListener("input", changeLook);
at("save-jpeg").addEventListener("click", () => save("image/jpeg", "jpg"));
at("save-png").addEventListener("click", () => save("image/png", "png"));
listenForDrops(open);
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("service-worker.js").catch(() => {}); // Without it the page works, but not offline.
}

/* ---- The exposure strip: every frame, darkest first, and which of them are fused --------------------------------- */

const MOST = 3;
const list = document.getElementById("strip");
const hint = document.getElementById("strip-hint");
const choice = document.getElementById("choice");
const automatic = document.getElementById("automatic");

/**
 * Show frames.
 * @param {object[]} frames as the worker tells of them
 * @param {(position: number) => void} onChoose when a frame is chosen
 */
export function showStrip(frames, onChoose) {
  choice.hidden = frames.length === 2;
  list.replaceChildren(...frames.map((frame, position) => item(frame, position, frames.length, onChoose)));
}

/** Mark those that are fused, and say who chose them. */
export function markChosen(selection, byHand) {
  const roles = new Map(selection.map((position) => [position, "Middle"]));
  roles.set(selection[0], "Dark").set(selection.at(-1), "Bright");
  [...list.querySelectorAll("button")].forEach((button, position) => {
    button.setAttribute("aria-pressed", String(roles.has(position)));
    button.querySelector(".role").textContent = roles.get(position) ?? "";
  });
  hint.textContent = byHand
    ? "Chosen by you. Press an exposure to use it or leave it out."
    : "Chosen for you: what holds most of the scene. Press an exposure to use it or leave it out.";
  automatic.hidden = !byHand;
}

/**
 * What to fuse once `position` is pressed: it joins, or takes the place of the nearest of three, or, if it was one of
 * three, leaves. Two stay at least.
 */
export function chosenWith(position, selection) {
  const others = selection.filter((one) => one !== position);
  if (others.length < selection.length) return others.length < 2 ? selection : others;
  const away = selection.map((one) => Math.abs(one - position));
  const nearest = selection[away.indexOf(Math.min(...away))];
  const kept = selection.length < MOST ? selection : selection.filter((one) => one !== nearest);
  return [...kept, position].sort((a, b) => a - b);
}

function item({ name, exposure, preview }, position, count, onChoose) {
  const entry = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.disabled = count === 2;
  button.addEventListener("click", () => onChoose(position));
  const canvas = document.createElement("canvas");
  canvas.width = preview.width;
  canvas.height = preview.height;
  canvas.getContext("2d").drawImage(preview, 0, 0);
  canvas.setAttribute("aria-hidden", "true");
  button.append(canvas, line("tag role", ""), line("name", name), line("exposure", exposure));
  entry.append(button);
  return entry;
}

function line(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}

/* ---- What was done, in a line or two ----------------------------------------------------------------------------- */

const NEARLY_EQUAL = 0.03;

/**
 * @param {object[]} frames as the worker tells of them
 * @param {object} done the worker's answer to fusing
 */
export function summaryOf(frames, { selection, moves, milliseconds }) {
  const [dark, bright] = [frames[selection[0]], frames[selection.at(-1)]];
  const sentences = [`${dark.width} × ${dark.height} pixels, fused in ${seconds(milliseconds.fuse)}.`];
  if (moves.length > 0) sentences.push(alignmentOf(moves, milliseconds.align));
  if (bright.brightness - dark.brightness < NEARLY_EQUAL) {
    sentences.push("The exposures are almost equally bright, so there is little to gain.");
  }
  return sentences.join(" ");
}

/** Which frames were moved how far (the corner that moves most), and which stay although that may not be right. */
function alignmentOf(moves, milliseconds) {
  const moved = moves.flatMap(({ name, pixels }) => (pixels > 0 ? [`${name} by ${pixels.toFixed(1)} px`] : []));
  const stays = moves.filter(({ reason }) => reason).map(({ name, reason }) => `${name} stays where it is: ${reason}.`);
  const list = new Intl.ListFormat("en").format(moved);
  if (list) stays.unshift(`Aligned in ${seconds(milliseconds)}: moved ${list}.`);
  return stays.join(" ") || `Nothing had to be moved (looked for ${seconds(milliseconds)}).`;
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

/* ---- Files dropped anywhere on the page -------------------------------------------------------------------------- */

/** @param {(files: File[]) => void} onFiles */
export function listenForDrops(onFiles) {
  const dragging = (on) => document.body.classList.toggle("dragging", on);
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      dragging(true);
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dragging(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(false);
    onFiles([...event.dataTransfer.files]);
  });
}

/* ---- The page's line to its worker: every task a promise --------------------------------------------------------- */

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let last = 0;

worker.onmessage = ({ data: { id, progress, answer, error } }) => {
  const { resolve, reject, tell } = waiting.get(id);
  if (progress !== undefined) {
    tell?.(progress);
    return;
  }
  waiting.delete(id);
  if (error === undefined) resolve(answer);
  else reject(new Error(error));
};

worker.onerror = (event) => {
  event.preventDefault();
  for (const { reject } of waiting.values()) {
    reject(new Error("This browser cannot start LightFuse's worker: reload the page, or use a newer browser."));
  }
  waiting.clear();
};

function ask(task, given, tell) {
  return new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject, tell });
    worker.postMessage({ id: last, task, given });
  });
}

/** Read files; resolves to the frames, darkest first, each with a preview. */
export const openFiles = (files) => ask("open", { files: [...files] });
/** Fuse the frames at chosen positions, or, with undefined, a selection of them; `tell` hears progress. */
export const fuseFrames = (chosen, align, tell) => ask("fuse", { chosen, align }, tell);
/** The fused picture in a look, as a bitmap. */
export const pictureIn = (name, strength) => ask("look", { name, strength });
/** The picture as it is shown, as a file. */
export const fileOf = (type) => ask("save", { type });
