/**
 * Two exposures brought to common tones, only where both can see.
 *
 * Two exposures of one scene differ, channel by channel, by a rising curve of tones. It takes equal shares of pixels to
 * equal shares, however the frames are moved: histogram matching. Where the brighter frame is clipped, the darker one is
 * cut at the same light, so that an edge stands where it stood in both.
 *
 * @typedef {{data: Uint8Array, width: number, height: number}} Plane 8-bit codes of one channel
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box right and bottom are past the last pixel
 */

const CLIPPED = 0.98; // JPEG and noise reach this far below white.
const MOST_COUNTED = 1_000_000;

/**
 * Tables from both planes' codes to common tones in [0, 1]: the darker frame's, whose noise is the larger.
 * @param {Plane} first
 * @param {Plane} second
 * @param {[Box, Box]} [boxes] parts that show the same scene
 * @returns {[Float32Array, Float32Array]}
 */
export function matchedTones(first, second, boxes = [whole(first), whole(second)]) {
  const [one, other] = [shares(first, boxes[0]), shares(second, boxes[1])];
  const firstIsDarker = sum(one) >= sum(other);
  const [dark, bright] = firstIsDarker ? [one, other] : [other, one];
  const top = toneAt(dark, shareAt(bright, CLIPPED * 256)) || 1;
  const darkTable = Float32Array.from({ length: 256 }, (_, code) => Math.min((code + 0.5) / 256 / top, 1));
  const brightTable = curve(bright, dark).map((tone) => Math.min(tone / top, 1));
  return firstIsDarker ? [darkTable, brightTable] : [brightTable, darkTable];
}

/** The tones in [0, 1], in `second`, of the first's codes; black and white stay 0 and 1. */
export function toneCurve(first, second, box) {
  const tones = curve(shares(first, box), shares(second, box));
  return tones.map((tone) => Math.min(1, Math.max(0, (tone * 256 - 0.5) / 255)));
}

/** @returns {Box} */
export function whole({ width, height }) {
  return { left: 0, top: 0, right: width, bottom: height };
}

/** The green channel of RGBA: the least noisy, and one channel keeps a rising curve of tones between exposures. */
export function greenOf({ data, width, height }) {
  const green = new Uint8Array(width * height);
  for (let i = 0, at = 1; i < green.length; i++, at += 4) green[i] = data[at];
  return { data: green, width, height };
}

/** Share of pixels below each code, 0 to 256: a code counts as spread evenly over its own width. */
function shares({ data, width }, { left, top, right, bottom }) {
  const step = Math.max(1, Math.round(Math.sqrt(((right - left) * (bottom - top)) / MOST_COUNTED)));
  const counts = new Uint32Array(256);
  for (let y = top; y < bottom; y += step) {
    for (let at = y * width + left, end = y * width + right; at < end; at += step) counts[data[at]]++;
  }
  const below = new Float64Array(257);
  for (let code = 0; code < 256; code++) below[code + 1] = below[code] + counts[code];
  return below.map((count) => count / Math.max(1, below[256]));
}

function shareAt(below, code) {
  const whole = Math.min(255, Math.floor(code));
  return below[whole] + (code - whole) * (below[whole + 1] - below[whole]);
}

/** The tone in [0, 1] below which a picture has this share of its pixels. */
function toneAt(below, share) {
  let [low, high] = [0, 256]; // below[low] ≤ share < below[high], where there is such a place
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (below[middle] <= share) low = middle;
    else high = middle;
  }
  const step = below[high] - below[low];
  return (low + (step > 0 ? Math.min(1, (share - below[low]) / step) : 0)) / 256;
}

function curve(below, others) {
  return Float32Array.from({ length: 256 }, (_, code) => toneAt(others, shareAt(below, code + 0.5)));
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
