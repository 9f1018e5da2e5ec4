/** Arithmetic on the sizes of a plan, folded where both sides are known. */
import { isSymbolic, type Dim, type Shape } from '../../compiler/shape.js';
import type { Size, SizeOperator } from '../../webgpu/plan.js';
import { sizeOf } from '../../webgpu/size.js';

function binary(operator: SizeOperator, a: Size, b: Size): Size {
  const size: Size = [operator, a, b];
  return typeof a === 'number' && typeof b === 'number' ? sizeOf(size, {}) : size;
}

export function plus(a: Size, b: Size): Size {
  if (a === 0) return b;
  return b === 0 ? a : binary('+', a, b);
}

export function minus(a: Size, b: Size): Size {
  return b === 0 ? a : binary('-', a, b);
}

export function times(a: Size, b: Size): Size {
  if (a === 0 || b === 0) return 0;
  if (a === 1) return b;
  return b === 1 ? a : binary('*', a, b);
}

export function floorDiv(a: Size, b: Size): Size {
  return b === 1 ? a : binary('//', a, b);
}

export function ceilDiv(a: Size, b: number): Size {
  return b === 1 ? a : floorDiv(plus(a, b - 1), b);
}

export function min(a: Size, b: Size): Size {
  return binary('min', a, b);
}

export function max(a: Size, b: Size): Size {
  return binary('max', a, b);
}

export function product(sizes: readonly Size[]): Size {
  return sizes.reduce<Size>(times, 1);
}

/** A dimension of the graph; its symbols keep their names. */
export function sizeOfDim(dim: Dim): Size {
  if (!isSymbolic(dim)) return dim;
  return dim.terms.reduce<Size>((sum, { coefficient, atoms }) => {
    const factors = atoms.map((atom): Size => {
      if (atom.kind === 'floor') return floorDiv(sizeOfDim(atom.numerator), atom.divisor);
      const { name, modulus, remainder } = atom.symbol;
      return floorDiv(minus(name, remainder), modulus);
    });
    return plus(sum, times(coefficient, product(factors)));
  }, dim.constant);
}

export function sizesOf(shape: Shape): readonly Size[] {
  return shape.map(sizeOfDim);
}
