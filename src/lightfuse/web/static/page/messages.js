/** Tasks that a page or a worker gives to another worker: every one a promise, with a channel of its own. */

const BROKEN = "This browser cannot start a part of LightFuse: reload the page, or use a newer browser.";

/**
 * Start a worker that `serve`s tasks.
 * @param {URL} url of its module
 * @returns a function that has one done: `ask(task, given, { transfer, tell })` gives a promise of the answer; the buffers
 *   in `transfer` are handed over, and `tell` hears of progress
 */
export function connected(url) {
  const worker = new Worker(url, { type: "module" });
  const waiting = new Set();
  let broken = false;
  worker.onerror = (event) => {
    event.preventDefault();
    broken = true;
    for (const reject of waiting) reject(new Error(BROKEN));
  };
  return (task, given, { transfer = [], tell } = {}) => {
    return new Promise((resolve, reject) => {
      if (broken) throw new Error(BROKEN);
      const { port1: own, port2: port } = new MessageChannel();
      own.onmessage = ({ data: { progress, answer, error } }) => {
        if (progress !== undefined) return tell?.(progress);
        own.close();
        waiting.delete(reject);
        return error === undefined ? resolve(answer) : reject(new Error(error));
      };
      waiting.add(reject);
      worker.postMessage({ task, given, port }, [port, ...transfer]);
    });
  };
}

/**
 * Do tasks in a worker, one after the other: they share what is open. What an answer is made of is handed over.
 * @param {Object<string, (given: object, tell: (progress: string) => void) => object>} tasks may be asynchronous
 * @param {(error: Error) => string} sentenceOf what the asker is told of a failure
 */
export function serve(tasks, sentenceOf = ({ message }) => message) {
  let queue = Promise.resolve();
  self.onmessage = ({ data }) => {
    queue = queue.then(() => perform(data));
  };

  async function perform({ task, given, port }) {
    try {
      const answer = await tasks[task](given, (progress) => port.postMessage({ progress }));
      port.postMessage({ answer }, [...new Set(transferables(answer))]);
    } catch (error) {
      port.postMessage({ error: sentenceOf(error) });
    }
  }
}

/** The bitmaps and buffers in a value. */
function transferables(value) {
  if (value instanceof ImageBitmap) return [value];
  if (ArrayBuffer.isView(value)) return [value.buffer];
  return typeof value === "object" ? Object.values(value ?? {}).flatMap(transferables) : [];
}
