/// <reference types="@webgpu/types" preserve="true" />
/** What a caller gives for a run, checked against what the plan takes. */
import { meant, PlanError } from './error.js';
import { USAGE } from './instance.js';
import type { Plan, PlanPort } from './plan.js';
import { countOf, formatShape, symbolValues, type SymbolValues } from './size.js';

/** Numbers with their shape: row-major, channels last, the batch first. */
export interface TensorData {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** The same on the GPU, from `offset` (in bytes, a multiple of 4) on. */
export interface TensorBuffer {
  readonly buffer: GPUBuffer;
  readonly offset?: number;
  readonly shape: readonly number[];
}

/** Without a shape it has the model's at its present sizes. A buffer has usage `COPY_SRC`. */
export type RunInput = Float32Array | GPUBuffer | TensorData | TensorBuffer;
export type RunInputs = Readonly<Record<string, RunInput>>;

/** What flows into one input. */
export interface Feed {
  readonly port: PlanPort;
  readonly shape: readonly number[] | undefined;
  readonly content: Float32Array | { readonly buffer: GPUBuffer; readonly offset: number };
}

/** One for each input, in the plan's order. Of sizes only what needs no values of symbols. */
export function feedsOf({ inputs: ports }: Plan, inputs: RunInputs): readonly Feed[] {
  const names = ports.map(({ name }) => name);
  const given: unknown = inputs;
  if (typeof given !== 'object' || given === null) {
    throw new PlanError('wrong-type', `run takes the inputs by name: { ${names.join(', ')} }`);
  }
  for (const name of Object.keys(inputs)) {
    if (names.includes(name)) continue;
    throw new PlanError('unknown-input', `the model has no input '${name}'${meant(name, names)}`);
  }
  return ports.map((port) => {
    const input: unknown = Object.hasOwn(inputs, port.name) ? inputs[port.name] : undefined;
    if (input === undefined || input === null) {
      const shape = formatShape(port.shape);
      throw new PlanError('missing-input', `nothing is given for input '${port.name}' ${shape}`);
    }
    return feedOf(port, input);
  });
}

function feedOf(port: PlanPort, input: unknown): Feed {
  if (isFloats(input)) return { port, shape: undefined, content: input };
  if (isBuffer(input)) return { port, shape: undefined, content: { buffer: input, offset: 0 } };
  const { data, buffer, offset = 0, shape } = Object(input) as Readonly<Record<string, unknown>>;
  const wrong = (what: string): PlanError =>
    new PlanError(
      'wrong-type',
      `input '${port.name}' is ${what}, and the model takes a Float32Array, { data, shape }, or a GPUBuffer`,
    );
  const isTensor = !ArrayBuffer.isView(input) && (data !== undefined || buffer !== undefined);
  if (!isTensor) throw wrong(`a ${kindOf(input)}`);
  if (shape === undefined) throw wrong('without a shape');
  if (!isShape(shape)) throw wrong(`of shape ${JSON.stringify(shape)}`);
  if (isFloats(data)) return { port, shape, content: data };
  if (data !== undefined) throw wrong(`of data in a ${kindOf(data)}`);
  if (!isBuffer(buffer)) throw wrong(`of a buffer that is a ${kindOf(buffer)}`);
  if (!isCount(offset) || offset % 4 !== 0) throw wrong(`at offset ${JSON.stringify(offset)}`);
  return { port, shape, content: { buffer, offset } };
}

/** Not `instanceof`: arrays of another window are as good. */
function isFloats(value: unknown): value is Float32Array {
  return Object.prototype.toString.call(value) === '[object Float32Array]';
}

export function isBuffer(value: unknown): value is GPUBuffer {
  return typeof value === 'object' && value !== null && 'usage' in value && 'mapState' in value;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}

function kindOf(value: unknown): string {
  return typeof value === 'object'
    ? Object.prototype.toString.call(value).slice(8, -1)
    : typeof value;
}

/**
 * The sizes at which the model takes these inputs: those that shapes say, the others as they are.
 * Throws `wrong-shape`, or `wrong-size` where a shape breaks a fact.
 */
export function sizesFor(
  { symbols }: Plan,
  feeds: readonly Feed[],
  present: SymbolValues,
): SymbolValues {
  const found: Record<string, number> = {};
  for (const { port, shape } of feeds) {
    if (shape?.length !== port.shape.length) continue;
    port.shape.forEach((size, axis) => {
      const value = shape[axis];
      if (typeof size === 'string' && value !== undefined) found[size] ??= value;
    });
  }
  const isSame = Object.entries(found).every(([name, value]) => present[name] === value);
  const sizes = isSame ? present : symbolValues(symbols, { ...present, ...found });
  feeds.forEach((feed) => checkShape(feed, sizes));
  return sizes;
}

function checkShape({ port, shape, content }: Feed, sizes: SymbolValues): void {
  const wanted = port.shape.map((size) => countOf(size, sizes));
  const taken = `the model takes ${formatShape(wanted)}${isSameShape(wanted, port.shape) ? '' : `, which is ${formatShape(port.shape)}`}`;
  if (shape !== undefined && !isSameShape(shape, wanted)) {
    const what = `input '${port.name}' has shape ${formatShape(shape)}`;
    throw new PlanError('wrong-shape', `${what}, and ${taken}`);
  }
  const elements = wanted.reduce((product, size) => product * size, 1);
  if ('byteLength' in content) {
    if (content.length === elements) return;
    const what = `input '${port.name}' has ${content.length} numbers instead of ${elements}`;
    throw new PlanError('wrong-shape', `${what}: ${taken}`);
  }
  const { buffer, offset } = content;
  if ((buffer.usage & USAGE.COPY_SRC) === 0) {
    throw new PlanError(
      'wrong-type',
      `the buffer of input '${port.name}' lacks the usage COPY_SRC`,
    );
  }
  if (buffer.size < offset + 4 * elements) {
    const what = `the buffer of input '${port.name}' has ${buffer.size - offset} bytes instead of ${4 * elements}`;
    throw new PlanError('wrong-shape', `${what}: ${taken}`);
  }
}

function isSameShape(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
