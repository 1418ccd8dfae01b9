/* node page_in_node.mjs STATIC JOB: reads EXIF, orders, groups, scores and selects as the page does; prints JSON. */
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, job] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/${name}`));
const { Fuser } = await load("engine/index.js");
const { findExif, shotOf } = await load("page/exif.js");
const { darkToBright } = await load("page/frames.js");
const { groupByExif } = await load("page/grouping.js");
const { MefSsim, selectExposures } = await load("page/selection.js");
const { brackets, orders, series, files } = JSON.parse(readFileSync(job));

const fuser = await Fuser.load();
const selections = [];
for (const { paths, width, height } of brackets) {
  const pictures = paths.map((path) => ({ data: new Uint8ClampedArray(readFileSync(path)), width, height }));
  const scores = pictures.map((picture) => new MefSsim(pictures).score(picture));
  selections.push({ scores, selection: await selectExposures(pictures, (under, over) => fuser.fuse(under, over)) });
}
const answer = {
  selections,
  orders: orders.map(darkToBright),
  groups: series.map((photographs) => groupByExif(photographs).map((group) => group.map(({ name }) => name))),
  shots: files.map((path) => shotOf(findExif(new Uint8Array(readFileSync(path))))),
};
process.stdout.write(JSON.stringify(answer));
