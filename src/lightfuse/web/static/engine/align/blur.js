/** Blurs of float pictures; edges are repeated. */

/** Weights of a Gaussian with a standard deviation of one pixel, from its centre outwards. */
const FINE = [0.39906, 0.24203, 0.05401, 0.00443];
/** Radii of two box blurs that together are nearly a Gaussian of eight pixels. */
const WIDE = [9, 10];

/**
 * A Gaussian blur with a standard deviation of one pixel.
 * @param {Float32Array} source
 * @returns {Float32Array}
 */
export function blurred(source, width, height) {
  const along = new Float32Array(source.length);
  const result = new Float32Array(source.length);
  const [w0, w1, w2, w3] = FINE;
  const padded = new Float32Array(width + 6);
  for (let y = 0; y < height; y++) {
    padded.set(source.subarray(y * width, (y + 1) * width), 3);
    padded.fill(padded[3], 0, 3).fill(padded[width + 2], width + 3);
    for (let x = 0, i = y * width; x < width; x++, i++) {
      along[i] =
        w0 * padded[x + 3] +
        w1 * (padded[x + 2] + padded[x + 4]) +
        w2 * (padded[x + 1] + padded[x + 5]) +
        w3 * (padded[x] + padded[x + 6]);
    }
  }
  for (let y = 0; y < height; y++) {
    const [m3, m2, m1, c, p1, p2, p3] = [-3, -2, -1, 0, 1, 2, 3].map((d) => clamped(y + d, height) * width);
    for (let x = 0; x < width; x++) {
      result[y * width + x] =
        w0 * along[c + x] +
        w1 * (along[m1 + x] + along[p1 + x]) +
        w2 * (along[m2 + x] + along[p2 + x]) +
        w3 * (along[m3 + x] + along[p3 + x]);
    }
  }
  return result;
}

/** The mean of each pixel's wide surround. */
export function surround(source, width, height) {
  return WIDE.reduce((picture, radius) => boxDown(boxAlong(picture, width, height, radius), width, height, radius), source);
}

function boxAlong(source, width, height, radius) {
  const result = new Float32Array(source.length);
  const scale = 1 / (2 * radius + 1);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let sum = 0;
    for (let d = -radius; d <= radius; d++) sum += source[row + clamped(d, width)];
    for (let x = 0; x < width; x++) {
      result[row + x] = sum * scale;
      sum += source[row + Math.min(width - 1, x + radius + 1)] - source[row + Math.max(0, x - radius)];
    }
  }
  return result;
}

function boxDown(source, width, height, radius) {
  const result = new Float32Array(source.length);
  const scale = 1 / (2 * radius + 1);
  const sums = new Float64Array(width);
  for (let d = -radius; d <= radius; d++) {
    const row = clamped(d, height) * width;
    for (let x = 0; x < width; x++) sums[x] += source[row + x];
  }
  for (let y = 0; y < height; y++) {
    const row = y * width;
    const entering = clamped(y + radius + 1, height) * width;
    const leaving = clamped(y - radius, height) * width;
    for (let x = 0; x < width; x++) {
      result[row + x] = sums[x] * scale;
      sums[x] += source[entering + x] - source[leaving + x];
    }
  }
  return result;
}

function clamped(position, size) {
  return Math.min(size - 1, Math.max(0, position));
}
