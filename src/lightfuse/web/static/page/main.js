/** The page: photographs in, the fused one shown, compared, finished and saved. */
import { connected } from "./messages.js";
import { Viewer, drawOn } from "./viewer.js";

const SAMPLES = ["sample/under.jpg", "sample/over.jpg"];
/** Pixels of a picture on the stage: phones and tablets have no memory, and Safari no canvas, for more. */
const MOST_SHOWN = matchMedia("(pointer: coarse)").matches ? 2 ** 24 : Infinity;

const at = (id) => document.getElementById(id);
const checked = (name) => document.querySelector(`[name=${name}]:checked`).value;
const ask = connected(new URL("./worker.js", import.meta.url));
const viewer = new Viewer();
let frames = [];
let bracket = 0; // its number
let chosen = {}; // by the bracket's number, the positions that a person chose to fuse
let result; // what the worker answered to fusing
let single; // one photograph, which waits for another exposure of its scene
let looks = [{ name: "natural", strength: 1 }]; // the one that is shown last, before it those to go back to
let wishes = 0; // for looks
let last = Promise.resolve(); // the task that was given last
let tasks = 0;

/**
 * Run a task, after those before it: they share what is open. Meanwhile the page is marked as busy; a failure is shown
 * as its own sentence.
 */
function run(saying, task) {
  busy(++tasks);
  last = last.then(async () => {
    at("problem").hidden = true;
    if (saying) say(saying);
    try {
      await task();
    } catch (error) {
      say("");
      complain(error.message);
    }
    busy(--tasks);
  });
}

function busy(count) {
  document.body.classList.toggle("busy", count > 0);
  at("stage").setAttribute("aria-busy", String(count > 0));
}

function say(text) {
  at("status").textContent = text;
}

function complain(text) {
  at("problem").textContent = text;
  at("problem").hidden = false;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

/** Open photographs: dropped, chosen, pasted or shared. */
function open(files) {
  if (files.length === 0) return;
  run("Reading photographs…", async () => {
    const given = files.length === 1 && single ? [single, ...files] : files;
    single = undefined;
    const opened = await ask("open", { files: given });
    if (opened.isAlone) {
      single = given[0];
      throw new Error("One photograph is not enough: add another exposure of the same scene.");
    }
    chosen = {};
    showBrackets(opened.names);
    await show(opened);
    if (opened.leftOut.length > 0) say(`${at("status").textContent} Left out: ${opened.leftOut.join(", ")}.`);
    if (opened.problem) complain(opened.problem);
  });
}

async function show(opened) {
  ({ frames, number: bracket } = opened);
  at("brackets").value = bracket;
  showStrip();
  await fuse();
  const arriving = at("studio").hidden;
  at("welcome").hidden = true;
  at("again").hidden = false;
  at("studio").hidden = false;
  viewer.resize(frames[0].width, frames[0].height);
  if (arriving) at("stage").focus({ preventScroll: true, focusVisible: false });
}

function showBrackets(names) {
  at("brackets").replaceChildren(...names.map((name, number) => new Option(name, number)));
  at("brackets-field").hidden = at("save-all").hidden = names.length < 2;
}

function trySample() {
  run("Loading the sample pair…", async () => {
    const files = SAMPLES.map(async (name) => new File([await (await fetch(name)).blob()], name.split("/").pop()));
    open(await Promise.all(files));
  });
}

/** Files that other programs of a phone shared with the page: the service worker keeps them until they are opened. */
async function openShared() {
  history.replaceState(null, "", "./");
  const cache = await caches.open("shared");
  const requests = await cache.keys();
  const files = requests.map(async (request) => {
    const blob = await (await cache.match(request)).blob();
    return new File([blob], decodeURIComponent(request.url.split("/").pop()));
  });
  open(await Promise.all(files));
  await Promise.all(requests.map((request) => cache.delete(request)));
}

/* ---- Fusing and looks -------------------------------------------------------------------------------------------- */

function fuseAnew(positions) {
  chosen[bracket] = positions;
  run("Fusing…", fuse);
}

async function fuse() {
  const positions = chosen[bracket];
  const given = { chosen: positions, how: howNow(), mostShown: MOST_SHOWN };
  result = await ask("fuse", given, { tell: say });
  markChosen(positions !== undefined);
  showBefore();
  await showLook();
  say(summaryOf(result));
}

function showBefore() {
  const isDark = checked("against") === "dark";
  viewer.showBefore(isDark ? result.darkBitmap : result.brightBitmap);
  at("before-tag").textContent = isDark ? "Dark" : "Bright";
}

function howNow() {
  return { align: at("align").checked, deghost: at("deghost").checked };
}

function lookNow() {
  return { name: checked("look"), strength: at("strength").valueAsNumber / 100 };
}

async function showLook() {
  const { bitmap } = await ask("look", { look: lookNow(), mostShown: MOST_SHOWN });
  viewer.showAfter(bitmap);
  bitmap.close();
  if (at("hdr").checked) await viewer.showHdr((await ask("save", { look: lookNow(), format: "hdr" })).blob);
}

/** Of several wishes that wait, only the last is met. */
function changeLook() {
  at("strength").disabled = checked("look") === "natural";
  at("strength-level").textContent = `${at("strength").value} %`;
  const wish = ++wishes;
  run("", () => wish === wishes && showLook());
}

function rememberLook() {
  looks.push(lookNow());
  at("undo").disabled = false;
}

function undoLook() {
  if (looks.length < 2) return;
  looks.pop();
  const { name, strength } = looks.at(-1);
  document.querySelector(`[name=look][value=${name}]`).checked = true;
  at("strength").value = 100 * strength;
  at("undo").disabled = looks.length < 2;
  changeLook();
}

/* ---- Saving ------------------------------------------------------------------------------------------------------ */

function save() {
  run("Writing the file…", async () => {
    const { blob, name } = await ask("save", { look: lookNow(), format: at("format").value });
    download(blob, name);
  });
}

function saveAll() {
  run("Fusing all brackets…", async () => {
    const given = { chosen, how: howNow(), look: lookNow(), format: at("format").value };
    const { blob, count, problems } = await ask("saveAll", given, { tell: say });
    if (count > 0) download(blob, "lightfuse.zip");
    if (problems.length > 0) complain(`Not fused: ${problems.join(" ")}`);
  });
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(`Saved ${name}.`);
}

/* ---- What a person does ------------------------------------------------------------------------------------------ */

for (const id of ["choose", "again"]) at(id).addEventListener("click", () => at("files").click());
at("files").addEventListener("change", () => {
  open([...at("files").files]);
  at("files").value = ""; // The same files may be chosen again.
});
at("sample").addEventListener("click", trySample);
at("brackets").addEventListener("change", () => {
  const number = Number(at("brackets").value);
  at("brackets").value = bracket; // until the other is shown
  run("Reading photographs…", async () => show(await ask("show", { number })));
});
at("automatic").addEventListener("click", () => fuseAnew(undefined));
at("treatment").addEventListener("change", () => run("Fusing…", fuse));
at("against").addEventListener("change", showBefore);
at("looks").addEventListener("input", changeLook);
at("looks").addEventListener("change", rememberLook);
at("undo").addEventListener("click", undoLook);
at("hdr-field").hidden = !matchMedia("(dynamic-range: high)").matches;
at("hdr").addEventListener("change", () => run("", showLook));
at("save").addEventListener("click", save);
at("save-all").addEventListener("click", saveAll);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undoLook();
});
document.addEventListener("paste", ({ clipboardData }) => open([...clipboardData.files]));

/** Files are dropped anywhere on the page. */
const dragging = (on) => document.body.classList.toggle("dragging", on);
for (const name of ["dragenter", "dragover", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    dragging(name !== "drop");
    if (name === "drop") open([...event.dataTransfer.files]);
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) dragging(false);
});

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("service-worker.js").catch(() => {}); // Without it the page works, but not offline.
  if (location.search === "?shared") openShared();
}

/* ---- The exposure strip: every frame, darkest first, and which of them are fused --------------------------------- */

const MOST_SELECTED = 3;

function showStrip() {
  at("choice").hidden = frames.length === 2;
  at("strip").replaceChildren(...frames.map(item));
}

/** Mark those that are fused, and say who chose them. */
function markChosen(byHand) {
  const { selection } = result;
  const roles = new Map(selection.map((position) => [position, "Middle"]));
  roles.set(selection[0], "Dark").set(selection.at(-1), "Bright");
  [...at("strip").querySelectorAll("button")].forEach((button, position) => {
    button.setAttribute("aria-pressed", String(roles.has(position)));
    button.querySelector(".role").textContent = roles.get(position) ?? "";
  });
  at("strip-hint").textContent = byHand
    ? "Chosen by you. Press an exposure to use it or leave it out."
    : "Chosen for you: what records most of the scene. Press an exposure to use it or leave it out.";
  at("automatic").hidden = !byHand;
}

/** A frame was pressed: it joins, takes the place of the nearest of three, or, if it was one of three, leaves. */
function choose(position) {
  const { selection } = result;
  const without = (gone) => selection.filter((one) => one !== gone);
  const away = selection.map((one) => Math.abs(one - position));
  const nearest = selection[away.indexOf(Math.min(...away))];
  const kept = selection.length < MOST_SELECTED ? selection : without(nearest);
  const wanted = selection.includes(position) ? without(position) : [...kept, position].sort((a, b) => a - b);
  if (wanted.length < 2) say("Two exposures at least are fused: press another one first.");
  else fuseAnew(wanted);
}

function item({ name, exposure, preview }, position) {
  const button = document.createElement("button");
  button.type = "button";
  button.disabled = frames.length === 2;
  button.addEventListener("click", () => choose(position));
  const canvas = document.createElement("canvas");
  drawOn(canvas, preview);
  canvas.ariaHidden = "true";
  button.append(canvas, line("tag role", ""), line("name", name), line("exposure", exposure));
  const entry = document.createElement("li");
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

function summaryOf({ selection, moves, ghosts, milliseconds }) {
  const [dark, bright] = [frames[selection[0]], frames[selection.at(-1)]];
  const sentences = [`${dark.width} × ${dark.height} pixels, fused in ${seconds(milliseconds.fuse)}.`];
  if (moves.length > 0) sentences.push(alignmentOf(moves, milliseconds.align));
  if (ghosts?.share > 0) sentences.push(`Ghosts removed in ${(100 * ghosts.share).toFixed(1)} % of the picture.`);
  else if (ghosts) sentences.push(ghosts.reason || "Nothing that moved was found.");
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
