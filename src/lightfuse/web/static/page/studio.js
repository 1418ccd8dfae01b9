/** The page's line to its worker: every task a promise. */

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
/** Fuse the frames at chosen positions, or, with undefined, those that hold most of the scene; `tell` hears progress. */
export const fuseFrames = (chosen, align, tell) => ask("fuse", { chosen, align }, tell);
/** The fused picture in a look, as a bitmap. */
export const pictureIn = (name, strength) => ask("look", { name, strength });
/** The picture as it is shown, as a file. */
export const fileOf = (type) => ask("save", { type });
