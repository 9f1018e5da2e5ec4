/** The least blur there is: 1 2 1 along each axis. */

/** `[height, width]` smoothed by the binomial of three pixels; the border is repeated. */
export function blurred(data: Float64Array, height: number, width: number): Float64Array {
  const clamp = (i: number, size: number): number => Math.min(size - 1, Math.max(0, i));
  const pass = (from: Float64Array, before: (i: number) => number, after: (i: number) => number) =>
    from.map((value, i) => ((from[before(i)] ?? 0) + 2 * value + (from[after(i)] ?? 0)) / 4);
  const inRow = (i: number, by: number): number => {
    const x = i % width;
    return i - x + clamp(x + by, width);
  };
  const inColumn = (i: number, by: number): number => {
    const y = Math.floor(i / width);
    return i + (clamp(y + by, height) - y) * width;
  };
  const rows = pass(
    data,
    (i) => inRow(i, -1),
    (i) => inRow(i, 1),
  );
  return pass(
    rows,
    (i) => inColumn(i, -1),
    (i) => inColumn(i, 1),
  );
}
