/** What `archc run` writes: outputs as images and arrays, and masks laid over the image. */
import { extname } from 'node:path';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { inputName, type Graph, type Tensor } from '../compiler/ir.js';
import { didYouMean } from '../compiler/names.js';
import { activationOf } from '../compiler/recipe-fit.js';
import { formatShape } from '../compiler/shape.js';
import type { RunInput, RunResult } from '../run.js';
import { isNpyFile, isPngFile } from './artifacts.js';
import { flagSource } from './exit.js';
import { splitNamed, wrongOption } from './options.js';
import { isSameFile } from './output.js';

export const KINDS = { png: isPngFile, npy: isNpyFile } as const;
type Kind = keyof typeof KINDS;

export function kindOf(path: string): Kind | undefined {
  const extension = extname(path).toLowerCase().slice(1);
  return extension === 'png' || extension === 'npy' ? extension : undefined;
}

export interface OutputFlag {
  /** The output's name, where it is said. */
  readonly name: string | undefined;
  readonly path: string;
  readonly kind: Kind;
  /** As it was written. */
  readonly text: string;
}

export function readOutputs(texts: readonly string[]): Outcome<readonly OutputFlag[]> {
  const outputs: OutputFlag[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const text of texts) {
    const { name, file: path } = splitNamed(text);
    const kind = kindOf(path);
    if (kind !== undefined) {
      outputs.push({ name, path, kind, text });
      continue;
    }
    const wrong = wrongOption('output', text, 'an output ends in `.png` or `.npy`', [
      `an image: \`${withoutExtension(path)}.png\`; any output: \`${withoutExtension(path)}.npy\``,
    ]);
    if (!wrong.ok) diagnostics.push(...wrong.diagnostics);
  }
  return diagnostics.length === 0 ? { ok: true, value: outputs } : { ok: false, diagnostics };
}

function withoutExtension(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}

/**
 * What flows into the model's first input, which is the image that masks are laid over; the command
 * line may name inputs in any order.
 */
export function imageOf(
  { inputs: [first] }: Graph,
  given: readonly RunInput[],
): Tensor | undefined {
  if (first === undefined) return undefined;
  return given.find(({ name }) => name === undefined || name === inputName(first))?.tensor;
}

/** What is wrong with where outputs are to go, before anything runs. */
export function outputProblems(
  graph: Graph,
  flags: readonly OutputFlag[],
  inputs: readonly RunInput[],
  isOverlaid: boolean,
): Diagnostic[] {
  const names = graph.outputs.map((output) => output.name);
  const seen: string[] = [];
  return flags.flatMap((flag): Diagnostic[] => {
    const { name = names.length === 1 ? names[0] : undefined, path, kind, text } = flag;
    const source = flagSource('output', text);
    const span = { source, start: 0, end: text.length };
    const say = (message: string, ...hints: string[]): Diagnostic[] => [
      diagnostic('output-mismatch', message, { span, hints }),
    ];
    if (name === undefined) {
      return say(
        `\`${graph.name}\` has ${names.length} outputs: which goes to ${path}?`,
        `say it: ${names.map((each) => `\`-o ${each}=FILE\``).join(', ')}`,
      );
    }
    const output = graph.outputs.find((each) => each.name === name);
    if (output === undefined) {
      const list = `its outputs are ${names.join(', ')}`;
      return say(`\`${graph.name}\` has no output \`${name}\``, ...didYouMean(name, names), list);
    }
    const other = seen.find((each) => isSameFile(each, path));
    if (other !== undefined) {
      return say(
        other === path ? `${path} is named twice` : `${path} is ${other}, which is named already`,
      );
    }
    seen.push(path);
    if (isOverlaid && kind !== 'png') return say('`--overlay` is a picture: a `.png`');
    if (kind !== 'png') return [];
    const { shape } = output.value.type;
    const hint = `write an array: \`${withoutExtension(path)}.npy\``;
    if (isOverlaid && shape.length === 3) {
      const [height, width] = graph.inputs[0]?.type.shape ?? [];
      if (shape[0] !== height || shape[1] !== width) {
        return say(
          `\`${name}\` is ${formatShape(shape)}, and \`--overlay\` takes masks as large as the image`,
        );
      }
    } else if (shape.length !== 3 || (shape[2] !== 1 && shape[2] !== 3)) {
      return say(`\`${name}\` is ${formatShape(shape)}, and an image has 1 or 3 channels`, hint);
    }
    const images = imageOf(graph, inputs)?.shape ?? [];
    const rank = graph.inputs[0]?.type.shape.length ?? 0;
    return images.length > rank && (images[0] ?? 1) > 1
      ? say(`there are ${images[0]} images, and a PNG holds one`, hint, 'or choose one: `--page 1`')
      : [];
  });
}

export interface WrittenOutput {
  readonly name: string;
  readonly path: string;
  readonly kind: Kind;
  readonly content: Uint8Array;
  readonly shape: readonly number[];
  readonly range: Range;
}

/** Of an output's values, those that are numbers; `invalid` counts the others (NaN, infinities). */
interface Range {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly invalid: number;
}

function rangeOf(data: Float32Array): Range {
  let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
  for (const value of data) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    count++;
  }
  return { min, max, mean: sum / count, invalid: data.length - count };
}

/** What masks are laid over. */
interface Overlaid {
  /** `[H, W, C]`, as it was read. */
  readonly image: Tensor;
  /** Outputs whose first channel is the background. */
  readonly softmax: ReadonlySet<string>;
}

export function softmaxOutputs({ outputs }: Graph): ReadonlySet<string> {
  const ends = outputs.filter(({ value }) => activationOf(value)?.activation === 'softmax');
  return new Set(ends.map(({ name }) => name));
}

function withoutFirst({ shape, data }: Tensor): Tensor {
  const channels = shape.at(-1) ?? 1;
  const kept = data.filter((_, i) => i % channels > 0);
  return { shape: [...shape.slice(0, -1), channels - 1], data: kept };
}

export async function encodeOutputs(
  flags: readonly OutputFlag[],
  result: RunResult,
  overlaid?: Overlaid,
): Promise<readonly WrittenOutput[]> {
  const [{ writePng }, { writeNpy }, { overlay }] = await Promise.all([
    import('../data/png.js'),
    import('../data/npy.js'),
    import('../data/overlay.js'),
  ]);
  return Promise.all(
    flags.map(async ({ name: wanted, path, kind }) => {
      const name = wanted ?? [...result.outputs.keys()][0] ?? '';
      const batch = result.outputs.get(name);
      if (batch === undefined) throw new Error(`the engine gave no output ${name}`);
      const [images, ...shape] = batch.shape;
      // A batch of one was none on the command line.
      const tensor = images === 1 ? { shape, data: batch.data } : batch;
      const shown =
        overlaid === undefined
          ? tensor
          : overlay(overlaid.image, overlaid.softmax.has(name) ? withoutFirst(tensor) : tensor);
      const content = kind === 'png' ? await writePng(shown) : writeNpy(tensor);
      return { name, path, kind, content, shape: tensor.shape, range: rangeOf(tensor.data) };
    }),
  );
}

/** Half a step of an 8-bit image: what lies this little outside is shown as it is. */
const INVISIBLE = 1 / 510;

export function rangeWarnings({ name, path, kind, range }: WrittenOutput): Diagnostic[] {
  const { min, max, invalid } = range;
  const problems: string[] = [];
  if (invalid > 0) problems.push(`has ${invalid} values that are not finite`);
  if (kind === 'png' && (min < -INVISIBLE || max > 1 + INVISIBLE)) {
    problems.push(`runs from ${formatValue(min)} to ${formatValue(max)}`);
  }
  if (problems.length === 0) return [];
  const message = `\`${name}\` ${problems.join(' and ')}; ${path} shows 0 to 1`;
  return kind === 'png'
    ? [diagnostic('output-range', message, { hints: ['write a `.npy` to keep the values'] })]
    : [diagnostic('output-range', `\`${name}\` ${problems.join(' and ')}`)];
}

export function formatValue(value: number): string {
  return String(Number(value.toPrecision(4)));
}
