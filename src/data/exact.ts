/**
 * Functions of `Math` that engines round differently, out of + − × ÷ alone: what is drawn from a
 * seed is then the same everywhere.
 */

const DEGREE = 0.017453292519943295;

/** Sine and cosine of an angle in degrees, error below 1e-15; multiples of 90° are exact. */
export function sineAndCosine(degrees: number): { readonly sin: number; readonly cos: number } {
  const quarters = Math.round(degrees / 90);
  const x = (degrees - 90 * quarters) * DEGREE;
  const s = taylor(x, x);
  const c = taylor(1, x);
  const turn = ((quarters % 4) + 4) % 4;
  if (turn === 0) return { sin: s, cos: c };
  if (turn === 1) return { sin: c, cos: 0 - s };
  return turn === 2 ? { sin: 0 - s, cos: 0 - c } : { sin: 0 - c, cos: s };
}

/** Sine (first term x) or cosine (first term 1) of |x| ≤ π/4. */
function taylor(first: number, x: number): number {
  const from = first === 1 ? 1 : 2;
  let term = first;
  let sum = first;
  for (let n = from; n < 20; n += 2) {
    term *= (-x * x) / (n * (n + 1));
    sum += term;
  }
  return sum;
}

/** e^x for −700 < x < 700, relative error below 1e-13: a series for a small part of x, squared. */
export function exponential(x: number): number {
  let halvings = 0;
  let part = x;
  while (part > 0.5 || part < -0.5) {
    part /= 2;
    halvings++;
  }
  let term = 1;
  let sum = 1;
  for (let n = 1; n < 16; n++) {
    term *= part / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum *= sum;
  return sum;
}
