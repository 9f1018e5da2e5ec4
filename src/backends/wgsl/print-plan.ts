/** `plan.json`: one line for each thing in a list, so that people can read it and diffs are small. */
import type { Plan } from '../../webgpu/plan.js';

export function printPlan(plan: Plan): string {
  return `${printObject(plan, '')}\n`;
}

function printObject(value: object, space: string): string {
  const inner = `${space}  `;
  const entries = Object.entries(value).map(
    ([key, item]: [string, unknown]) =>
      `${inner}${JSON.stringify(key)}: ${printValue(item, inner)}`,
  );
  return `{\n${entries.join(',\n')}\n${space}}`;
}

function printValue(value: unknown, space: string): string {
  if (Array.isArray(value) && value.some((item) => typeof item === 'object')) {
    const items = value.map((item) => `${space}  ${JSON.stringify(item)}`);
    return `[\n${items.join(',\n')}\n${space}]`;
  }
  // The object of the weights holds a list.
  return isPlain(value) && Object.values(value).some((item) => Array.isArray(item))
    ? printObject(value, space)
    : JSON.stringify(value);
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
