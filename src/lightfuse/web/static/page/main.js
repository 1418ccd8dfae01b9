/** The page: photographs in, the fused one shown, compared, finished and saved. */
import { listenForDrops } from "./drops.js";
import { summaryOf } from "./summary.js";
import { chosenWith, markChosen, showStrip } from "./strip.js";
import { fileOf, fuseFrames, openFiles, pictureIn } from "./studio.js";
import { Viewer } from "./viewer.js";

const SAMPLES = ["sample/under.jpg", "sample/over.jpg"];

const at = (id) => document.getElementById(id);
const viewer = new Viewer();
let frames = [];
/** The positions that are fused, and those a person chose, if one did. */
let recipe = [0, 1];
let chosen;
let exposures = {};
let tasks = 0;
let looking = false;

/** Run a task with the page marked as busy; a failure is told in its own sentence. */
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
  const wanted = chosenWith(position, recipe);
  if (wanted === recipe) say("Two exposures at least are fused: press another one first.");
  else fuseAnew(wanted);
}

function fuseAnew(positions) {
  chosen = positions;
  run("Fusing…", fuse);
}

async function fuse() {
  const align = document.querySelector("[name=align]:checked").value === "auto";
  const done = await fuseFrames(chosen, align, say);
  recipe = done.recipe;
  markChosen(recipe, chosen !== undefined);
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
    link.download = `${frames[recipe.at(-1)].name.replace(/\.[^.]*$/, "")}_fused.${suffix}`;
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
