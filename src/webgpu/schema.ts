/** What JSON must look like, as functions that complain with the place where it does not. */
import { PlanError } from './error.js';

/** Throws an `invalid-plan` where the value is not what it should be. `path` says where it is. */
export type Check = (value: unknown, path: string) => void;

export function invalid(path: string, problem: string): PlanError {
  return new PlanError('invalid-plan', `plan.json: ${path === '' ? 'it' : path} ${problem}`);
}

export const where =
  (accepts: (value: unknown) => boolean, what: string): Check =>
  (value, path) => {
    if (accepts(value)) return;
    const text = JSON.stringify(value) as string | undefined;
    throw invalid(
      path,
      text === undefined ? 'is missing' : `is ${text.slice(0, 60)} and not ${what}`,
    );
  };

export const text = where((value) => typeof value === 'string', 'a text');

export const matching = (pattern: RegExp, what: string): Check =>
  where((value) => typeof value === 'string' && pattern.test(value), what);

export const oneOf = (...values: readonly unknown[]): Check =>
  where((value) => values.includes(value), `one of ${JSON.stringify(values)}`);

/** A whole number of the range. */
export const whole = (min: number, max: number = Number.MAX_SAFE_INTEGER): Check =>
  where(
    (value) => Number.isSafeInteger(value) && min <= Number(value) && Number(value) <= max,
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number from ${min}`
      : `a whole number from ${min} to ${max}`,
  );

const list = where((value) => Array.isArray(value), 'a list');

export const listOf =
  (item: Check, min = 0, max = Infinity): Check =>
  (value, path) => {
    list(value, path);
    const items = value as readonly unknown[];
    if (items.length < min || items.length > max) throw invalid(path, `has ${items.length} items`);
    items.forEach((each, i) => item(each, `${path}[${i}]`));
  };

const object = where(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object',
);

/** An object with these fields; those of `optional` may be absent. Others are left alone. */
export const record =
  (
    fields: Readonly<Record<string, Check>>,
    optional: Readonly<Record<string, Check>> = {},
  ): Check =>
  (value, path) => {
    object(value, path);
    const values = value as Readonly<Record<string, unknown>>;
    const inside = (name: string): string => (path === '' ? name : `${path}.${name}`);
    for (const [name, check] of Object.entries(fields)) check(values[name], inside(name));
    for (const [name, check] of Object.entries(optional)) {
      if (values[name] !== undefined) check(values[name], inside(name));
    }
  };

export const mapOf =
  (item: Check): Check =>
  (value, path) => {
    object(value, path);
    for (const [name, each] of Object.entries(value as object)) item(each, `${path}.${name}`);
  };
