import assert from "node:assert/strict";
import { test } from "node:test";

import { align } from "lightfuse";

const [WIDTH, HEIGHT] = [192, 144];
const SHIFT = [4.5, -3];

/** A scene of smooth blobs at a place: light in [0, 1]. */
function light(x, y) {
  let sum = 0;
  for (let i = 1; i <= 40; i++) {
    const [u, v, size] = [(i * 71) % (WIDTH + 40) - 20, (i * 113) % (HEIGHT + 40) - 20, 3 + (i % 5)];
    sum += ((i % 3) + 1) * Math.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * size ** 2));
  }
  return 1 - Math.exp(-sum / 3);
}

function photograph([dx, dy], exposure) {
  const data = new Uint8ClampedArray(4 * WIDTH * HEIGHT).fill(255);
  for (let y = 0, at = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, at += 4) data.fill(255 * (light(x - dx, y - dy) * exposure) ** 0.6, at, at + 3);
  }
  return { data, width: WIDTH, height: HEIGHT };
}

const base = photograph([0, 0], 0.9);

test("a darker exposure that was shifted is laid on the base", async () => {
  const still = photograph([0, 0], 0.3);
  const frame = photograph(SHIFT, 0.3);
  const given = frame.data.slice();
  const { picture, moved, pixels, warp } = await align(base, frame);
  assert.equal(moved, true);
  assert.ok(Math.abs(warp[2] - SHIFT[0]) < 0.3 && Math.abs(warp[5] - SHIFT[1]) < 0.3, `shifted by ${warp[2]}, ${warp[5]}`);
  assert.ok(Math.abs(pixels - Math.hypot(...SHIFT)) < 0.5);
  assert.deepEqual(frame.data, given);
  let [off, most] = [0, 0];
  still.data.forEach((value, i) => {
    off += Math.abs(value - picture.data[i]);
    most += Math.abs(value - frame.data[i]);
  });
  assert.ok(off < most / 8, `differs by ${off} after and ${most} before`);
});

test("an exposure that lies right stays the very picture it is", async () => {
  const frame = photograph([0, 0], 0.3);
  const { picture, moved, pixels, warp, reason } = await align(base, frame);
  assert.equal(picture, frame);
  assert.deepEqual([moved, pixels, reason, warp], [false, 0, "", [1, 0, 0, 0, 1, 0, 0, 0, 1]]);
});

test("a picture without anything in common stays, and it is said why", async () => {
  const black = { data: new Uint8ClampedArray(base.data.length), width: WIDTH, height: HEIGHT };
  const { picture, moved, reason } = await align(base, black);
  assert.equal(picture, black);
  assert.equal(moved, false);
  assert.match(reason, /too little can be seen/);
});

test("pictures of any small size come back", async () => {
  for (const [width, height] of [[1, 1], [47, 300], [48, 48], [49, 50]]) {
    const picture = { data: new Uint8ClampedArray(4 * width * height).fill(90), width, height };
    assert.equal((await align(picture, picture)).picture, picture);
  }
});

test("bad input is told in a sentence", async () => {
  await assert.rejects(align(base, {}), /frame must be a picture like ImageData/);
  await assert.rejects(align(base, { data: new Uint8Array(4), width: 1, height: 1 }), /differ in size: 192×144 and 1×1/);
});
