/** Resampling a frame in the base's geometry by the compiled core, and filling the border that it does not show. */

/**
 * Rows [top, bottom) of the base's picture plane as a frame shows them.
 * @param {WebAssembly.Module} module
 * @param {{data: Uint8ClampedArray, first: number}} strip RGBA rows of the frame, from its row `first` on: all that
 *   `rowsNeeded` names
 * @param {number} width of the whole frame
 * @param {number} height of the whole frame
 * @param {Matrix} h pixels of the base to pixels of the frame
 * @returns {Uint8ClampedArray} RGBA, opaque
 */
export function movedRows(module, { data, first }, width, height, h, top = 0, bottom = height) {
  const calls = new WebAssembly.Instance(module).exports;
  const bytes = 4 * width * (bottom - top);
  if (!calls.lfa_warp_begin(width, height, data.length / (4 * width), bottom - top)) {
    throw new RangeError(`there is not enough memory to align pictures of ${width}×${height}`);
  }
  new Uint8Array(calls.memory.buffer, calls.lfa_strip(), data.length).set(data);
  new Float64Array(calls.memory.buffer, calls.lfa_matrix(), 9).set(h);
  calls.lfa_warp(first, top, bottom);
  return new Uint8ClampedArray(calls.memory.buffer, calls.lfa_warped(), bytes).slice();
}

/** The frame's rows [first, end) that rows [top, bottom) of the base need, mirrored ones among them. */
export function rowsNeeded(width, height, h, top, bottom) {
  const across = [0, width - 1].flatMap((x) => [top, bottom - 1].map((y) => carried(h, x, y)[1]));
  const [least, most] = [Math.min(...across) - 3, Math.max(...across) + 3];
  if (least < -height || most > 2 * height) return [0, height];
  const first = Math.min(least, most > height - 1 ? 2 * (height - 1) - most : least);
  const last = Math.max(most, least < 0 ? -least : most);
  return [Math.min(height - 1, Math.max(0, Math.floor(first))), Math.max(1, Math.min(height, Math.ceil(last) + 1))];
}

/* ---- The edges of a moved frame: what it never saw is taken from the base, in the frame's tones ----------------------- */

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
 * @param {Matrix} h pixels of the base to pixels of the frame
 */
export function fillBorder(shown, base, width, height, h) {
  const inner = largestRectangle(h, width, height);
  if (inner.left >= inner.right || inner.top >= inner.bottom) return;
  const feather = Math.max(2, FEATHER * Math.max(width, height));
  const brighter = meanOf(shown, width, inner) > meanOf(base, width, inner);
  const curves = [0, 1, 2].map((c) => curveBetween(channel(base, c, width, inner), channel(shown, c, width, inner), brighter));
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
  const clipped = clippedShare(Math.max(base[at], base[at + 1], base[at + 2]) / 255, brighter);
  for (let c = 0; c < 3; c++) {
    const mirrored = shown[at + c];
    const guess = curves[c][base[at + c]];
    // A clipped base still tells on which side of its own tone the frame's must lie.
    const likely = brighter ? Math.min(guess, mirrored) : Math.max(guess, mirrored);
    const filled = guess + clipped * (likely - guess);
    shown[at + c] = filled + own * (mirrored - filled);
  }
}

/** From the base's codes to the frame's, 0 to 255; what is clipped counts as just not clipped. */
function curveBetween(base, shown, brighter) {
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
function clippedShare(brightest, frameIsBrighter) {
  if (frameIsBrighter) return 1 - smoothStep((brightest - BLACK[0]) / (BLACK[1] - BLACK[0]));
  return smoothStep((brightest - WHITE[0]) / (WHITE[1] - WHITE[0]));
}

function smoothStep(value) {
  const t = Math.min(1, Math.max(0, value));
  return t * t * (3 - 2 * t);
}

/* ---- The curve from one exposure's tones to another's: equal shares of pixels, equal tones ---------------------------- */

const MOST_COUNTED = 1_000_000;

/** The tones in [0, 1], in `second`, of the first's codes; black and white stay 0 and 1. */
function toneCurve(first, second, box) {
  const tones = curve(shares(first, box), shares(second, box));
  return tones.map((tone) => Math.min(1, Math.max(0, (tone * 256 - 0.5) / 255)));
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

/* ---- Homographies: nine numbers, row by row --------------------------------------------------------------------------- */

/** @typedef {ArrayLike<number>} Matrix */

/** @returns {Matrix} a·b */
function times(a, b) {
  const product = new Array(9);
  for (let row = 0; row < 9; row += 3) {
    for (let column = 0; column < 3; column++) {
      product[row + column] = a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
    }
  }
  return product;
}

/** @returns {Matrix} the inverse, of any scale */
function inverse([a, b, c, d, e, f, g, h, i]) {
  const adjugate = [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f];
  adjugate.push(d * h - e * g, b * g - a * h, a * e - b * d);
  const determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
  return adjugate.map((value) => value / determinant);
}

/** Where a homography carries a point. */
function carried(h, x, y) {
  const below = h[6] * x + h[7] * y + h[8];
  return [(h[0] * x + h[1] * y + h[2]) / below, (h[3] * x + h[4] * y + h[5]) / below];
}

/** Centres of the four corner pixels, clockwise from the upper left. */
function corners(width, height) {
  return [
    [0, 0],
    [width - 1, 0],
    [width - 1, height - 1],
    [0, height - 1],
  ];
}

/** A homography in the pixels of a picture that is smaller by these factors. */
export function inSmaller(warp, across, down) {
  const toFull = [across, 0, (across - 1) / 2, 0, down, (down - 1) / 2, 0, 0, 1];
  return times(inverse(toFull), times(warp, toFull));
}
