import assert from "node:assert/strict";
import { test } from "node:test";

import { Fuser, MODELS, compileCore, fuse } from "lightfuse";

function picture(width, height, value) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < data.length; i++) data[i] = i % 4 === 3 ? 255 : value(i >> 2, i % 4);
  return { data, width, height };
}

const under = picture(40, 30, (pixel, colour) => (pixel % 40) + colour);
const over = picture(40, 30, (pixel, colour) => Math.min(255, 5 * ((pixel % 40) + colour) + 60));

test("a pair becomes an opaque picture of its size that is neither of the two", async () => {
  const fused = await fuse(under, over);
  assert.deepEqual([fused.width, fused.height, fused.data.length], [40, 30, 4800]);
  assert.ok(fused.data.every((value, i) => i % 4 !== 3 || value === 255));
  assert.notDeepEqual(fused.data, over.data);
  assert.notDeepEqual(fused.data, under.data);
});

test("the order of the two does not matter, the model does", async () => {
  const [small, base] = await Promise.all(MODELS.map((model) => fuse(under, over, { model })));
  assert.deepEqual((await fuse(over, under)).data, base.data);
  assert.notDeepEqual(small.data, base.data);
});

test("the result can take the place of an input", async () => {
  const wanted = (await fuse(under, over)).data;
  const own = { ...over, data: over.data.slice() };
  assert.equal(await fuse(under, own, { out: own }), own);
  assert.deepEqual(own.data, wanted);
});

test("a module compiled once serves many", async () => {
  const fuser = new Fuser(await compileCore());
  assert.deepEqual(fuser.fuse(under, over).data, (await fuse(under, over)).data);
});

test("bad input is told in a sentence", async () => {
  await assert.rejects(fuse(under, picture(3, 3, () => 9)), /differ in size: 40×30 and 3×3/);
  await assert.rejects(fuse(under, {}), /over must be a picture like ImageData/);
  await assert.rejects(fuse(under, over, { model: "huge" }), /no model "huge"; use small or base/);
  await assert.rejects(fuse(under, over, { out: picture(3, 3, () => 0) }), /differ in size/);
});
