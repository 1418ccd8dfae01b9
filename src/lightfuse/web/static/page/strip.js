/** The exposure strip: every frame, darkest first, and which of them are fused. */

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
export function markChosen(recipe, byHand) {
  const roles = new Map(recipe.map((position) => [position, "Middle"]));
  roles.set(recipe[0], "Dark").set(recipe.at(-1), "Bright");
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
export function chosenWith(position, recipe) {
  if (recipe.includes(position)) return recipe.length > 2 ? recipe.filter((one) => one !== position) : recipe;
  const away = recipe.map((one) => Math.abs(one - position));
  const nearest = recipe[away.indexOf(Math.min(...away))];
  const kept = recipe.length < MOST ? recipe : recipe.filter((one) => one !== nearest);
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
  button.append(canvas, line("role", ""), line("name", name), line("exposure", exposure));
  entry.append(button);
  return entry;
}

function line(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text;
  return span;
}
