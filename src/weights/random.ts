/**
 * Random numbers that are the same everywhere: 32-bit integer operations, and of floating point
 * only + − × ÷ and square roots, which IEEE 754 rounds in one way. `Math.log`, `sin` and the like
 * differ between engines, so they are not used.
 */

/** Independent draws from (0, 1): odd multiples of 2^-33. */
export type Uniform = () => number;

/** MurmurHash3_x86_32 (A. Appleby, public domain; SMHasher, MurmurHash3.cpp). */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let h = seed;
  for (let i = 0; i < whole; i += 4) {
    h ^= scramble(view.getUint32(i, true));
    h = (Math.imul(rotateLeft(h, 13), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = bytes.length - 1; i >= whole; i--) tail = (tail << 8) | view.getUint8(i);
  h ^= scramble(tail) ^ bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function scramble(k: number): number {
  return Math.imul(rotateLeft(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
}

function rotateLeft(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/**
 * A stream of its own for each seed and name: xoshiro128** (Blackman & Vigna, "Scrambled linear
 * pseudorandom number generators", 2021), whose 128 bits of state are four hashes of both.
 * `seed` is an integer in [0, 2^53).
 */
export function uniformStream(seed: number, name: string): Uniform {
  const encoded = new TextEncoder().encode(name);
  const key = new Uint8Array(8 + encoded.length);
  const view = new DataView(key.buffer);
  view.setUint32(0, seed % 0x100000000, true);
  view.setUint32(4, Math.floor(seed / 0x100000000), true);
  key.set(encoded, 8);
  let a = murmur3(key, 0) | 0;
  let b = murmur3(key, 1) | 0;
  let c = murmur3(key, 2) | 0;
  let d = murmur3(key, 3) | 0;
  // The one state from which the generator does not move.
  if ((a | b | c | d) === 0) a = 1;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return (result + 0.5) / 0x100000000;
  };
}

/**
 * The value below which a standard normal deviate lies with probability `p` in (0, 1): algorithm
 * AS 241, PPND16 (M. J. Wichura, Applied Statistics 37(3), 1988), relative error about 1e-16.
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q *
        (((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r +
          45921.953931549871457) *
          r +
          13731.693765509461125) *
          r +
          1971.5909503065514427) *
          r +
          133.14166789178437745) *
          r +
          3.387132872796366608)) /
      (((((((5226.495278852854561 * r + 28729.085735721942674) * r + 39307.89580009271061) * r +
        21213.794301586595867) *
        r +
        5394.1960214247511077) *
        r +
        687.1870074920579083) *
        r +
        42.313330701600911252) *
        r +
        1)
    );
  }
  const tail = Math.sqrt(-naturalLog(q < 0 ? p : 1 - p));
  const magnitude = tail <= 5 ? middleTail(tail - 1.6) : farTail(tail - 5);
  return q < 0 ? -magnitude : magnitude;
}

function middleTail(r: number): number {
  return (
    (((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) *
      r +
      1.27045825245236838258) *
      r +
      3.64784832476320460504) *
      r +
      5.7694972214606914055) *
      r +
      4.6303378461565452959) *
      r +
      1.42343711074968357734) /
    (((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r +
      0.0151986665636164571966) *
      r +
      0.14810397642748007459) *
      r +
      0.68976733498510000455) *
      r +
      1.6763848301838038494) *
      r +
      2.05319162663775882187) *
      r +
      1)
  );
}

function farTail(r: number): number {
  return (
    (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r +
      0.0012426609473880784386) *
      r +
      0.026532189526576123093) *
      r +
      0.29656057182850489123) *
      r +
      1.7848265399172913358) *
      r +
      5.4637849111641143699) *
      r +
      6.6579046435011037772) /
    (((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r +
      1.8463183175100546818e-5) *
      r +
      7.868691311456132591e-4) *
      r +
      0.0148753612908506148525) *
      r +
      0.13692988092273580531) *
      r +
      0.59983220655588793769) *
      r +
      1)
  );
}

const double = new Float64Array(1);
const doubleWords = new Uint32Array(double.buffer);
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;

/**
 * ln x for a normal x > 0, error below 1 unit in the last place: the method of FreeBSD's msun,
 * `e_log.c` (Sun Microsystems 1993): x = 2^k · (1 + f), ln(1 + f) by a polynomial in f / (2 + f).
 */
export function naturalLog(x: number): number {
  double[0] = x;
  const bits = doubleWords[HIGH] ?? 0;
  // Puts 1 + f into [√2/2, √2).
  const carry = ((bits & 0xfffff) + 0x95f64) & 0x100000;
  doubleWords[HIGH] = (bits & 0xfffff) | (carry ^ 0x3ff00000);
  const k = (bits >>> 20) - 1023 + (carry >>> 20);
  const f = double[0] - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const even =
    w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332));
  const odd =
    z *
    (0.666666666666673513 +
      w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591)));
  const halfSquare = 0.5 * f * f;
  const low = k * 1.90821492927058770002e-10;
  const high = k * 6.9314718036912381649e-1;
  return high - (halfSquare - (s * (halfSquare + even + odd) + low) - f);
}
