/** The Pareto front: what no other point beats. */

/**
 * Indices, in order, of the points that no other is better than: at most as large along every axis
 * and smaller along one. Equal points are all in the front, or none is.
 */
export function paretoFront(points: readonly (readonly number[])[]): number[] {
  const order = points.map((_, i) => i).sort((a, b) => lexical(points[a] ?? [], points[b] ?? []));
  // Whatever beats a point comes before it in this order, and is itself in the front or beaten by
  // one that is.
  const front: number[] = [];
  let before: { readonly point: readonly number[]; readonly isInFront: boolean } | undefined;
  for (const index of order) {
    const point = points[index] ?? [];
    const isInFront: boolean =
      before !== undefined && lexical(before.point, point) === 0
        ? before.isInFront
        : !front.some((other) => dominates(points[other] ?? [], point));
    if (isInFront) front.push(index);
    before = { point, isInFront };
  }
  return front.sort((a, b) => a - b);
}

function lexical(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function dominates(a: readonly number[], b: readonly number[]): boolean {
  let isSmaller = false;
  for (let i = 0; i < a.length; i++) {
    const [x = 0, y = 0] = [a[i], b[i]];
    if (x > y) return false;
    if (x < y) isSmaller = true;
  }
  return isSmaller;
}
