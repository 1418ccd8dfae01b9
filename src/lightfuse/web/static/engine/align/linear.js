/** Small systems of linear equations. */

/**
 * Solve A·x = b by Gaussian elimination with partial pivoting.
 * @param {ArrayLike<number>} matrix n×n, row by row
 * @param {ArrayLike<number>} right n numbers
 * @returns {Float64Array}
 */
export function solve(matrix, right) {
  const n = right.length;
  const a = Float64Array.from(matrix);
  const x = Float64Array.from(right);
  for (let column = 0; column < n; column++) {
    bringPivot(a, x, column, n);
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column] / a[column * n + column];
      if (factor === 0) continue;
      for (let i = column; i < n; i++) a[row * n + i] -= factor * a[column * n + i];
      x[row] -= factor * x[column];
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let i = row + 1; i < n; i++) x[row] -= a[row * n + i] * x[i];
    x[row] /= a[row * n + row];
  }
  return x;
}

/** The inverse of an n×n matrix, row by row. */
export function inverseOf(matrix, n) {
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    const unit = new Float64Array(n);
    unit[column] = 1;
    solve(matrix, unit).forEach((value, row) => (inverse[row * n + column] = value));
  }
  return inverse;
}

function bringPivot(a, x, column, n) {
  let best = column;
  for (let row = column + 1; row < n; row++) {
    if (Math.abs(a[row * n + column]) > Math.abs(a[best * n + column])) best = row;
  }
  if (best === column) return;
  for (let i = 0; i < n; i++) [a[column * n + i], a[best * n + i]] = [a[best * n + i], a[column * n + i]];
  [x[column], x[best]] = [x[best], x[column]];
}
