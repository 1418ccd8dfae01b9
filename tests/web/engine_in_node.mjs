/* node engine_in_node.mjs ENGINE JOB: fuses or aligns the pairs that the file JOB lists; prints JSON of the alignments.
 * `fine` pairs are fused without rounding to bytes, to floats. */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [engine, job] = process.argv.slice(2);
const { Core, Fuser, compileCore } = await import(pathToFileURL(engine));
const { withLowBits } = await import(new URL("lib/core.js", pathToFileURL(engine)));
const { pairs, strips, aligned, fine } = JSON.parse(readFileSync(job));
const module = await compileCore();
const fuser = new Fuser(module);

const answers = [];
for (const { first, second, out, width, height, model } of pairs) {
  const [a, b] = [first, second].map((path) => new Uint8ClampedArray(readFileSync(path)));
  if (aligned) {
    const { picture, ...answer } = fuser.align({ data: a, width, height }, { data: b, width, height });
    answers.push(answer);
    writeFileSync(out, picture.data);
  } else if (fine) {
    const core = new Core(module);
    const [under, over] = core.prepare(model, [a, b], width, height);
    const [levels, low] = [false, true].map((which) => {
      const answer = new Uint8ClampedArray(a.length);
      core.combine(under, over, answer, 0, which);
      return answer;
    });
    writeFileSync(out, withLowBits(levels, low));
  } else {
    writeFileSync(out, strips ? byStrips(a, b, width, height, model) : whole(a, b, width, height, model));
  }
}
process.stdout.write(JSON.stringify(answers));

function whole(a, b, width, height, model) {
  return fuser.fuse({ data: a, width, height }, { data: b, width, height }, { model }).data;
}

/** As helpers do it: every instance has some rows, and the first tells the others the context. */
function byStrips(a, b, width, height, model) {
  const cores = [new Core(module), new Core(module), new Core(module)];
  const pictures = cores[0].prepare(model, [a, b], width, height);
  const fused = new Uint8ClampedArray(a.length);
  cores.forEach((core, i) => {
    const [first, last] = [i, i + 1].map((part) => Math.round((part * height) / cores.length));
    if (i > 0) core.setContext(cores[0].context());
    const [under, over] = pictures.map((picture) => picture.slice(4 * width * first, 4 * width * last));
    const out = new Uint8ClampedArray(under.length);
    core.combine(under, over, out, first);
    fused.set(out, 4 * width * first);
  });
  return fused;
}
