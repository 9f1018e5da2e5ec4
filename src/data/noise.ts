/** Smooth random functions of the plane and of space, for drawn images. */
import type { Uniform } from '../weights/random.js';

/** About −1 to 1, without a step or a kink. */
export type Noise = (x: number, y: number, z: number) => number;

const SIDE = 16;
const MASK = SIDE - 1;

/**
 * Value noise: random values at whole coordinates, between them a smooth blend; it repeats after 16.
 * One wave is about two units long.
 */
export function valueNoise(uniform: Uniform): Noise {
  const values = Float64Array.from({ length: SIDE * SIDE * SIDE }, () => 2 * uniform() - 1);
  return (x, y, z) => {
    const x0 = Math.floor(x);
    const y0 = Math.floor(y);
    const z0 = Math.floor(z);
    const left = x0 & MASK;
    const right = (x0 + 1) & MASK;
    const top = (y0 & MASK) * SIDE;
    const bottom = ((y0 + 1) & MASK) * SIDE;
    const u = smooth(x - x0);
    const v = smooth(y - y0);
    const plane = (z: number): number => {
      const start = (z & MASK) * SIDE * SIDE;
      const upper = mix(values[start + top + left] ?? 0, values[start + top + right] ?? 0, u);
      const lower = mix(values[start + bottom + left] ?? 0, values[start + bottom + right] ?? 0, u);
      return mix(upper, lower, v);
    };
    // Drawn images lie in one plane, mostly a whole one.
    return z === z0 ? plane(z0) : mix(plane(z0), plane(z0 + 1), smooth(z - z0));
  };
}

/** Several octaves: each twice as fine as the last and half as strong. */
export function fractalNoise(uniform: Uniform, octaves: number): Noise {
  const layers = Array.from({ length: octaves }, () => valueNoise(uniform));
  return (x, y, z) => {
    let sum = 0;
    let scale = 1;
    for (const layer of layers) {
      sum += layer(x * scale, y * scale, z * scale) / scale;
      scale *= 2;
    }
    return sum;
  };
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

/** x², the same everywhere: engines may round `x ** 2` in ways of their own. */
export function square(x: number): number {
  return x * x;
}

export function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

/** 0 below `from`, 1 above `to`, smooth between. */
export function step(from: number, to: number, x: number): number {
  return smooth(Math.min(1, Math.max(0, (x - from) / (to - from))));
}
