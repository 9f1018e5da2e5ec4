/**
 * Sizes that are known when the model runs: nodes that compute them from the shapes of its inputs.
 * Every size in a graph is a polynomial, with floors, over the inputs' symbols (see
 * `compiler/shape.ts`), so each has such nodes.
 */
import {
  isSymbolic,
  symbolDim,
  symbolsOf,
  type Dim,
  type Shape,
  type SizeSymbol,
  type SymbolicDim,
} from '../compiler/shape.js';
import { diagnostic, type Diagnostic } from '../compiler/diagnostic.js';
import type { Graph, Origin } from '../compiler/ir.js';

/** A tensor of a target, in the target's axes. */
interface Shaped {
  readonly shape: Shape;
}

export interface SizeSource<V extends Shaped> {
  /** The model's inputs, the batch included. */
  readonly inputs: readonly V[];
  /** No input has an axis from which this symbol follows: the model cannot be written. */
  readonly missing: (symbol: SizeSymbol) => unknown;
}

/** Writes nodes whose results are vectors of whole numbers; all but `ints` and `join` of one. */
interface SizeWriter<V extends Shaped> {
  ints(values: readonly number[]): V;
  /** The size of an axis. */
  read(input: V, axis: number): V;
  add(a: V, b: V): V;
  multiply(a: V, b: V): V;
  /** Rounded down, or to zero: what is divided is never negative. */
  divide(a: V, b: V): V;
  /** Vectors one after the other, as one of this length. */
  join(parts: readonly V[], length: number): V;
}

interface RuntimeSizes<V extends Shaped> {
  /** These sizes as a vector; -1 is passed on. */
  vector(dims: Shape): V;
}

/** Why a model cannot be written whose sizes depend on this symbol. */
export function missingSize({ name }: SizeSymbol, origin: Origin | undefined): Diagnostic {
  return diagnostic(
    'dynamic-size',
    `the size ${name} does not follow from the shape of an input when the model runs`,
    {
      span: origin?.span,
      hints: ['give the model fixed sizes', `let an axis of an input be ${name} itself`],
    },
  );
}

/** The batch as a size: `N`, or another name where a symbol of the model has that one. */
export function batchDim(graph: Graph): Dim {
  const taken = new Set(
    graph.inputs.flatMap((v) => v.type.shape.flatMap((d) => [...symbolsOf(d).keys()])),
  );
  const names = ['N', 'batch', ...Array.from(taken, (_, i) => `batch_${i + 2}`)];
  const name = names.find((n) => !taken.has(n)) ?? 'N';
  return symbolDim({ name, modulus: 1, remainder: 0, min: 1, max: 2 ** 31 - 1 });
}

export function runtimeSizes<V extends Shaped>(
  source: SizeSource<V>,
  writer: SizeWriter<V>,
): RuntimeSizes<V> {
  const known = new Map<string, V>();
  const once = (key: string, make: () => V): V => {
    const found = known.get(key) ?? make();
    known.set(key, found);
    return found;
  };
  const constant = (value: number): V => once(`${value}`, () => writer.ints([value]));
  const plus = (a: V, value: number): V => (value === 0 ? a : writer.add(a, constant(value)));
  const times = (a: V, value: number): V => (value === 1 ? a : writer.multiply(a, constant(value)));
  const over = (a: V, divisor: number): V =>
    divisor === 1 ? a : writer.divide(a, constant(divisor));

  /** The q of `name = modulus · q + remainder`. */
  function quotient(symbol: SizeSymbol): V {
    return once(`q ${symbol.name}`, () => {
      const found = findAxis(source.inputs, symbol);
      if (found === undefined) {
        source.missing(symbol);
        return constant(1);
      }
      const { input, axis, dim, coefficient } = found;
      return over(
        plus(
          size(dim, () => writer.read(input, axis)),
          -dim.constant,
        ),
        coefficient,
      );
    });
  }

  function size(dim: Dim, make?: () => V): V {
    if (!isSymbolic(dim)) return constant(dim);
    return once(dim.key, () => {
      if (make !== undefined) return make();
      const same = axisOfSize(source.inputs, dim);
      return same === undefined ? polynomial(dim) : writer.read(same.input, same.axis);
    });
  }

  function polynomial(dim: SymbolicDim): V {
    const terms = dim.terms.map(({ atoms, coefficient }) => {
      const factors = atoms.map((atom) =>
        atom.kind === 'symbol'
          ? quotient(atom.symbol)
          : once(atom.key, () => over(size(atom.numerator), atom.divisor)),
      );
      return times(
        factors.reduce((a, b) => writer.multiply(a, b)),
        coefficient,
      );
    });
    return plus(
      terms.reduce((a, b) => writer.add(a, b)),
      dim.constant,
    );
  }

  return {
    vector(dims) {
      const key = dims.map((dim) => (isSymbolic(dim) ? dim.key : dim)).join(', ');
      return once(`[${key}]`, () => {
        const parts = runs(dims).map((run) =>
          typeof run === 'object' && 'kind' in run ? size(run) : writer.ints(run),
        );
        const [only] = parts;
        if (only !== undefined && parts.length === 1) return only;
        return writer.join(parts, dims.length);
      });
    },
  };
}

/** Numbers that stand together as one part, each symbolic size as a part of its own. */
function runs(dims: Shape): (SymbolicDim | number[])[] {
  const parts: (SymbolicDim | number[])[] = [];
  for (const dim of dims) {
    const last = parts.at(-1);
    if (isSymbolic(dim)) parts.push(dim);
    else if (Array.isArray(last)) last.push(dim);
    else parts.push([dim]);
  }
  return parts;
}

interface InputAxis<V> {
  readonly input: V;
  readonly axis: number;
}

function axisOfSize<V extends Shaped>(
  inputs: readonly V[],
  wanted: SymbolicDim,
): InputAxis<V> | undefined {
  for (const input of inputs) {
    const axis = input.shape.findIndex((dim) => isSymbolic(dim) && dim.key === wanted.key);
    if (axis !== -1) return { input, axis };
  }
  return undefined;
}

/** An axis whose size is `coefficient · q + constant` for the q of this symbol. */
function findAxis<V extends Shaped>(
  inputs: readonly V[],
  symbol: SizeSymbol,
): (InputAxis<V> & { readonly dim: SymbolicDim; readonly coefficient: number }) | undefined {
  for (const input of inputs) {
    for (const [axis, dim] of input.shape.entries()) {
      if (!isSymbolic(dim) || dim.terms.length !== 1) continue;
      const [term] = dim.terms;
      const [atom] = term?.atoms ?? [];
      if (term === undefined || term.atoms.length !== 1 || atom?.kind !== 'symbol') continue;
      if (atom.symbol.name === symbol.name) {
        return { input, axis, dim, coefficient: term.coefficient };
      }
    }
  }
  return undefined;
}
