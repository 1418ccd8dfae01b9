/* node align_in_node.mjs ENGINE JOB ANSWER: lays the frames that the file JOB lists on their bases; see test_align.py. */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [engine, job, answer] = process.argv.slice(2);
const { align } = await import(pathToFileURL(engine));

const told = [];
for (const { base, frame, out, width, height } of JSON.parse(readFileSync(job))) {
  const [fixed, loose] = [base, frame].map((path) => ({ data: new Uint8ClampedArray(readFileSync(path)), width, height }));
  const { picture, ...rest } = await align(fixed, loose);
  writeFileSync(out, picture.data);
  told.push(rest);
}
writeFileSync(answer, JSON.stringify(told));
