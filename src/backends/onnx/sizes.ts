/**
 * Sizes that are known when the model runs: nodes that compute them from the shapes of its inputs.
 * Every size in a graph is a polynomial, with floors, over the inputs' symbols (see
 * `compiler/shape.ts`), so each has such nodes.
 */
import {
  isSymbolic,
  type Dim,
  type Shape,
  type SizeSymbol,
  type SymbolicDim,
} from '../../compiler/shape.js';
import { int, type OnnxAttributes, type OnnxValue } from './model.js';

export interface SizeSource {
  /** The model's inputs, their shapes in ONNX's axes. */
  readonly inputs: readonly OnnxValue[];
  /** No input has an axis from which this symbol follows: the model cannot be written. */
  readonly missing: (symbol: SizeSymbol) => void;
}

/** Writes nodes whose results are vectors of whole numbers. */
export interface SizeWriter {
  ints(values: readonly number[]): OnnxValue;
  node(
    opType: string,
    inputs: readonly OnnxValue[],
    length: number,
    attributes?: OnnxAttributes,
  ): OnnxValue;
}

export interface RuntimeSizes {
  /** These sizes as a vector; -1 is passed on. */
  vector(dims: Shape): OnnxValue;
}

export function runtimeSizes(source: SizeSource, writer: SizeWriter): RuntimeSizes {
  const known = new Map<string, OnnxValue>();
  const once = (key: string, make: () => OnnxValue): OnnxValue => {
    const found = known.get(key) ?? make();
    known.set(key, found);
    return found;
  };
  const constant = (value: number): OnnxValue => once(`${value}`, () => writer.ints([value]));
  const binary = (opType: string, a: OnnxValue, b: OnnxValue): OnnxValue =>
    writer.node(opType, [a, b], 1);
  const plus = (a: OnnxValue, value: number): OnnxValue =>
    value === 0 ? a : binary('Add', a, constant(value));
  const times = (a: OnnxValue, value: number): OnnxValue =>
    value === 1 ? a : binary('Mul', a, constant(value));
  // Numerators of sizes are not negative, for which ONNX's truncating Div is a floor.
  const over = (a: OnnxValue, divisor: number): OnnxValue =>
    divisor === 1 ? a : binary('Div', a, constant(divisor));

  /** The size of one axis of an input. */
  function read(input: OnnxValue, axis: number): OnnxValue {
    return writer.node('Shape', [input], 1, { start: int(axis), end: int(axis + 1) });
  }

  /** The q of `name = modulus · q + remainder`. */
  function quotient(symbol: SizeSymbol): OnnxValue {
    return once(`q ${symbol.name}`, () => {
      const found = findAxis(source.inputs, symbol);
      if (found === undefined) {
        source.missing(symbol);
        return constant(1);
      }
      const { input, axis, dim, coefficient } = found;
      return over(
        plus(
          size(dim, () => read(input, axis)),
          -dim.constant,
        ),
        coefficient,
      );
    });
  }

  function size(dim: Dim, make?: () => OnnxValue): OnnxValue {
    if (!isSymbolic(dim)) return constant(dim);
    return once(dim.key, () => {
      if (make !== undefined) return make();
      const same = axisOfSize(source.inputs, dim);
      return same === undefined ? polynomial(dim) : read(same.input, same.axis);
    });
  }

  function polynomial(dim: SymbolicDim): OnnxValue {
    const terms = dim.terms.map(({ atoms, coefficient }) => {
      const factors = atoms.map((atom) =>
        atom.kind === 'symbol'
          ? quotient(atom.symbol)
          : once(atom.key, () => over(size(atom.numerator), atom.divisor)),
      );
      return times(
        factors.reduce((a, b) => binary('Mul', a, b)),
        coefficient,
      );
    });
    return plus(
      terms.reduce((a, b) => binary('Add', a, b)),
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
        return writer.node('Concat', parts, dims.length, { axis: int(0) });
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

interface InputAxis {
  readonly input: OnnxValue;
  readonly axis: number;
}

function axisOfSize(inputs: readonly OnnxValue[], wanted: SymbolicDim): InputAxis | undefined {
  for (const input of inputs) {
    const axis = input.shape.findIndex((dim) => isSymbolic(dim) && dim.key === wanted.key);
    if (axis !== -1) return { input, axis };
  }
  return undefined;
}

/** An axis whose size is `coefficient · q + constant` for the q of this symbol. */
function findAxis(
  inputs: readonly OnnxValue[],
  symbol: SizeSymbol,
): (InputAxis & { readonly dim: SymbolicDim; readonly coefficient: number }) | undefined {
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
