/** The arithmetic mean. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k]!;
  return sum / values.length;
}

/** The correlation of two columns (Pearson); NaN where one does not vary. */
export function correlation(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const [meanX, meanY] = [mean(x), mean(y)];
  let [product, squareX, squareY] = [0, 0, 0];
  for (let row = 0; row < x.length; row++) {
    const [dx, dy] = [x[row]! - meanX, y[row]! - meanY];
    product += dx * dy;
    squareX += dx * dx;
    squareY += dy * dy;
  }
  return product / Math.sqrt(squareX * squareY);
}

/** Values from `low` to `high`, evenly spaced in the logarithm. */
export function logSpaced(low: number, high: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, k) => low * (high / low) ** (k / (count - 1)));
}
