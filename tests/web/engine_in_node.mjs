/* node engine_in_node.mjs ENGINE JOB: fuses or aligns the pairs that the file JOB lists; prints JSON of the alignments.
 * `fine` pairs are fused without rounding to bytes, to floats. */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [engine, job] = process.argv.slice(2);
const { Core, Fuser, compileCore } = await import(pathToFileURL(engine));
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
    core.begin(model, width, height);
    core.measure([a, b], 0, core.cellRows);
    core.filter([a, b]);
    writeFileSync(out, core.combineFinely(a, b));
  } else {
    writeFileSync(out, strips ? byStrips(a, b, width, height, model) : whole(a, b, width, height, model));
  }
}
process.stdout.write(JSON.stringify(answers));

function whole(a, b, width, height, model) {
  return fuser.fuse({ data: a, width, height }, { data: b, width, height }, { model }).data;
}

/** As helpers do it: every instance has some rows, and they exchange thumbnails and context. */
function byStrips(a, b, width, height, model) {
  const cores = [new Core(module), new Core(module), new Core(module)];
  cores[0].begin(model, width, height);
  const box = cores[0].findBox([a, b]);
  for (const core of cores.slice(1)) core.begin(model, width, height, box);
  const all = cores[0].cellRows;
  const starts = cores.map((_, i) => Math.round((i * all) / cores.length)).concat(all);
  const row = (picture, first, last) => picture.slice(4 * width * first, 4 * width * last);
  const tops = cores.map((core, i) => {
    if (starts[i] === starts[i + 1]) return 0;
    const [first, last] = core.rowsOfCells(starts[i], starts[i + 1]);
    core.measure([row(a, first, last), row(b, first, last)], starts[i], starts[i + 1], first);
    if (i > 0) cores[0].setThumbnailRows(starts[i], core.thumbnailRows(starts[i], starts[i + 1]));
    return first;
  });
  const swapped = cores[0].filter([a, b]);
  const context = cores[0].context();
  const fused = new Uint8ClampedArray(a.length);
  cores.forEach((core, i) => {
    const first = i === 0 ? 0 : tops[i];
    const last = i + 1 < cores.length ? tops[i + 1] : height;
    if (i > 0) core.setContext(context);
    const out = new Uint8ClampedArray(4 * width * (last - first));
    const pair = [row(a, first, last), row(b, first, last)];
    core.combine(pair[swapped ? 1 : 0], pair[swapped ? 0 : 1], out, first);
    fused.set(out, 4 * width * first);
  });
  return fused;
}
