/* node page_in_node.mjs STATIC JOB: reads EXIF, groups, selects, deghosts, makes gain maps; prints JSON. */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, job] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/${name}`));
const { findExif, shotOf } = await load("page/exif.js");
const { gainMap, reducedLuminance } = await load("page/gain-map.js");
const { deghosted } = await load("engine/deghost.js");
const { groupByExif } = await load("page/grouping.js");
const { haveRoom } = await load("page/output.js");
const { selectExposures } = await load("page/selection.js");
const { brackets, series, files, moving, lit } = JSON.parse(readFileSync(job));

const read = (path) => new Uint8ClampedArray(readFileSync(path));
const selections = brackets.map(({ paths, width, height }) => {
  return selectExposures(paths.map((path) => ({ data: read(path), width, height })));
});
const shares = [];
for (const { paths, width, height } of moving) {
  const { frames, share } = await deghosted(paths.map(read), width, height);
  frames.forEach((frame, i) => writeFileSync(paths[i], frame));
  shares.push(share);
}
const gains = lit.map(({ paths, width, height }) => {
  const [picture, dark] = paths.map((path) => ({ data: read(path), width, height }));
  const gain = gainMap(picture, () => {}, reducedLuminance(dark));
  return { ...gain, data: [...gain.data.filter((_, i) => i % 4 === 0)] };
});
const answer = {
  rooms: [1, 2, 3].map((count) => haveRoom(Array(count).fill({ blob: { size: 2 ** 31 - 2 ** 20 } }))),
  selections,
  shares,
  gains,
  groups: series.map((photographs) => groupByExif(photographs).map((group) => group.map(({ name }) => name))),
  shots: files.map((path) => shotOf(findExif(new Uint8Array(readFileSync(path))))),
};
process.stdout.write(JSON.stringify(answer));
