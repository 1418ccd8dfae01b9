/* node page_in_node.mjs STATIC JOB: reads EXIF, orders, groups, selects, deghosts, makes gain maps; prints JSON. */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, job] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/${name}`));
const { Fuser } = await load("engine/index.js");
const { findExif, shotOf } = await load("page/exif.js");
const { darkToBright } = await load("page/frames.js");
const { gainMap, reducedLight } = await load("page/gain-map.js");
const { deghosted } = await load("engine/deghost.js");
const { lightOf } = await load("page/light.js");
const { groupByExif } = await load("page/grouping.js");
const { MefSsim, selectExposures } = await load("page/selection.js");
const { brackets, orders, series, files, moving, lit } = JSON.parse(readFileSync(job));

const read = (path) => new Uint8ClampedArray(readFileSync(path));
const fuser = await Fuser.load();
const selections = [];
for (const { paths, width, height } of brackets) {
  const pictures = paths.map((path) => ({ data: read(path), width, height }));
  const scores = pictures.map((picture) => new MefSsim(pictures).score(picture));
  selections.push({ scores, selection: await selectExposures(pictures, (under, over) => fuser.fuse(under, over)) });
}
const shares = [];
for (const { paths, width, height } of moving) {
  const { frames, share } = await deghosted(paths.map(read), width, height);
  frames.forEach((frame, i) => writeFileSync(paths[i], frame));
  shares.push(share);
}
const gains = lit.map(({ paths, width, height, evs }) => {
  const [fused, ...frames] = paths.map(read);
  const picture = { data: fused, width, height };
  const light = reducedLight(picture, lightOf(frames, width, height, evs ?? undefined));
  const gain = gainMap(picture, () => {}, light);
  return { ...gain, data: [...gain.data.filter((_, i) => i % 4 === 0)] };
});
const answer = {
  selections,
  shares,
  gains,
  orders: orders.map(darkToBright),
  groups: series.map((photographs) => groupByExif(photographs).map((group) => group.map(({ name }) => name))),
  shots: files.map((path) => shotOf(findExif(new Uint8Array(readFileSync(path))))),
};
process.stdout.write(JSON.stringify(answer));
