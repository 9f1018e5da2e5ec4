/** Operators and functions of the language on compile-time values: everything but tensors. */
import type { BinaryOperator } from './ast.js';
import type { Code } from './codes.js';
import {
  describeEntity,
  kindOfEntity,
  rangeItems,
  type BlockEntity,
  type Entity,
  type Given,
} from './entity.js';
import {
  add,
  equal,
  exactDiv,
  floorDiv,
  formatDim,
  isSymbolic,
  mod,
  mul,
  range,
  sub,
  type Dim,
} from './shape.js';

/** What went wrong; the caller knows the place. */
export interface Failure {
  readonly type: 'failure';
  readonly code: Code;
  readonly message: string;
  readonly hints: readonly string[];
}

export function failure(code: Code, message: string, ...hints: string[]): Failure {
  return { type: 'failure', code, message, hints };
}

/**
 * Lists are limited, so that a mistake ends with a message and not with the machine's memory. Items
 * of lists in a list count too, as often as they can be reached.
 */
export const MAX_LIST = 100_000;
/** Lists in lists. */
export const MAX_LIST_DEPTH = 32;
/** Characters of a string that is put together. */
export const MAX_STRING = 100_000;

/** How comparisons of sizes are decided where the symbols alone do not. */
type Concretize = (dim: Dim) => Dim;

const keep: Concretize = (dim) => dim;

export function binary(
  operator: BinaryOperator,
  left: Entity,
  right: Entity,
  concretize: Concretize = keep,
): Entity | Failure {
  if (left.type === 'poison' || right.type === 'poison') return { type: 'poison' };
  switch (operator) {
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(operator, left, right, concretize);
    case 'and':
    case 'or':
      return mismatch(operator, left, right, 'bools');
    case '+':
      if (left.type === 'list' && right.type === 'list') {
        return makeList([...left.items, ...right.items]);
      }
      if (left.type === 'string' && right.type === 'string') {
        const value = left.value + right.value;
        if (value.length <= MAX_STRING) return { type: 'string', value };
        return failure('too-large', `a string of ${value.length} characters passes the limit`);
      }
      return arithmetic(operator, left, right, concretize);
    case '*':
      if (left.type === 'list' && right.type === 'int') return repeatList(left, right.value);
      if (right.type === 'list' && left.type === 'int') return repeatList(right, left.value);
      return arithmetic(operator, left, right, concretize);
    default:
      return arithmetic(operator, left, right, concretize);
  }
}

interface Extent {
  readonly size: number;
  readonly depth: number;
}

const extents = new WeakMap<readonly Entity[], Extent>();

function extentOf(items: readonly Entity[]): Extent {
  let extent = extents.get(items);
  if (extent === undefined) {
    let [size, depth] = [items.length, 0];
    for (const item of items) {
      if (item.type === 'range') size += Math.max(0, item.end - item.start);
      if (item.type !== 'list') continue;
      const inner = extentOf(item.items);
      size += inner.size;
      depth = Math.max(depth, inner.depth);
    }
    extent = { size, depth: depth + 1 };
    extents.set(items, extent);
  }
  return extent;
}

/** A list of these items, unless it passes a limit. */
export function makeList(items: readonly Entity[]): Entity | Failure {
  const { size, depth } = extentOf(items);
  if (size > MAX_LIST) {
    return failure('too-large', `a list of ${size} items passes the limit of ${MAX_LIST}`);
  }
  if (depth > MAX_LIST_DEPTH) {
    return failure('too-large', `lists are nested more than ${MAX_LIST_DEPTH} deep here`);
  }
  return { type: 'list', items };
}

function repeatList(list: { readonly items: readonly Entity[] }, count: Dim): Entity | Failure {
  if (isSymbolic(count)) return undecided(`${formatDim(count)} copies of a list`);
  if (count < 0) return failure('wrong-type', `a list cannot be repeated ${count} times`);
  if (list.items.length * count > MAX_LIST) {
    return failure(
      'too-large',
      `a list of ${list.items.length * count} items passes the limit of ${MAX_LIST}`,
    );
  }
  return makeList(Array.from({ length: count }, () => list.items).flat());
}

function undecided(what: string): Failure {
  return failure(
    'undecided',
    `${what} depends on the size of the input`,
    'give the axis of the input a number instead of a symbol, or add a fact after `where`',
  );
}

function mismatch(operator: string, left: Entity, right: Entity, wanted: string): Failure {
  return failure(
    'wrong-type',
    `\`${operator}\` works on ${wanted}, not on ${describeEntity(left)} and ${describeEntity(right)}`,
  );
}

function arithmetic(
  operator: BinaryOperator,
  left: Entity,
  right: Entity,
  concretize: Concretize,
): Entity | Failure {
  if (
    (left.type !== 'int' && left.type !== 'float') ||
    (right.type !== 'int' && right.type !== 'float')
  ) {
    return mismatch(
      operator,
      left,
      right,
      operator === '+' ? 'numbers, lists and tensors' : 'numbers and tensors',
    );
  }
  // An int to a negative power is a float, as in Python.
  const isFraction =
    operator === '/' ||
    (operator === '**' &&
      typeof left.value === 'number' &&
      typeof right.value === 'number' &&
      right.value < 0);
  if (left.type === 'int' && right.type === 'int' && !isFraction) {
    return integerArithmetic(operator, left.value, right.value, concretize);
  }
  if (isSymbolic(left.value) || isSymbolic(right.value)) {
    if (operator === '/' && left.type === 'int' && right.type === 'int') {
      return failure(
        'wrong-type',
        '`/` makes a float, which a size that depends on the input cannot be',
        'write `//`, which floors',
      );
    }
    return undecided('this float');
  }
  const value = floatArithmetic(operator, left.value, right.value);
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) {
    return failure(
      'number-range',
      `${left.value} ${operator} ${right.value} is not a finite number`,
    );
  }
  return { type: 'float', value };
}

function floatArithmetic(operator: BinaryOperator, a: number, b: number): number | Failure {
  if ((operator === '/' || operator === '//' || operator === '%') && b === 0) {
    return failure('division-by-zero', `${a} ${operator} 0 has no value`);
  }
  if (operator === '**' && a === 0 && b < 0) {
    return failure('division-by-zero', `0 ** ${b} has no value`);
  }
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '//':
      return floorDivided(a, b).quotient;
    case '%':
      return floorDivided(a, b).rest;
    default:
      return a ** b;
  }
}

/**
 * As Python: the remainder is exact, and the quotient follows from it, since `a / b` may round up to
 * a whole number: 1.0 // 0.1 is 9, because 0.1 is a little more than a tenth.
 */
function floorDivided(a: number, b: number): { readonly quotient: number; readonly rest: number } {
  const truncated = a % b;
  const isAcross = truncated !== 0 && truncated < 0 !== b < 0;
  const rest = isAcross ? truncated + b : truncated;
  // Whole but for rounding.
  const quotient = Math.round((a - truncated) / b) - (isAcross ? 1 : 0);
  return { quotient: quotient + 0, rest: rest + 0 };
}

function integerArithmetic(
  operator: BinaryOperator,
  a: Dim,
  b: Dim,
  concretize: Concretize,
): Entity | Failure {
  const value = integerResult(operator, a, b, concretize);
  if (typeof value === 'object' && 'type' in value) return value;
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return failure(
      'number-range',
      `${formatDim(a)} ${operator} ${formatDim(b)} is too large to be exact (the limit is 2^53 - 1)`,
    );
  }
  return { type: 'int', value: withoutNegativeZero(value) };
}

function withoutNegativeZero(value: Dim): Dim {
  return value === 0 ? 0 : value;
}

function integerResult(
  operator: BinaryOperator,
  a: Dim,
  b: Dim,
  concretize: Concretize,
): Dim | Failure {
  switch (operator) {
    case '+':
      return add(a, b);
    case '-':
      return sub(a, b);
    case '*':
      return mul(a, b);
    case '**':
      if (isSymbolic(b)) return undecided(`a power of ${formatDim(b)}`);
      if (typeof a === 'number') return a ** b;
      if (b < 0 || b > 8) return undecided(`(${formatDim(a)}) ** ${b}`);
      return Array.from({ length: b }, () => a).reduce<Dim>((p, x) => mul(p, x), 1);
    default:
      break;
  }
  if (b === 0) return failure('division-by-zero', `${formatDim(a)} ${operator} 0 has no value`);
  if (isSymbolic(b)) {
    const [low, high] = range(b);
    if (low <= 0 && high >= 0) {
      const chosen = concretize(b);
      if (chosen === 0) {
        return failure('division-by-zero', `this divides by ${formatDim(b)}, which is 0 here`);
      }
      if (isSymbolic(chosen)) return undecided(`dividing by ${formatDim(b)}, which may be 0,`);
    }
    const quotient = exactDiv(a, b);
    if (quotient === undefined) return undecided(`${formatDim(a)} ${operator} ${formatDim(b)}`);
    return operator === '//' ? quotient : 0;
  }
  // Floors towards minus infinity for a negative divisor too, as Python does.
  const [numerator, divisor] = b < 0 ? [mul(a, -1), -b] : [a, b];
  if (operator === '//') return floorDiv(numerator, divisor);
  return b < 0 ? mul(mod(numerator, divisor), -1) : mod(a, b);
}

type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

function compare(
  operator: Comparison,
  left: Entity,
  right: Entity,
  concretize: Concretize,
): Entity | Failure {
  if (operator === '==' || operator === '!=') {
    const same = isSame(left, right, concretize);
    if (typeof same !== 'boolean') return same;
    return { type: 'bool', value: operator === '==' ? same : !same };
  }
  if (left.type === 'bool' && (right.type === 'int' || right.type === 'float')) {
    return failure(
      'wrong-type',
      `\`${operator}\` compares numbers, not ${describeEntity(left)} and ${describeEntity(right)}`,
      'write `a < b and b < c` in place of `a < b < c`',
    );
  }
  if (
    (left.type !== 'int' && left.type !== 'float') ||
    (right.type !== 'int' && right.type !== 'float')
  ) {
    return mismatch(operator, left, right, 'numbers');
  }
  const value = ordered(operator, left.value, right.value, concretize);
  return typeof value === 'boolean' ? { type: 'bool', value } : value;
}

function ordered(operator: Comparison, a: Dim, b: Dim, concretize: Concretize): boolean | Failure {
  if (operator === '>' || operator === '>=') {
    return ordered(operator === '>' ? '<' : '<=', b, a, concretize);
  }
  const holds = (x: number, y: number): boolean => (operator === '<' ? x < y : x <= y);
  if (typeof a === 'number' && typeof b === 'number') return holds(a, b);
  const [low, high] = range(sub(a, b));
  if (holds(high, 0)) return true;
  if (!holds(low, 0)) return false;
  const [x, y] = [concretize(a), concretize(b)];
  if (typeof x === 'number' && typeof y === 'number') return holds(x, y);
  return undecided(`whether ${formatDim(a)} ${operator} ${formatDim(b)}`);
}

/** Whether two values are equal; fails where that cannot be said. */
function isSame(left: Entity, right: Entity, concretize: Concretize): boolean | Failure {
  const numeric = (e: Entity): Dim | undefined =>
    e.type === 'int' || e.type === 'float' ? e.value : undefined;
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) {
    if (equal(a, b)) return true;
    const [low, high] = range(sub(a, b));
    if (low > 0 || high < 0) return false;
    if (low === 0 && high === 0) return true;
    const [x, y] = [concretize(a), concretize(b)];
    if (typeof x === 'number' && typeof y === 'number') return x === y;
    return undecided(`whether ${formatDim(a)} == ${formatDim(b)}`);
  }
  const [leftItems, rightItems] = [itemsOf(left), itemsOf(right)];
  if (leftItems !== undefined && rightItems !== undefined) {
    if (leftItems.length !== rightItems.length) return false;
    for (const [i, item] of leftItems.entries()) {
      const other = rightItems[i];
      const same = other === undefined ? false : isSame(item, other, concretize);
      if (same !== true) return same;
    }
    return true;
  }
  if (left.type === 'none' || right.type === 'none') return left.type === right.type;
  if (
    (left.type === 'bool' && right.type === 'bool') ||
    (left.type === 'string' && right.type === 'string')
  ) {
    return left.value === right.value;
  }
  if (left.type === 'block' && right.type === 'block') return sameBlock(left, right, concretize);
  return failure(
    'wrong-type',
    `${describeEntity(left)} and ${describeEntity(right)} cannot be compared`,
  );
}

/** Whether two blocks are one: the same declaration or operator, with the same arguments. */
function sameBlock(
  left: BlockEntity,
  right: BlockEntity,
  concretize: Concretize,
): boolean | Failure {
  if (left.form === 'operator' && right.form === 'operator') {
    if (left.operator !== right.operator || left.tensors.length + right.tensors.length > 0) {
      return false;
    }
    return sameGiven(left.given, right.given, concretize);
  }
  if (left.form === 'declared' && right.form === 'declared') {
    return left.declaration === right.declaration && sameGiven(left.given, right.given, concretize);
  }
  if (left.form === 'chain' && right.form === 'chain') {
    return isSame(
      { type: 'list', items: left.stages.map((stage) => stage.block) },
      { type: 'list', items: right.stages.map((stage) => stage.block) },
      concretize,
    );
  }
  if (left.form === 'repeat' && right.form === 'repeat') {
    return left.count === right.count && sameBlock(left.block, right.block, concretize);
  }
  return left === right;
}

function sameGiven(left: Given, right: Given, concretize: Concretize): boolean | Failure {
  if (left.size !== right.size) return false;
  for (const [name, { entity }] of left) {
    const other = right.get(name);
    const same = other === undefined ? false : isSame(entity, other.entity, concretize);
    if (same !== true) return same;
  }
  return true;
}

/** The items of a list or range. */
export function itemsOf(entity: Entity): readonly Entity[] | undefined {
  if (entity.type === 'list') return entity.items;
  if (entity.type === 'range') return rangeItems(entity.start, entity.end);
  return undefined;
}

export function unary(operator: '-' | 'not', operand: Entity): Entity | Failure {
  if (operand.type === 'poison') return operand;
  if (operator === 'not') {
    if (operand.type === 'bool') return { type: 'bool', value: !operand.value };
    return failure('wrong-type', `\`not\` works on a bool, not on ${describeEntity(operand)}`);
  }
  if (operand.type === 'int') {
    return { type: 'int', value: withoutNegativeZero(mul(operand.value, -1)) };
  }
  if (operand.type === 'float') return { type: 'float', value: -operand.value };
  return failure(
    'wrong-type',
    `\`-\` works on a number or tensor, not on ${describeEntity(operand)}`,
  );
}

/** `xs[i]`: negative counts from the end. */
export function indexList(object: Entity, index: Entity): Entity | Failure {
  const items = itemsOf(object);
  if (items === undefined) {
    return failure('wrong-type', `only lists have items, and this is ${describeEntity(object)}`);
  }
  if (index.type !== 'int' || isSymbolic(index.value)) {
    return failure('wrong-type', `an index is an int, not ${describeEntity(index)}`);
  }
  const item = items.at(index.value);
  if (item === undefined || !Number.isInteger(index.value)) {
    return failure(
      'index-range',
      `index ${index.value} is outside a list of ${items.length}`,
      items.length === 0
        ? 'the list is empty'
        : `indices run from 0 to ${items.length - 1}, or from -${items.length} to -1`,
    );
  }
  return item;
}

/** `xs[a..b]`: half open, ends outside the list are moved to it, as in Python. */
export function sliceList(
  object: Entity,
  start: number | undefined,
  end: number | undefined,
): Entity | Failure {
  const items = itemsOf(object);
  if (items === undefined) {
    return failure('wrong-type', `only lists have slices, and this is ${describeEntity(object)}`);
  }
  return { type: 'list', items: items.slice(start ?? 0, end ?? items.length) };
}

export const FUNCTION_NAMES = [
  'len',
  'reverse',
  'zip',
  'min',
  'max',
  'sum',
  'floor',
  'ceil',
  'round',
] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

export function isFunctionName(name: string): name is FunctionName {
  return (FUNCTION_NAMES as readonly string[]).includes(name);
}

/** `len(xs)`, `zip(a, b)`, `min(a, b)` or `min(xs)`, … */
export function callFunction(name: FunctionName, args: readonly Entity[]): Entity | Failure {
  if (args.some((a) => a.type === 'poison')) return { type: 'poison' };
  const [first] = args;
  switch (name) {
    case 'len': {
      const items = args.length === 1 && first !== undefined ? itemsOf(first) : undefined;
      return items === undefined
        ? wants(name, 'one list', args)
        : { type: 'int', value: items.length };
    }
    case 'reverse': {
      const items = args.length === 1 && first !== undefined ? itemsOf(first) : undefined;
      return items === undefined
        ? wants(name, 'one list', args)
        : { type: 'list', items: [...items].reverse() };
    }
    case 'zip':
      return zip(args);
    case 'min':
    case 'max':
    case 'sum':
      return fold(name, args);
    default:
      return rounded(name, args);
  }
}

function wants(name: string, what: string, args: readonly Entity[]): Failure {
  const got = args.length === 0 ? 'nothing' : args.map(describeEntity).join(', ');
  return failure('wrong-type', `\`${name}\` takes ${what}, not ${got}`);
}

function zip(args: readonly Entity[]): Entity | Failure {
  const lists = args.map(itemsOf);
  const known = lists.filter((l) => l !== undefined);
  const [first] = known;
  if (first === undefined || known.length !== args.length || args.length < 2) {
    return wants('zip', 'two or more lists', args);
  }
  if (known.some((l) => l.length !== first.length)) {
    return failure(
      'wrong-type',
      `\`zip\` pairs lists of one length, and these have ${known.map((l) => l.length).join(' and ')}`,
      'a slice such as `xs[..-1]` drops the last item',
    );
  }
  return makeList(
    first.map((_, i) => ({ type: 'list', items: known.flatMap((l) => l.slice(i, i + 1)) })),
  );
}

function fold(name: 'min' | 'max' | 'sum', args: readonly Entity[]): Entity | Failure {
  const [only] = args;
  const items = args.length === 1 && only !== undefined ? itemsOf(only) : args;
  if (items === undefined || (name !== 'sum' && items.length === 0)) {
    return wants(name, 'numbers or a list of them', args);
  }
  let best: Entity | undefined = name === 'sum' ? { type: 'int', value: 0 } : undefined;
  for (const item of items) {
    if (item.type !== 'int' && item.type !== 'float') {
      return wants(name, 'numbers or a list of them', args);
    }
    if (best === undefined) {
      best = item;
      continue;
    }
    if (name === 'sum') {
      const total = binary('+', best, item);
      if (total.type === 'failure') return total;
      best = total;
      continue;
    }
    const smaller = binary('<', item, best);
    if (smaller.type === 'failure') return smaller;
    if (smaller.type === 'bool' && smaller.value === (name === 'min')) best = item;
  }
  return best ?? wants(name, 'numbers', args);
}

function rounded(name: 'floor' | 'ceil' | 'round', args: readonly Entity[]): Entity | Failure {
  const [x] = args;
  if (args.length !== 1 || (x?.type !== 'int' && x?.type !== 'float')) {
    return wants(name, 'one number', args);
  }
  if (x.type === 'int') return x;
  // Halves to even, as in Python.
  const nearestEven = (v: number): number => {
    const down = Math.floor(v);
    const rest = v - down;
    if (rest !== 0.5) return Math.round(v);
    return down % 2 === 0 ? down : down + 1;
  };
  const value = { floor: Math.floor, ceil: Math.ceil, round: nearestEven }[name](x.value);
  if (!Number.isSafeInteger(value)) {
    return failure('number-range', `${x.value} is too large to be an int`);
  }
  return { type: 'int', value };
}

/** What `if` and `and` need. */
export function wantBool(entity: Entity, where: string): boolean | Failure {
  if (entity.type === 'bool') return entity.value;
  return failure('wrong-type', `${where} is a bool, and this is ${kindOfEntity(entity)}`);
}
