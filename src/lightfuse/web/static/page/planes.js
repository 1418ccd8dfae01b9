/** Planes of numbers, row by row, and what is done to them: filters, scales, and shapes of 0 and 1. */

/** The least of each 3×3 pixels; with a sign of -1 the largest. */
export function extreme(plane, width, sign = 1) {
  const across = plane.slice();
  for (let i = 0; i < plane.length; i++) {
    const x = i % width;
    if (x > 0 && sign * plane[i - 1] < sign * across[i]) across[i] = plane[i - 1];
    if (x < width - 1 && sign * plane[i + 1] < sign * across[i]) across[i] = plane[i + 1];
  }
  const found = across.slice();
  for (let i = 0; i < plane.length - width; i++) {
    if (sign * across[i + width] < sign * found[i]) found[i] = across[i + width];
    if (sign * across[i] < sign * found[i + width]) found[i + width] = across[i];
  }
  return found;
}

/** Half the width and height, rounded up, by a 5×5 binomial filter; the border is mirrored. */
export function halved(plane, width, height) {
  const [columns, rows] = [(width + 1) >> 1, (height + 1) >> 1];
  const taps = (at, length) => [-2, -1, 0, 1, 2].map((d) => mirrored(at + d, length));
  const along = new Float32Array(columns * height);
  const places = Array.from({ length: columns }, (_, x) => taps(2 * x, width));
  for (let y = 0, i = 0; y < height; y++) {
    for (const [a, b, c, d, e] of places) along[i++] = binomial(plane, y * width, 1, a, b, c, d, e);
  }
  const half = new Float32Array(columns * rows);
  for (let y = 0, i = 0; y < rows; y++) {
    const [a, b, c, d, e] = taps(2 * y, height);
    for (let x = 0; x < columns; x++) half[i++] = binomial(along, x, columns, a, b, c, d, e);
  }
  return half;
}

function binomial(plane, from, step, a, b, c, d, e) {
  const at = (place) => plane[from + step * place];
  return (at(a) + at(e) + 4 * (at(b) + at(d)) + 6 * at(c)) / 16;
}

function mirrored(at, length) {
  if (length === 1) return 0;
  const inside = at < 0 ? -at : at;
  return inside < length ? inside : 2 * (length - 1) - inside;
}

/** A plane's value at a place between its pixels, the border repeated. */
export function interpolated(plane, width, height, x, y) {
  const left = Math.min(Math.max(x, 0), width - 1);
  const top = Math.min(Math.max(y, 0), height - 1);
  const i = Math.floor(top) * width + Math.floor(left);
  const [right, below] = [left % 1 > 0 ? 1 : 0, top % 1 > 0 ? width : 0];
  const upper = plane[i] + (left % 1) * (plane[i + right] - plane[i]);
  const lower = plane[i + below] + (left % 1) * (plane[i + below + right] - plane[i + below]);
  return upper + (top % 1) * (lower - upper);
}

/** The mean of the pixels within a radius across and down. */
export function boxMean(plane, width, height, radius) {
  const line = (source, count, length, step, next) => {
    const means = new Float32Array(source.length);
    for (let n = 0; n < count; n++) {
      const at = (i) => source[n * next + step * mirrored(Math.min(Math.max(i, 1 - length), 2 * length - 2), length)];
      let sum = 0;
      for (let i = -radius; i <= radius; i++) sum += at(i);
      for (let i = 0; i < length; i++) {
        means[n * next + step * i] = sum / (2 * radius + 1);
        sum += at(i + radius + 1) - at(i - radius);
      }
    }
    return means;
  };
  return line(line(plane, height, width, 1, width), width, height, width, 1);
}

/** Smoothed by a Gaussian of this width. */
export function blurred(plane, width, height, sigma) {
  const radius = Math.ceil(4 * sigma);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = weights.reduce((sum, one) => sum + one);
  const pass = (source, placeOf) => {
    const sumAt = (_, i) => weights.reduce((sum, weight, d) => sum + weight * source[placeOf(i, d - radius)], 0);
    return source.map(sumAt).map((sum) => sum / total);
  };
  const along = pass(plane, (i, d) => i - (i % width) + mirrored((i % width) + d, width));
  return pass(along, (i, d) => mirrored(Math.floor(i / width) + d, height) * width + (i % width));
}

/* ---- Shapes: planes of 0 and 1 (Uint8Array) ---------------------------------------------------------------------- */

/** Grown by a disc, or by a square, of a radius. */
export function grown(shape, width, height, radius, isSquare = false) {
  const result = new Uint8Array(shape.length);
  const reach = Array.from({ length: 2 * radius + 1 }, (_, i) => {
    return isSquare ? radius : Math.round(Math.sqrt(radius ** 2 - (i - radius) ** 2));
  });
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (!shape[i]) continue;
      const inner = x > 0 && x < width - 1 && shape[i - 1] && shape[i + 1];
      for (let dy = Math.max(-radius, -y); dy <= Math.min(radius, height - 1 - y); dy++) {
        const far = inner ? 0 : reach[dy + radius];
        const row = (y + dy) * width;
        result.fill(1, row + Math.max(0, x - far), row + Math.min(width, x + far + 1));
      }
    }
  }
  return result;
}

const inverted = (shape) => shape.map((one) => 1 - one);

export function shrunk(shape, width, height, radius) {
  return inverted(grown(inverted(shape), width, height, radius));
}

/** Closed by a disc, and its holes filled. */
export function closed(shape, width, height, radius, fillHoles = true) {
  const [across, down] = [width + 2 * radius + 2, height + 2 * radius + 2];
  const padded = new Uint8Array(across * down);
  const start = (y) => (y + radius + 1) * across + radius + 1;
  for (let y = 0; y < height; y++) padded.set(shape.subarray(y * width, (y + 1) * width), start(y));
  let result = shrunk(grown(padded, across, down, radius), across, down, radius);
  if (fillHoles) {
    const { labels } = components(inverted(result), across, down, 4);
    result = result.map((_, i) => (labels[i] === labels[0] ? 0 : 1));
  }
  const inside = new Uint8Array(shape.length);
  for (let y = 0; y < height; y++) inside.set(result.subarray(start(y), start(y) + width), y * width);
  return inside;
}

/**
 * Connected parts, by 4 or 8 neighbours.
 * @returns labels (Int32Array, 0 outside), and of each part, at its label less one, its box and area
 */
export function components(shape, width, height, neighbours) {
  const labels = new Int32Array(shape.length);
  const parts = [];
  const stack = [];
  for (let seed = 0; seed < shape.length; seed++) {
    if (!shape[seed] || labels[seed]) continue;
    const part = { left: width, right: 0, top: height, bottom: 0, area: 0 };
    labels[seed] = parts.push(part);
    stack.push(seed);
    while (stack.length > 0) {
      const i = stack.pop();
      const [x, y] = [i % width, Math.floor(i / width)];
      part.area++;
      [part.left, part.right] = [Math.min(part.left, x), Math.max(part.right, x + 1)];
      [part.top, part.bottom] = [Math.min(part.top, y), Math.max(part.bottom, y + 1)];
      for (let dy = y > 0 ? -1 : 0; dy <= (y < height - 1 ? 1 : 0); dy++) {
        for (let dx = x > 0 ? -1 : 0; dx <= (x < width - 1 ? 1 : 0); dx++) {
          const near = i + dy * width + dx;
          if (!shape[near] || labels[near] || (neighbours === 4 && dx && dy)) continue;
          labels[near] = parts.length;
          stack.push(near);
        }
      }
    }
  }
  return { labels, parts };
}
