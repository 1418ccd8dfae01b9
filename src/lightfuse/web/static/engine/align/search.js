/** The first rough place: every shift and turn that a hand may have made, tried on a small picture. */
import { times } from "./homography.js";

const REACH = 0.08; // of the long side
const TURNS = [-4, -3, -2, -1, 0, 1, 2, 3, 4]; // degrees
const BEST = 3;
const MOST_COMPARED = 2_000; // pixels

/**
 * The best shifts and turns (one per angle) by correlation of the base's heart with the frame, best first.
 * @param {import("./levels.js").Level} base local contrast
 * @param {import("./levels.js").Level} frame of the same size
 * @returns {import("./homography.js").Matrix[]} homographies of their pixels, base to frame
 */
export function roughPlaces(base, frame) {
  const { width, height } = base;
  const most = (Math.min(width, height) - 8) >> 1;
  const reach = Math.min(Math.max(4, Math.round(REACH * Math.max(width, height))), most);
  if (reach < 1) return [];
  const heart = heartOf(base, reach);
  const found = TURNS.map((degrees) => {
    const turn = turnAboutMiddle(degrees, width, height);
    const { correlation, dx, dy } = bestShift(heart, turned(frame, turn), width, reach);
    return { correlation, place: times(turn, [1, 0, dx, 0, 1, dy, 0, 0, 1]) };
  });
  found.sort((a, b) => b.correlation - a.correlation);
  return found.slice(0, BEST).map(({ place }) => place);
}

/** Some pixels of what stays inside the frame under every shift: where they are, and what they show. */
function heartOf({ values, width, height }, reach) {
  const pixels = (width - 2 * reach) * (height - 2 * reach);
  const step = Math.max(1, Math.floor(Math.sqrt(pixels / MOST_COMPARED)));
  const at = [];
  for (let y = reach; y < height - reach; y += step) {
    for (let x = reach; x < width - reach; x += step) at.push(y * width + x);
  }
  return { at: Int32Array.from(at), values: Float32Array.from(at, (i) => values[i]) };
}

function bestShift(heart, frame, width, reach) {
  let best = { correlation: -Infinity, dx: 0, dy: 0 };
  for (let dy = -reach; dy <= reach; dy++) {
    for (let dx = -reach; dx <= reach; dx++) {
      const correlation = correlate(heart, frame, dy * width + dx);
      if (correlation > best.correlation) best = { correlation, dx, dy };
    }
  }
  return best;
}

function correlate({ at, values }, frame, offset) {
  let together = 0;
  let strength = 1e-12;
  for (let i = 0; i < at.length; i++) {
    const seen = frame[at[i] + offset];
    together += seen * values[i];
    strength += seen * seen;
  }
  return together / Math.sqrt(strength);
}

/** The level's values under a turn, bilinear; 0 outside. */
function turned({ values, width, height }, h) {
  const result = new Float32Array(values.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const column = h[0] * x + h[1] * y + h[2];
      const row = h[3] * x + h[4] * y + h[5];
      if (column < 0 || row < 0 || column >= width - 1 || row >= height - 1) continue;
      const at = (row | 0) * width + (column | 0);
      const fx = column - (column | 0);
      const upper = values[at] + fx * (values[at + 1] - values[at]);
      const lower = values[at + width] + fx * (values[at + width + 1] - values[at + width]);
      result[i] = upper + (row - (row | 0)) * (lower - upper);
    }
  }
  return result;
}

function turnAboutMiddle(degrees, width, height) {
  const [x, y, angle] = [(width - 1) / 2, (height - 1) / 2, (degrees * Math.PI) / 180];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y, 0, 0, 1];
}
