/** The edges of a moved frame: what it never saw is taken from the base, in the frame's tones. */
import { carried, corners, inverse } from "./homography.js";
import { toneCurve } from "./tones.js";

const FEATHER = 0.005; // of the long side
const WHITE = [0.9, 0.98]; // The base says ever less from here to there.
const BLACK = [0.01, 0.04];

/**
 * Fill, in place, what a moved frame never saw from the base, with a soft seam along the frame's edge.
 *
 * The base's pixels go through curves from its tones to the frame's, one per channel. Where the base is clipped it cannot
 * tell the frame's tones: there the mirrored frame stays, as far as the base does not contradict it.
 * @param {Uint8ClampedArray} shown RGBA, the frame as `movedRows` gives all of it
 * @param {Uint8ClampedArray} base RGBA
 * @param {import("./homography.js").Matrix} h pixels of the base to pixels of the frame
 */
export function fillBorder(shown, base, width, height, h) {
  const inner = largestRectangle(h, width, height);
  if (inner.left >= inner.right || inner.top >= inner.bottom) return;
  const feather = Math.max(2, FEATHER * Math.max(width, height));
  const brighter = meanOf(shown, width, inner) > meanOf(base, width, inner);
  const curves = [0, 1, 2].map((c) => told(channel(base, c, width, inner), channel(shown, c, width, inner), brighter));
  const margin = Math.ceil(feather) + 1;
  for (let y = 0; y < height; y++) {
    const crossing = y >= inner.top + margin && y < inner.bottom - margin;
    for (let x = 0; x < width; x++) {
      if (crossing && x === inner.left + margin) x = Math.max(x, inner.right - margin);
      const own = smoothStep(pixelsInside(h, x, y, width, height) / feather);
      if (own < 1) mix(shown, base, 4 * (y * width + x), curves, own, brighter);
    }
  }
}

/** The part of the base that a frame shows whole, but for a pixel or two. */
export function largestRectangle(h, width, height) {
  const back = inverse(h);
  const at = corners(width, height).map(([x, y]) => carried(back, x, y));
  return {
    left: Math.ceil(Math.max(0, at[0][0], at[3][0])),
    top: Math.ceil(Math.max(0, at[0][1], at[1][1])),
    right: Math.floor(Math.min(width - 1, at[1][0], at[2][0])) + 1,
    bottom: Math.floor(Math.min(height - 1, at[2][1], at[3][1])) + 1,
  };
}

function mix(shown, base, at, curves, own, brighter) {
  const doubt = doubtOf(Math.max(base[at], base[at + 1], base[at + 2]) / 255, brighter);
  for (let c = 0; c < 3; c++) {
    const mirrored = shown[at + c];
    const guess = curves[c][base[at + c]];
    // A clipped base still tells on which side of its own tone the frame's must lie.
    const likely = brighter ? Math.min(guess, mirrored) : Math.max(guess, mirrored);
    const filled = guess + doubt * (likely - guess);
    shown[at + c] = filled + own * (mirrored - filled);
  }
}

/** From the base's codes to the frame's, 0 to 255; what is clipped counts as just not clipped. */
function told(base, shown, brighter) {
  const tones = toneCurve(base, shown, { left: 0, top: 0, right: base.width, bottom: base.height });
  if (brighter) tones.fill(tones[Math.floor(BLACK[0] * 256)], 0, Math.floor(BLACK[0] * 256));
  else tones.fill(tones[Math.floor(WHITE[1] * 256)], Math.floor(WHITE[1] * 256));
  return tones.map((tone) => tone * 255);
}

/** One channel of a box, every fourth pixel of every fourth row. */
function channel(rgba, c, width, { left, top, right, bottom }) {
  const size = { width: Math.ceil((right - left) / 4), height: Math.ceil((bottom - top) / 4) };
  const data = new Uint8Array(size.width * size.height);
  for (let y = top, i = 0; y < bottom; y += 4) {
    for (let x = left; x < right; x += 4) data[i++] = rgba[4 * (y * width + x) + c];
  }
  return { data, ...size };
}

function meanOf(rgba, width, box) {
  const { data } = channel(rgba, 1, width, box);
  return data.reduce((sum, value) => sum + value, 0) / data.length;
}

/** How far inside the frame (in its pixels, below 0 beyond its edge) a pixel of the base lies. */
function pixelsInside(h, x, y, width, height) {
  const [column, row] = carried(h, x, y);
  return Math.min(column, width - 1 - column, row, height - 1 - row);
}

/** How little the base says of the frame: where it is clipped on the side the frame resolves. */
function doubtOf(brightest, frameIsBrighter) {
  if (frameIsBrighter) return 1 - smoothStep((brightest - BLACK[0]) / (BLACK[1] - BLACK[0]));
  return smoothStep((brightest - WHITE[0]) / (WHITE[1] - WHITE[0]));
}

function smoothStep(value) {
  const t = Math.min(1, Math.max(0, value));
  return t * t * (3 - 2 * t);
}
