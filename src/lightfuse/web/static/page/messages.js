/** Tasks that a page or a worker gives to another worker: every one a promise. */

const BROKEN = "This browser cannot start a part of LightFuse: reload the page, or use a newer browser.";

/**
 * Start a worker that `serve`s tasks.
 * @param {URL} url of its module
 * @returns a function that has one done: `ask(task, given, { transfer, tell })` gives a promise of the answer; the buffers
 *   in `transfer` are handed over, and `tell` hears of progress
 */
export function connected(url) {
  const worker = new Worker(url, { type: "module" });
  const waiting = new Map();
  let [last, broken] = [0, false];
  worker.onmessage = ({ data: { id, progress, answer, error } }) => {
    const { resolve, reject, tell } = waiting.get(id);
    if (progress !== undefined) return tell?.(progress);
    waiting.delete(id);
    return error === undefined ? resolve(answer) : reject(new Error(error));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    broken = true;
    for (const { reject } of waiting.values()) reject(new Error(BROKEN));
  };
  return (task, given, { transfer = [], tell } = {}) => {
    return new Promise((resolve, reject) => {
      if (broken) throw new Error(BROKEN);
      waiting.set(++last, { resolve, reject, tell });
      worker.postMessage({ id: last, task, given }, transfer); // A MessagePort would copy what is handed over.
    });
  };
}

/**
 * Do tasks in a worker as they are asked for. What an answer is made of is handed over.
 * @param {Object<string, (given: object, tell: (progress: string) => void) => object>} tasks may be asynchronous
 * @param {(error: Error) => string} sentenceOf what the asker is told of a failure
 */
export function serve(tasks, sentenceOf = ({ message }) => message) {
  self.onmessage = async ({ data: { id, task, given } }) => {
    try {
      const answer = await tasks[task](given, (progress) => self.postMessage({ id, progress }));
      self.postMessage({ id, answer }, [...new Set(transferables(answer))]);
    } catch (error) {
      self.postMessage({ id, error: sentenceOf(error) });
    }
  };
}

/** The bitmaps and buffers in a value. */
function transferables(value) {
  if (value instanceof ImageBitmap) return [value];
  if (ArrayBuffer.isView(value)) return [value.buffer];
  return typeof value === "object" ? Object.values(value ?? {}).flatMap(transferables) : [];
}
