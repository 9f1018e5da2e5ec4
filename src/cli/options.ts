/** Options that several commands have, and how their texts are read. */
import type { Command } from 'commander';
import type { ModelRequest, WeightRequest } from '../compile.js';
import type { SizeRequest } from '../compiler/check.js';
import { readDevice, type Device } from '../compiler/device.js';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Override } from '../compiler/elaborate.js';
import { didYouMean } from '../compiler/names.js';
import { parseExpression } from '../compiler/parse.js';
import type { Source, Span } from '../compiler/source.js';
import { readFile, readSource } from '../files/read.js';
import { EXIT, exitCodeOf, flagSource } from './exit.js';

export interface JsonFlag {
  readonly json?: boolean;
}

export interface FormatFlags extends JsonFlag {
  readonly format?: string;
}

export interface ModelFlags {
  readonly model?: string;
  readonly set?: readonly string[];
  readonly size?: string;
}

export interface DeviceFlag {
  readonly device?: string;
}

export interface WeightFlags {
  readonly weights?: string;
  readonly seed?: string;
}

/** Appends the value of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON document on standard output, on errors too');
}

export function withModel(command: Command): Command {
  return command
    .option('--model <name>', 'the model (default: the only one, or the one named like the file)')
    .option('--set <name=value>', 'a parameter of the model; repeatable', collect)
    .option('--size <sizes>', 'sizes of the input: HEIGHTxWIDTH, or by name as in H=512,W=512');
}

export function withDevice(command: Command): Command {
  return command.option(
    '--device <file>',
    'a device as JSON (devices/ has examples): estimates of time, and claims on `latency`',
  );
}

export function withWeights(command: Command): Command {
  return command
    .option('--weights <file>', 'weights from a safetensors file')
    .option('--seed <number>', 'seed of the initial weights (default: 0)');
}

/** Examples for the end of a command's help. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((e) => `  $ ${/\barchc /.test(e) ? e : `archc ${e}`}`).join('\n')}`,
  );
}

/** All that is wrong with several readings. */
export function problemsIn(...outcomes: readonly Outcome<unknown>[]): Diagnostic[] {
  return outcomes.flatMap((outcome) => (outcome.ok ? [] : outcome.diagnostics));
}

type ValuesOf<T extends Readonly<Record<string, Outcome<unknown>>>> = {
  readonly [K in keyof T]: T[K] extends Outcome<infer V> ? V : never;
};

/** The values of several readings by name, or all that is wrong with them. */
export function allOf<T extends Readonly<Record<string, Outcome<unknown>>>>(
  outcomes: T,
): Outcome<ValuesOf<T>> {
  const diagnostics = problemsIn(...Object.values(outcomes));
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const values = Object.entries(outcomes).map(([name, o]) => [name, o.ok ? o.value : undefined]);
  // `fromEntries` forgets which name has which type.
  return { ok: true, value: Object.fromEntries(values) as ValuesOf<T> };
}

/** Reads an option that may be left out. */
export function optional<T>(
  text: string | undefined,
  read: (text: string) => Outcome<T>,
): Outcome<T | undefined> {
  return text === undefined ? { ok: true, value: undefined } : read(text);
}

export function wrongOption(
  flag: string,
  text: string,
  message: string,
  hints: readonly string[] = [],
): Outcome<never> {
  return wrongAt(flagSpan(flag, text), message, hints);
}

function wrongAt(span: Span, message: string, hints: readonly string[] = []): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('wrong-option', message, { span, hints })] };
}

/** A whole flag, to point at. */
export function flagSpan(flag: string, text: string): Span {
  return wholeOf(flagSource(flag, text));
}

function wholeOf(source: Source): Span {
  return { source, start: 0, end: source.text.length };
}

/** A file by the ending of its name. `what` says in a message what it is: `the chart is an SVG file`. */
export function readPathEnding(
  flag: string,
  path: string,
  ending: `.${string}`,
  what: string,
): Outcome<string> {
  if (path.toLowerCase().endsWith(ending)) return { ok: true, value: path };
  const stem = path.replace(/\.[^./\\]*$/, '');
  return wrongOption(flag, path, `${what}: its name ends in \`${ending}\``, [
    `as in \`--${flag} ${stem}${ending}\``,
  ]);
}

/** One of a few words. `what` names them in messages: `target`. */
export function readChoice<T extends string>(
  flag: string,
  text: string,
  choices: readonly T[],
  what = flag,
): Outcome<T> {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return { ok: true, value: found };
  const list = choices.join(', ');
  return wrongOption(flag, text, `there is no ${what} \`${text}\``, [
    ...didYouMean(text, choices),
    choices.length === 1 ? `the only one is ${list}` : `there are ${list}`,
  ]);
}

/** `--format`, for which `--json` is short. */
export function readFormat<T extends string>(
  { format, json }: FormatFlags,
  formats: readonly (T | 'json')[],
  usual: T,
): Outcome<T | 'json'> {
  if (json !== true) return readChoice('format', format ?? usual, formats);
  return format === undefined || format === 'json'
    ? { ok: true, value: 'json' }
    : wrongOption('format', format, '`--json` is `--format json`, and not this');
}

/** A whole number in decimal digits, from `min` to `max`. */
export function readInteger(
  flag: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): Outcome<number> {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return { ok: true, value };
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return wrongOption(flag, text, `\`--${flag}\` takes a whole number ${range}`);
}

/** A number above 0, as `1e-4`. */
export function readPositive(flag: string, text: string): Outcome<number> {
  const value = /^\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (value > 0 && Number.isFinite(value)) return { ok: true, value };
  return wrongOption(flag, text, `\`--${flag}\` takes a number above 0, as in \`--${flag} 1e-3\``);
}

/**
 * `--model`, `--set` (or another flag that does the same), `--size` and `--device`, whose file is
 * read.
 */
export function readModelFlags(
  flags: ModelFlags & DeviceFlag,
  setFlag = 'set',
): Outcome<ModelRequest> {
  const overrides = (flags.set ?? []).map((text, i) => readSet(setFlag, text, i + 1));
  const sizes = optional(flags.size, readSize);
  const device = optional(flags.device, readDeviceFile);
  const diagnostics = problemsIn(...overrides, sizes, device);
  if (!sizes.ok || !device.ok || diagnostics.length > 0) return { ok: false, diagnostics };
  const values = overrides.flatMap((o) => (o.ok ? [o.value] : []));
  return {
    ok: true,
    value: {
      model: flags.model,
      overrides: values,
      sizes: sizes.value,
      ...(device.value === undefined ? {} : { device: device.value }),
    },
  };
}

function readDeviceFile(path: string): Outcome<Device> {
  const source = readSource(path);
  if (source.ok) return readDevice(source.value);
  // What makes a source invalid makes a device unreadable.
  const diagnostics = source.diagnostics.map(({ message, hints, ...rest }) =>
    exitCodeOf([{ message, hints, ...rest }]) === EXIT.invalid
      ? diagnostic('bad-device', message, { hints })
      : { message, hints, ...rest },
  );
  return { ok: false, diagnostics };
}

/** `width=2 * 16`. */
function readSet(flag: string, text: string, count: number): Outcome<Override> {
  const source = flagSource(flag, text, count);
  const match = /^(\s*)([A-Za-z_]\w*)\s*=(?!=)/.exec(text);
  const [head, indent, name] = match ?? [];
  if (head === undefined || indent === undefined || name === undefined) {
    return wrongAt(wholeOf(source), `\`--${flag}\` takes a parameter and its value`, [
      `as in \`--${flag} width=32\``,
    ]);
  }
  const nameSpan = { source, start: indent.length, end: indent.length + name.length };
  const { tree, diagnostics } = parseExpression(source, head.length);
  if (tree !== undefined) return { ok: true, value: { name, nameSpan, value: tree } };
  return { ok: false, diagnostics };
}

const MAX_SIZE = 2 ** 31 - 1;

/** `512x512` or `H=512,W=512`. */
function readSize(text: string): Outcome<SizeRequest> {
  const source = flagSource('size', text);
  const span = wholeOf(source);
  const isSize = (size: number): boolean => size >= 1 && size <= MAX_SIZE;
  const outside = (at: Span): Outcome<never> => wrongAt(at, `a size is from 1 to ${MAX_SIZE}`);

  const image = /^\s*(\d+)\s*[x×]\s*(\d+)\s*$/i.exec(text);
  if (image !== null) {
    const [height, width] = [Number(image[1]), Number(image[2])];
    if (!isSize(height) || !isSize(width)) return outside(span);
    return { ok: true, value: { image: [height, width], span } };
  }
  const named = new Map<string, number>();
  let start = 0;
  for (const part of text.split(',')) {
    const at = { source, start, end: start + part.length };
    start += part.length + 1;
    const [, name, digits] = /^\s*([A-Za-z_]\w*)\s*=\s*(\d+)\s*$/.exec(part) ?? [];
    if (name === undefined || digits === undefined) {
      return wrongAt(at, '`--size` takes a height and width, or sizes by name', [
        'as in `--size 512x512`, or `--size H=512,W=512`',
      ]);
    }
    if (named.has(name)) return wrongAt(at, `\`${name}\` is given twice`);
    if (!isSize(Number(digits))) return outside(at);
    named.set(name, Number(digits));
  }
  return { ok: true, value: { named, span } };
}

/** `--weights`, whose file is read, and `--seed`. */
export function readWeightFlags({ weights: file, seed }: WeightFlags): Outcome<WeightRequest> {
  if (file === undefined) {
    if (seed === undefined) return { ok: true, value: {} };
    const read = readInteger('seed', seed, { min: 0, max: Number.MAX_SAFE_INTEGER });
    return read.ok ? { ok: true, value: { seed: read.value } } : read;
  }
  if (seed !== undefined) {
    return wrongOption('seed', seed, '`--weights` and `--seed` exclude each other', [
      'a seed is for weights that no file gives',
    ]);
  }
  const read = readFile(file);
  return read.ok ? { ok: true, value: { weights: { file, bytes: read.value } } } : read;
}

/** `name=file`, or a file alone: what `--input` and `-o` take. A file with `=` is written `./a=b`. */
export function splitNamed(text: string): { readonly name?: string; readonly file: string } {
  const [, name, file] = /^([A-Za-z_]\w*)=(.+)$/s.exec(text) ?? [];
  return name === undefined || file === undefined ? { file: text } : { name, file };
}
