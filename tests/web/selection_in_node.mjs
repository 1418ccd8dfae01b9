/* node selection_in_node.mjs STATIC JOB: scores and chooses as the page does; prints JSON; see test_page_selection.py. */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, job] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/${name}`));
const { Fuser } = await load("engine/index.js");
const { MefSsim, selectExposures } = await load("page/selection.js");
const { darkToBright } = await load("page/frames.js");
const { brackets, shots } = JSON.parse(readFileSync(job));

const fuser = await Fuser.load();
const answers = [];
for (const { paths, width, height } of brackets) {
  const pictures = paths.map((path) => ({ data: new Uint8ClampedArray(readFileSync(path)), width, height }));
  const scores = pictures.map((picture) => new MefSsim(pictures).score(picture));
  answers.push({ scores, selection: await selectExposures(pictures, (under, over) => fuser.fuse(under, over)) });
}
process.stdout.write(JSON.stringify({ brackets: answers, orders: shots.map(darkToBright) }));
