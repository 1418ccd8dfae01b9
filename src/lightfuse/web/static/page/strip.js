/** The exposure strip: every frame, darkest first, and which two of them are fused. */

const list = document.getElementById("strip");
const hint = document.getElementById("strip-hint");

/**
 * Show frames.
 * @param {object[]} frames as the worker tells of them
 * @param {(position: number) => void} onChoose when a frame is chosen
 */
export function showStrip(frames, onChoose) {
  hint.hidden = frames.length === 2;
  list.replaceChildren(...frames.map((frame, position) => item(frame, position, frames.length, onChoose)));
}

/** Mark the two that are fused. */
export function markChosen(dark, bright) {
  [...list.querySelectorAll("button")].forEach((button, position) => {
    const role = position === dark ? "Dark" : position === bright ? "Bright" : "";
    button.setAttribute("aria-pressed", String(role !== ""));
    button.querySelector(".role").textContent = role;
  });
}

/** The two to fuse once `position` is chosen: it takes the place of the nearer of the two. */
export function chosenWith(position, [dark, bright]) {
  if (position === dark || position === bright) return [dark, bright];
  const replaceDark = position < dark || (position < bright && position - dark <= bright - position);
  return replaceDark ? [position, bright] : [dark, position];
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
