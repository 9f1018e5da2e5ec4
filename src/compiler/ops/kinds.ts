/** What an operator's parameter accepts, and how what was written becomes an attribute. */
import type { Constant } from '../constant.js';
import { CHANNELS_FOLLOW } from '../habits.js';
import type { Attribute, Body, InitializerKind } from '../ir.js';
import { INITIALIZER_KINDS } from '../ir.js';
import { isSymbolic, range, type Dim } from '../shape.js';

export interface Kind<T extends Attribute> {
  /** Ends the sentence "`stride` takes …": `a whole number of at least 1`. */
  readonly describe: string;
  /** How a signature shows it: `int`, `same | valid | int`. */
  readonly type: string;
  /** Names that may be written bare: `same`, `bilinear`. */
  readonly choices: readonly string[];
  /** What is probably meant by what does not fit, where many make one mistake. */
  readonly hint?: string;
  /** The attribute, or undefined where the constant does not fit. */
  readonly read: (c: Constant) => T | undefined;
}

/** The largest extent that a size or count may have: beyond it, products stop being exact. */
export const MAX_EXTENT = 2 ** 31 - 1;

function readInt(c: Constant, min: number): number | undefined {
  if (c.type !== 'int' || typeof c.value !== 'number') return undefined;
  return c.value >= min && c.value <= MAX_EXTENT ? c.value : undefined;
}

export function int(min = -MAX_EXTENT): Kind<number> {
  return {
    describe: min === -MAX_EXTENT ? 'a whole number' : `a whole number of at least ${min}`,
    type: 'int',
    choices: [],
    read: (c) => readInt(c, min),
  };
}

export function float(min = -Infinity, max = Infinity): Kind<number> {
  const bounds =
    min === -Infinity ? '' : max === Infinity ? ` of at least ${min}` : ` from ${min} to ${max}`;
  return {
    describe: `a number${bounds}`,
    type: 'float',
    choices: [],
    read: (c) => {
      const value = c.type === 'float' || c.type === 'int' ? c.value : undefined;
      return typeof value === 'number' && value >= min && value <= max ? value : undefined;
    },
  };
}

/** A kind, with what is said where a value does not fit it. */
export function withHint<T extends Attribute>(kind: Kind<T>, hint: string): Kind<T> {
  return { ...kind, hint };
}

/** A summand against division by 0. `batchnorm(64)`, as PyTorch has it, would be one of 64. */
export const epsilon: Kind<number> = withHint(
  {
    ...float(0),
    describe: 'a number of at least 0 and below 1',
    read: (c) => {
      const value = float(0).read(c);
      return value !== undefined && value < 1 ? value : undefined;
    },
  },
  CHANNELS_FOLLOW,
);

export function bool(): Kind<boolean> {
  return {
    describe: '`true` or `false`',
    type: 'bool',
    choices: [],
    read: (c) => (c.type === 'bool' ? c.value : undefined),
  };
}

export function choice<const T extends string>(...choices: readonly T[]): Kind<T> {
  return {
    describe: `one of ${choices.map((x) => `\`${x}\``).join(', ')}`,
    type: choices.join(' | '),
    choices,
    read: (c) => (c.type === 'string' ? choices.find((x) => x === c.value) : undefined),
  };
}

export const initializer: Kind<InitializerKind> = choice(...INITIALIZER_KINDS);

/** `3` or `[3, 5]`: height, width. */
export function pair(min: number): Kind<readonly [number, number]> {
  return {
    describe: `a whole number of at least ${min}, or two as \`[height, width]\``,
    type: 'int | [int, int]',
    choices: [],
    read: (c) => {
      const both = c.type === 'list' && c.items.length === 2 ? c.items : [c, c];
      const [h, w] = both.map((x) => readInt(x, min));
      return h === undefined || w === undefined ? undefined : [h, w];
    },
  };
}

/** `same`, `valid`, or explicit amounts as `[top, bottom, left, right]`. */
export type Padding = 'same' | 'valid' | readonly [number, number, number, number];

export const padding: Kind<Padding> = {
  describe: '`same`, `valid`, a whole number of at least 0, or `[top, bottom, left, right]`',
  type: 'same | valid | int | [int, int, int, int]',
  choices: ['same', 'valid'],
  read: (c) => {
    if (c.type === 'string') return c.value === 'same' || c.value === 'valid' ? c.value : undefined;
    return amounts.read(c);
  },
};

/** `2`, or `[top, bottom, left, right]`. */
export const amounts: Kind<readonly [number, number, number, number]> = {
  describe: 'a whole number of at least 0, or `[top, bottom, left, right]`',
  type: 'int | [int, int, int, int]',
  choices: [],
  read: (c) => {
    const sides = c.type === 'list' && c.items.length === 4 ? c.items : [c, c, c, c];
    const [top, bottom, left, right] = sides.map((x) => readInt(x, 0));
    if (top === undefined || bottom === undefined) return undefined;
    if (left === undefined || right === undefined) return undefined;
    return [top, bottom, left, right];
  },
};

const AXIS_NAMES: Readonly<Record<string, number>> = { channels: -1, width: -2, height: -3 };

function readAxis(c: Constant): number | undefined {
  if (c.type === 'string') return AXIS_NAMES[c.value];
  return c.type === 'int' && typeof c.value === 'number' ? c.value : undefined;
}

/** An axis counted from 0 without the batch, from the end when negative, or by name. */
export const axis: Kind<number> = {
  describe: 'an axis: `channels`, `height`, `width`, or a number (negative counts from the end)',
  type: 'int | channels | height | width',
  choices: Object.keys(AXIS_NAMES),
  read: readAxis,
};

/** One axis or a list of them. */
export const axes: Kind<readonly number[]> = {
  describe: 'an axis or a list of axes',
  type: 'int | [int]',
  choices: Object.keys(AXIS_NAMES),
  read: (c) => {
    const found = (c.type === 'list' ? c.items : [c]).map(readAxis);
    const known = found.filter((a) => a !== undefined);
    return known.length === found.length ? known : undefined;
  },
};

/** A size, which may depend on the input's. */
export const dim: Kind<Dim> = {
  describe: 'a size of at least 1',
  type: 'int',
  choices: [],
  read: (c) => {
    if (c.type !== 'int') return undefined;
    if (!isSymbolic(c.value)) return readInt(c, 1);
    return range(c.value)[1] >= 1 ? c.value : undefined;
  },
};

/** A list of whole numbers or sizes, each possibly symbolic; -1 is allowed. */
export const dims: Kind<readonly Dim[]> = {
  describe: 'a list of sizes',
  type: '[int]',
  choices: [],
  read: (c) => {
    if (c.type !== 'list') return undefined;
    const values: Dim[] = [];
    for (const item of c.items) {
      if (item.type !== 'int') return undefined;
      values.push(item.value);
    }
    return values;
  },
};

/** What a node computes, as a graph; the compiler's own, so that nothing written is read as one. */
export const body: Kind<Body> = {
  describe: 'a body',
  type: 'body',
  choices: [],
  read: () => undefined,
};

/** `kind`, or `none`. */
export function optional<T extends Attribute>(kind: Kind<T>): Kind<T | null> {
  return {
    ...kind,
    describe: `${kind.describe}, or \`none\``,
    type: `${kind.type} | none`,
    read: (c) => (c.type === 'none' ? null : kind.read(c)),
  };
}
