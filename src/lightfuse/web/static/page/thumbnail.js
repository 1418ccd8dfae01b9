/** Small pictures, by area: every pixel counts, as much of it as lies in the cell. */

/**
 * @param {{data: Uint8ClampedArray, width: number, height: number}} picture RGBA
 * @returns {ImageData} of the size given, which is no larger, opaque
 */
export function reducedTo({ data, width, height }, columns, rows) {
  if (columns === width && rows === height) return new ImageData(data, width, height);
  const sums = new Float32Array(3 * columns * rows);
  const across = spans(width, columns);
  const down = spans(height, rows);
  const line = new Float32Array(3 * columns);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (let x = 0, at = 4 * y * width; x < width; x++, at += 4) {
      const to = 3 * across.cell[x];
      const first = across.first[x];
      for (let c = 0; c < 3; c++) line[to + c] += first * data[at + c];
      if (first < 1 && to + 3 < line.length) for (let c = 0; c < 3; c++) line[to + 3 + c] += (1 - first) * data[at + c];
    }
    const to = line.length * down.cell[y];
    const first = down.first[y];
    for (let i = 0; i < line.length; i++) sums[to + i] += first * line[i];
    if (first < 1 && to + line.length < sums.length) {
      for (let i = 0; i < line.length; i++) sums[to + line.length + i] += (1 - first) * line[i];
    }
  }
  return averaged(sums, (columns * rows) / (width * height), columns, rows);
}

/** For each pixel of a side, the first cell it lies in, and which part of it lies there. */
function spans(size, cells) {
  const cell = new Int32Array(size);
  const first = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    cell[i] = Math.floor((i * cells) / size);
    first[i] = Math.min(1, ((cell[i] + 1) * size) / cells - i);
  }
  return { cell, first };
}

function averaged(sums, share, width, height) {
  const result = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) result.data[4 * i + c] = sums[3 * i + c] * share;
    result.data[4 * i + 3] = 255;
  }
  return result;
}
