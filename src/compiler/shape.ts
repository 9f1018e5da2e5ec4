/**
 * Symbolic dimensions: integer polynomials over the input symbols, with floors, in canonical form.
 *
 * A symbol with a fact `H % 16 == 0` is held as `16·q`, so that `H // 2` is exactly `8·q` and two
 * sizes that are equal under the facts have the same form. Equality of forms is equality of sizes;
 * the reverse does not hold for every pair (it is undecidable in general), and then the checker
 * asks for a fact.
 */

/** A size chosen by whoever runs the model: `name = modulus · q + remainder`, for an integer q ≥ 0. */
export interface SizeSymbol {
  readonly name: string;
  readonly modulus: number;
  readonly remainder: number;
  /** Bounds of the size itself, inclusive. */
  readonly min: number;
  readonly max: number;
}

interface SymbolAtom {
  readonly kind: 'symbol';
  readonly key: string;
  readonly symbol: SizeSymbol;
}

/** floor(numerator / divisor), where the numerator is not a multiple. */
interface FloorAtom {
  readonly kind: 'floor';
  readonly key: string;
  readonly numerator: SymbolicDim;
  readonly divisor: number;
}

type Atom = SymbolAtom | FloorAtom;

interface Term {
  readonly key: string;
  readonly coefficient: number;
  readonly atoms: readonly Atom[];
}

export interface SymbolicDim {
  readonly kind: 'symbolic';
  readonly key: string;
  readonly terms: readonly Term[];
  readonly constant: number;
}

/** A size along one axis, known now or known when the input is. */
export type Dim = number | SymbolicDim;

export type Shape = readonly Dim[];

/** Values for symbols, by name. */
export type Sizes = ReadonlyMap<string, number>;

export function isSymbolic(dim: Dim): dim is SymbolicDim {
  return typeof dim !== 'number';
}

export function isStatic(shape: Shape): shape is readonly number[] {
  for (const dim of shape) if (typeof dim !== 'number') return false;
  return true;
}

/** The sizes of a shape that has no symbols left; throws where it has. */
export function staticShape(shape: Shape): readonly number[] {
  if (!isStatic(shape)) throw new Error(`a size is not known in ${formatShape(shape)}`);
  return shape;
}

function fromTerms(terms: Iterable<Term>, constant: number): Dim {
  const kept = [...terms].filter((t) => t.coefficient !== 0);
  if (kept.length === 0) return constant;
  kept.sort((a, b) => (a.key < b.key ? -1 : 1));
  const key = kept.map((t) => `${t.coefficient}·${t.key}`).join('+') + `+${constant}`;
  return { kind: 'symbolic', key, terms: kept, constant };
}

function fromAtom(atom: Atom): Dim {
  return fromTerms([{ key: atom.key, coefficient: 1, atoms: [atom] }], 0);
}

/** The dimension that a symbol stands for. */
export function symbolDim(symbol: SizeSymbol): Dim {
  const key = `${symbol.name}%${symbol.modulus}:${symbol.remainder}`;
  return add(mul(fromAtom({ kind: 'symbol', key, symbol }), symbol.modulus), symbol.remainder);
}

/** The allowed size of a symbol that is next to the given one. */
export function nearestSize({ modulus, remainder, min, max }: SizeSymbol, size: number): number {
  const nearest = Math.round((size - remainder) / modulus) * modulus + remainder;
  return Math.max(min, Math.min(max, nearest));
}

export function equal(a: Dim, b: Dim): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  return a === b || a.key === b.key;
}

export function equalShapes(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => equal(d, b[i] ?? Number.NaN));
}

export function add(a: Dim, b: Dim): Dim {
  if (typeof a === 'number') {
    if (typeof b === 'number') return a + b;
    return a === 0 ? b : fromTerms(b.terms, b.constant + a);
  }
  if (typeof b === 'number') return b === 0 ? a : fromTerms(a.terms, a.constant + b);
  const sums = new Map(a.terms.map((t) => [t.key, t]));
  for (const term of b.terms) {
    const other = sums.get(term.key);
    sums.set(
      term.key,
      other === undefined ? term : { ...term, coefficient: term.coefficient + other.coefficient },
    );
  }
  return fromTerms(sums.values(), a.constant + b.constant);
}

export function sub(a: Dim, b: Dim): Dim {
  return add(a, mul(b, -1));
}

export function mul(a: Dim, b: Dim): Dim {
  if (typeof a === 'number') {
    if (typeof b === 'number') return a * b;
    if (a === 1) return b;
    return fromTerms(
      b.terms.map((t) => ({ ...t, coefficient: t.coefficient * a })),
      b.constant * a,
    );
  }
  if (typeof b === 'number') return mul(b, a);
  let result = add(mul(a, b.constant), mul(fromTerms(b.terms, 0), a.constant));
  for (const x of a.terms) {
    for (const y of b.terms) {
      const atoms = [...x.atoms, ...y.atoms].sort((p, q) => (p.key < q.key ? -1 : 1));
      const key = atoms.map((atom) => atom.key).join('*');
      // `add` of the constant product happened above: (a.terms + a.c)(b.terms + b.c).
      result = add(
        result,
        fromTerms([{ key, coefficient: x.coefficient * y.coefficient, atoms }], 0),
      );
    }
  }
  return result;
}

export function product(shape: Shape): Dim {
  return shape.reduce<Dim>((p, d) => mul(p, d), 1);
}

export function sum(dims: Shape): Dim {
  return dims.reduce<Dim>((s, d) => add(s, d), 0);
}

/** floor(a / divisor) for an integer divisor ≥ 1. */
export function floorDiv(a: Dim, divisor: number): Dim {
  if (typeof a === 'number') return Math.floor(a / divisor);
  if (divisor === 1) return a;
  // a = divisor·whole + rest, with every coefficient of rest in [0, divisor).
  const whole: Term[] = [];
  const rest: Term[] = [];
  for (const term of a.terms) {
    const quotient = Math.floor(term.coefficient / divisor);
    whole.push({ ...term, coefficient: quotient });
    rest.push({ ...term, coefficient: term.coefficient - quotient * divisor });
  }
  const wholeConstant = Math.floor(a.constant / divisor);
  const restDim = fromTerms(rest, a.constant - wholeConstant * divisor);
  return add(fromTerms(whole, wholeConstant), floorOfRest(restDim, divisor));
}

function floorOfRest(rest: Dim, divisor: number): Dim {
  if (typeof rest === 'number') return Math.floor(rest / divisor);
  // floor((k·p + c) / (k·n)) = floor((p + floor(c / k)) / n)
  const common = rest.terms.reduce((g, t) => gcd(g, t.coefficient), divisor);
  const reduced = fromTerms(
    rest.terms.map((t) => ({ ...t, coefficient: t.coefficient / common })),
    Math.floor(rest.constant / common),
  );
  const n = divisor / common;
  if (n === 1 || typeof reduced === 'number') return floorDiv(reduced, n);
  // floor((floor(p / m) + c) / n) = floor((p + m·c) / (m·n))
  const only = reduced.terms.length === 1 ? reduced.terms[0] : undefined;
  const atom = only?.coefficient === 1 && only.atoms.length === 1 ? only.atoms[0] : undefined;
  if (atom?.kind === 'floor') {
    return floorDiv(add(atom.numerator, atom.divisor * reduced.constant), atom.divisor * n);
  }
  const key = `⌊(${reduced.key})/${n}⌋`;
  return fromAtom({ kind: 'floor', key, numerator: reduced, divisor: n });
}

/** ceil(a / divisor) for an integer divisor ≥ 1. */
export function ceilDiv(a: Dim, divisor: number): Dim {
  return floorDiv(add(a, divisor - 1), divisor);
}

/** a mod divisor, in [0, divisor), as Python's `%` for a positive divisor. */
export function mod(a: Dim, divisor: number): Dim {
  return sub(a, mul(floorDiv(a, divisor), divisor));
}

/**
 * a / b where it is exact for every value of the symbols: `(H·W·64) / (H·W)` is 64.
 * Undefined where that cannot be shown, or b is 0. Symbols for which b is 0 are left out: sizes of
 * tensors are at least 1, and who divides by other numbers looks at `range(b)` first.
 */
export function exactDiv(a: Dim, b: Dim): Dim | undefined {
  if (typeof b === 'number') {
    if (b === 0) return undefined;
    const sign = b < 0 ? -1 : 1;
    const quotient = floorDiv(mul(a, sign), Math.abs(b));
    return equal(mul(quotient, b), a) ? quotient : undefined;
  }
  if (equal(a, b)) return 1;
  if (typeof a === 'number') return a === 0 ? 0 : undefined;
  // Polynomial long division by b's leading term (longest monomial, then by key).
  const leading = leadingTerm(b);
  let rest: Dim = a;
  let quotient: Dim = 0;
  for (let steps = 0; steps < 64 && typeof rest !== 'number'; steps++) {
    const term: Term = leadingTerm(rest);
    const atoms = withoutAtoms(term.atoms, leading.atoms);
    if (atoms === undefined || term.coefficient % leading.coefficient !== 0) return undefined;
    const coefficient = term.coefficient / leading.coefficient;
    const factor: Dim =
      atoms.length === 0
        ? coefficient
        : fromTerms([{ key: atoms.map((x) => x.key).join('*'), coefficient, atoms }], 0);
    quotient = add(quotient, factor);
    rest = sub(rest, mul(b, factor));
  }
  return rest === 0 ? quotient : undefined;
}

function leadingTerm(dim: SymbolicDim): Term {
  return dim.terms.reduce((best, t) =>
    t.atoms.length > best.atoms.length || (t.atoms.length === best.atoms.length && t.key > best.key)
      ? t
      : best,
  );
}

function withoutAtoms(from: readonly Atom[], removed: readonly Atom[]): Atom[] | undefined {
  const left = [...from];
  for (const atom of removed) {
    const at = left.findIndex((x) => x.key === atom.key);
    if (at === -1) return undefined;
    left.splice(at, 1);
  }
  return left;
}

/** Inclusive bounds that hold for every allowed value of the symbols. Not always the tightest. */
export function range(dim: Dim): readonly [min: number, max: number] {
  return [lowerBound(dim), 0 - lowerBound(mul(dim, -1))];
}

function lowerBound(dim: Dim): number {
  if (typeof dim === 'number') return dim;
  const low = lowerBoundByTerms(dim);
  const floor = dim.terms.find((t) => t.atoms.length === 1 && t.atoms[0]?.kind === 'floor');
  const atom = floor?.atoms[0];
  if (floor === undefined || atom?.kind !== 'floor') return low;
  // floor(p / d) lies between (p − d + 1) / d and p / d. With one of them in its place, times d,
  // symbols inside p cancel against those outside: `H − H // 2` is seen to be at least 0.
  const { numerator, divisor } = atom;
  const end = floor.coefficient > 0 ? sub(numerator, divisor - 1) : numerator;
  const others = mul(sub(dim, fromTerms([floor], 0)), divisor);
  const relaxed = add(others, mul(end, floor.coefficient));
  // Many floors multiply up; past 2^53 the figures would no longer be exact.
  if (!hasExactCoefficients(relaxed)) return low;
  return Math.max(low, Math.ceil(lowerBound(relaxed) / divisor) + 0);
}

function hasExactCoefficients(dim: Dim): boolean {
  if (typeof dim === 'number') return Number.isSafeInteger(dim);
  return [dim.constant, ...dim.terms.map((t) => t.coefficient)].every(Number.isSafeInteger);
}

function lowerBoundByTerms(dim: SymbolicDim): number {
  let low = dim.constant;
  for (const { coefficient, atoms } of dim.terms) {
    let bounds: readonly [number, number] = [coefficient, coefficient];
    for (const atom of atoms) bounds = timesRange(bounds, atomRange(atom));
    low += bounds[0];
  }
  return low;
}

function timesRange(
  [a, b]: readonly [number, number],
  [c, d]: readonly [number, number],
): readonly [number, number] {
  // 0 times an open end is 0: the factor is a size, which is finite.
  const times = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : x * y);
  const [ac, ad, bc, bd] = [times(a, c), times(a, d), times(b, c), times(b, d)];
  return [Math.min(ac, ad, bc, bd), Math.max(ac, ad, bc, bd)];
}

function atomRange(atom: Atom): readonly [number, number] {
  if (atom.kind === 'symbol') {
    const { min, max, modulus, remainder } = atom.symbol;
    return [Math.ceil((min - remainder) / modulus), Math.floor((max - remainder) / modulus)];
  }
  const [low, high] = range(atom.numerator);
  return [Math.floor(low / atom.divisor), Math.floor(high / atom.divisor)];
}

/** The size for given values of the symbols. Every symbol of `dim` must have a value. */
export function evaluate(dim: Dim, sizes: Sizes): number {
  if (typeof dim === 'number') return dim;
  let total = dim.constant;
  for (const { coefficient, atoms } of dim.terms) {
    let value = coefficient;
    for (const atom of atoms) {
      if (atom.kind === 'symbol') {
        const size = sizes.get(atom.symbol.name);
        if (size === undefined) throw new Error(`no size for symbol ${atom.symbol.name}`);
        value *= (size - atom.symbol.remainder) / atom.symbol.modulus;
      } else {
        value *= Math.floor(evaluate(atom.numerator, sizes) / atom.divisor);
      }
    }
    total += value;
  }
  return total;
}

export function evaluateShape(shape: Shape, sizes: Sizes): number[] {
  return shape.map((d) => evaluate(d, sizes));
}

/** The symbols that a dimension depends on, by name. */
export function symbolsOf(dim: Dim): ReadonlyMap<string, SizeSymbol> {
  const found = new Map<string, SizeSymbol>();
  const visit = (d: Dim): void => {
    if (typeof d === 'number') return;
    for (const term of d.terms) {
      for (const atom of term.atoms) {
        if (atom.kind === 'symbol') found.set(atom.symbol.name, atom.symbol);
        else visit(atom.numerator);
      }
    }
  };
  visit(dim);
  return found;
}

/** The same dimension over other dimensions in place of its symbols. */
export function substitute(dim: Dim, replace: (symbol: SizeSymbol) => Dim): Dim {
  if (typeof dim === 'number') return dim;
  let total: Dim = dim.constant;
  for (const { coefficient, atoms } of dim.terms) {
    let value: Dim = coefficient;
    for (const atom of atoms) {
      if (atom.kind === 'floor') {
        value = mul(value, floorDiv(substitute(atom.numerator, replace), atom.divisor));
        continue;
      }
      const { modulus, remainder } = atom.symbol;
      // The atom is q of `name = modulus·q + remainder`.
      value = mul(value, floorDiv(sub(replace(atom.symbol), remainder), modulus));
    }
    total = add(total, value);
  }
  return total;
}

/**
 * The weakest facts, as written after `where`, under which every given pair is equal:
 * `H % 16 == 0` (the same divisor for each symbol), or `H == W`. Undefined where neither does it.
 */
export function missingFacts(
  pairs: readonly (readonly [Dim, Dim])[],
): readonly string[] | undefined {
  const symbols = new Map<string, SizeSymbol>();
  for (const pair of pairs) {
    for (const dim of pair) for (const [name, s] of symbolsOf(dim)) symbols.set(name, s);
  }
  const makesEqual = (replace: (s: SizeSymbol) => Dim): boolean =>
    pairs.every(([a, b]) => equal(substitute(a, replace), substitute(b, replace)));
  const names = [...symbols.keys()];
  if ([...symbols.values()].every((s) => s.remainder === 0)) {
    for (const divisor of candidateDivisors()) {
      if (makesEqual((s) => symbolDim(multipleOf(s, divisor)))) {
        return names.map((name) => `${name} % ${divisor} == 0`);
      }
    }
  }
  const twins = twinsOf(pairs);
  if (twins.size > 0 && makesEqual((s) => symbolDim(twins.get(s.name) ?? s))) {
    return [...twins].map(([name, twin]) => `${twin.name} == ${name}`);
  }
  return undefined;
}

/** The symbols that have to be one for every pair to be equal: each but the first of them, with the first. */
function twinsOf(pairs: readonly (readonly [Dim, Dim])[]): ReadonlyMap<string, SizeSymbol> {
  const firsts = new Map<string, SizeSymbol>();
  for (const [a, b] of pairs) {
    const symbols = [...symbolsOf(a).values(), ...symbolsOf(b).values()];
    const [first, ...others] = symbols.map((s) => firsts.get(s.name) ?? s);
    if (first === undefined) continue;
    for (const s of symbols) firsts.set(s.name, firsts.get(s.name) ?? s);
    const joined = new Set(others.map((s) => s.name));
    for (const [name, s] of firsts) if (joined.has(s.name)) firsts.set(name, first);
  }
  return new Map([...firsts].filter(([name, first]) => name !== first.name));
}

function multipleOf(symbol: SizeSymbol, divisor: number): SizeSymbol {
  const modulus = (symbol.modulus * divisor) / gcd(symbol.modulus, divisor);
  return { ...symbol, modulus, min: Math.max(symbol.min, modulus) };
}

function* candidateDivisors(): Generator<number> {
  for (let n = 2; n <= 64; n++) yield n;
  for (let n = 128; n <= 1024; n *= 2) yield n;
}

export function gcd(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** A dimension as the user would write it: `H/2 + 1`, `(H + 1) // 2`, `3*H*W`. */
export function formatDim(dim: Dim): string {
  if (typeof dim === 'number') return String(dim);
  // Back from q to the symbol: q = (name − remainder) / modulus, a polynomial with fractions.
  let parts: Fraction[] = [{ atoms: [], over: dim.constant, under: 1 }];
  for (const { coefficient, atoms } of dim.terms) {
    let expanded: Fraction[] = [{ atoms: [], over: coefficient, under: 1 }];
    for (const atom of atoms) expanded = expanded.flatMap((f) => timesAtom(f, atom));
    parts = parts.concat(expanded);
  }
  const merged = new Map<string, Fraction>();
  for (const part of parts) {
    const key = [...part.atoms].sort().join('*');
    const other = merged.get(key);
    merged.set(key, other === undefined ? part : plusFraction(other, part));
  }
  const shown = [...merged.values()].filter((f) => f.over !== 0);
  shown.sort((a, b) => Number(b.atoms.length > 0) - Number(a.atoms.length > 0));
  return shown
    .map((f, i) => {
      const text = formatFraction(f);
      if (i === 0) return f.over < 0 ? `-${text}` : text;
      return f.over < 0 ? ` - ${text}` : ` + ${text}`;
    })
    .join('');
}

interface Fraction {
  readonly atoms: readonly string[];
  readonly over: number;
  readonly under: number;
}

function timesAtom(f: Fraction, atom: Atom): Fraction[] {
  if (atom.kind === 'floor') {
    const inner = formatDim(atom.numerator);
    const text = /[ /]/.test(inner) ? `(${inner})` : inner;
    return [{ ...f, atoms: [...f.atoms, `${text} // ${atom.divisor}`] }];
  }
  const { name, modulus, remainder } = atom.symbol;
  return [
    { atoms: [...f.atoms, name], over: f.over, under: f.under * modulus },
    { atoms: f.atoms, over: -f.over * remainder, under: f.under * modulus },
  ];
}

function plusFraction(a: Fraction, b: Fraction): Fraction {
  return { atoms: a.atoms, over: a.over * b.under + b.over * a.under, under: a.under * b.under };
}

function formatFraction(f: Fraction): string {
  const common = gcd(f.over, f.under);
  const over = Math.abs(f.over / common);
  const under = f.under / common;
  if (f.atoms.length === 0) return under === 1 ? String(over) : `${over}/${under}`;
  const wrap = f.atoms.length > 1 || over !== 1 || under !== 1;
  const product = f.atoms.map((a) => (wrap && a.includes(' ') ? `(${a})` : a)).join('*');
  return (over === 1 ? '' : `${over}*`) + product + (under === 1 ? '' : `/${under}`);
}

/** `[H/2, W/2, 64]` */
export function formatShape(shape: Shape): string {
  return `[${shape.map(formatDim).join(', ')}]`;
}
