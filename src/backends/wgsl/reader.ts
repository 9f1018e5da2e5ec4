/**
 * How kernels read an image by blocks of 4 channels: from one tensor, or from several whose channels
 * follow one another (`concat`), each perhaps enlarged (`upsample`), without writing that first.
 */
import type { Node, Value } from '../../compiler/ir.js';
import type { Size } from '../../webgpu/plan.js';
import type { Bound, Emitter } from './emitter.js';
import { upTo } from './shader.js';
import { sizeOfDim } from './size.js';
import { operand, type KernelView } from './view.js';

interface Source {
  readonly bound: Bound;
  readonly channels: number;
  /** How many times it is enlarged. */
  readonly factor: readonly [height: number, width: number];
}

export interface Reader {
  readonly sources: readonly Source[];
  readonly bounds: readonly Bound[];
  readonly channels: number;
  /** Height and width of the image as the kernel sees it. */
  readonly height: Size;
  readonly width: Size;
  /** Height, width and blocks of channels, for the code below. */
  readonly params: Readonly<Record<string, Size>>;
  /** Part of a file's name: how it reads. */
  readonly suffix: string;
}

/** The image that a node reads as its operand 0, through the nodes before it. */
export function readerOf(e: Emitter, view: KernelView, node: Node): Reader {
  const image = operand(node, 0);
  const found = sourcesOf(image, view, [1, 1]);
  const places = [...new Set(found.map(({ value }) => e.place(value)))];
  const sources = found.map(({ value, factor }): Source => {
    const channels = knownChannels(value);
    const place = e.place(value);
    return {
      bound: {
        name: places.length === 1 ? 'image' : `image_${places.indexOf(place) + 1}`,
        element: channels % 4 === 0 ? 'vec4f' : 'f32',
        place,
      },
      channels,
      factor,
    };
  });
  const kinds = sources.map(({ factor: [y, x] }) => (x * y === 1 ? '' : `up${y}x${x}`));
  const [height, width] = [0, 1].map((axis) => sizeOfDim(image.type.shape[axis] ?? 1));
  return {
    sources,
    params: {
      height: height ?? 1,
      width: width ?? 1,
      ...Object.fromEntries(sources.map((source, s) => [blocksName(sources, s), blocksOf(source)])),
      ...(sources.length === 1 ? {} : { in_blocks: sources.reduce((n, s) => n + blocksOf(s), 0) }),
    },
    // A tensor that is read twice is bound once.
    bounds: places.flatMap((place) => sources.find((s) => s.bound.place === place)?.bound ?? []),
    channels: knownChannels(image),
    height: height ?? 1,
    width: width ?? 1,
    suffix: [sources.length > 1 ? `concat${sources.length}` : '', ...kinds]
      .filter((part) => part !== '')
      .map((part) => `_${part}`)
      .join(''),
  };
}

interface Found {
  readonly value: Value;
  readonly factor: readonly [number, number];
}

function sourcesOf(value: Value, view: KernelView, factor: readonly [number, number]): Found[] {
  const { definition } = value;
  const node = definition.kind === 'result' ? definition.node : undefined;
  if (node === undefined || !view.reads.includes(node)) {
    return [{ value: view.outer(value), factor }];
  }
  if (node.op === 'concat') return node.operands.flatMap((each) => sourcesOf(each, view, factor));
  const own = node.attributes['factor'];
  if (!Array.isArray(own)) throw new Error(`${node.op} is not read in place`);
  const [y, x] = own.map(Number);
  return sourcesOf(operand(node, 0), view, [factor[0] * (y ?? 1), factor[1] * (x ?? 1)]);
}

function knownChannels({ type }: Value): number {
  const channels = type.shape.at(-1);
  if (typeof channels !== 'number') throw new Error('unknown channels');
  return channels;
}

/** Blocks of 4 channels of a source; the last may be partly empty. */
function blocksOf({ channels }: { readonly channels: number }): number {
  return Math.ceil(channels / 4);
}

/**
 * Statements that say where pixels begin in each source: `let at_0 = …`. `x(i)` is the place of
 * pixel i in the image's line `row` of image `image`; `clamped`: some may be outside, and are read
 * inside and not used. `none`: `x(i)` counts the pixels of all images.
 */
export function addressCode(
  reader: Reader,
  {
    count,
    x,
    line,
  }: {
    readonly count: number;
    readonly x: (i: number) => string;
    readonly line: 'none' | 'clamped' | 'inside';
  },
): string {
  const columns = upTo(count).map((i) =>
    line === 'clamped'
      ? `let x_${i} = clamp(${x(i)}, 0, params.width - 1);`
      : `let x_${i} = ${x(i)};`,
  );
  return [...columns, startsCode(reader, count, line !== 'none')].join('\n');
}

/** The same where `x_0`, `x_1`, … are there already; `inLine`: as places in a line. */
export function startsCode({ sources }: Reader, count: number, inLine = true): string {
  return sources
    .flatMap(({ factor }, s) => {
      const [start, over] = [`line${suffixOf(sources, s)}`, perPixel(sources, s)];
      const pixel = (i: number): string =>
        inLine ? `(${start} + ${divided(`x_${i}`, factor[1])})` : `x_${i}`;
      return [
        ...(inLine ? [`let ${start} = ${lineOf(factor)};`] : []),
        ...upTo(count).map((i) => `let ${addressName(sources, s, i)} = ${pixel(i)} * ${over};`),
      ];
    })
    .join('\n');
}

/**
 * Statements that list, for pixels of which `images`, `tops` and `lefts` tell where their windows
 * begin, where the tap at `[y, x]` begins in each source (`at`), and whether it is in the image.
 */
export function tapCode(
  { sources }: Reader,
  count: number,
  [dy, dx]: readonly [y: string, x: string],
): string {
  const lists = sources.map((_, s) => `var at${suffixOf(sources, s)}: array<i32, ${count}>;`);
  const starts = sources.map(({ factor }, s) => {
    const line = lineOf(factor, 'images[i]');
    // Outside, the first pixel is read and not used.
    const start = `(${line} + ${divided('x', factor[1])}) * ${perPixel(sources, s)}`;
    return `  at${suffixOf(sources, s)}[i] = select(0, ${start}, inside[i]);`;
  });
  return [
    ...lists,
    `var inside: array<bool, ${count}>;`,
    `for (var i = 0; i < ${count}; i++) {`,
    `  let row = tops[i] + ${dy};`,
    `  let x = lefts[i] + ${dx};`,
    '  inside[i] = row >= 0 && row < params.height && x >= 0 && x < params.width;',
    ...starts,
    '}',
  ].join('\n');
}

function lineOf([y, x]: readonly [number, number], image = 'image_index'): string {
  const width = x === 1 ? 'params.width' : `(params.width / ${x})`;
  const row =
    y === 1 ? `${image} * params.height + row` : `${image} * (params.height / ${y}) + row / ${y}`;
  return `(${row}) * ${width}`;
}

function divided(text: string, by: number): string {
  return by === 1 ? text : `${text} / ${by}`;
}

/**
 * Elements of a source for one pixel: a parameter, so that layers share the shader, except where
 * they do not part into fours.
 */
function perPixel(sources: readonly Source[], s: number): string {
  const source = sources[s];
  if (source === undefined) throw new Error('no source');
  return source.bound.element === 'vec4f'
    ? `params.${blocksName(sources, s)}`
    : String(source.channels);
}

function blocksName(sources: readonly Source[], s: number): string {
  return sources.length === 1 ? 'in_blocks' : `blocks_${s + 1}`;
}

function suffixOf(sources: readonly Source[], s: number): string {
  return sources.length === 1 ? '' : `_of_${s + 1}`;
}

function addressName(sources: readonly Source[], s: number, i: number): string {
  return `at_${i}${suffixOf(sources, s)}`;
}

/**
 * Statements that give `name(i)` the 4 channels of block `block` of every pixel, 0 where `inside(i)`
 * names a condition that is false.
 */
export function loadCode(
  { sources }: Reader,
  {
    count,
    block,
    name,
    inside,
    isListed = false,
  }: {
    readonly count: number;
    readonly block: string;
    readonly name: (i: number) => string;
    readonly inside?: (i: number) => string;
    /** Whether the addresses are in lists, as `tapCode` makes them. */
    readonly isListed?: boolean;
  },
): string {
  const value = (s: number, i: number, own: string): string => {
    const source = sources[s];
    if (source === undefined) throw new Error('no source');
    const listed = `at${suffixOf(sources, s)}[${i}]`;
    const text = elementsAt(source, isListed ? listed : addressName(sources, s, i), own);
    return inside === undefined ? text : `select(vec4f(), ${text}, ${inside(i)})`;
  };
  if (sources.length === 1) {
    return upTo(count)
      .map((i) => `let ${name(i)} = ${value(0, i, block)};`)
      .join('\n');
  }
  const lines = upTo(count).map((i) => `var ${name(i)}: vec4f;`);
  const before: string[] = [];
  sources.forEach((_, s) => {
    const own = [block, ...before].join(' - ');
    before.push(`params.${blocksName(sources, s)}`);
    const isLast = s === sources.length - 1;
    const end = before.join(' + ');
    lines.push(`${s === 0 ? '' : '} else '}${isLast ? '' : `if (${block} < ${end}) `}{`);
    if (own !== block) lines.push(`  let own = ${own};`);
    const at = own === block ? block : 'own';
    for (const i of upTo(count)) lines.push(`  ${name(i)} = ${value(s, i, at)};`);
  });
  lines.push('}');
  return lines.join('\n');
}

/** Four channels from `address` on, as a vector; what is beyond the last channel is 0. */
function elementsAt(source: Source, address: string, block: string): string {
  const { name, element } = source.bound;
  if (element === 'vec4f') {
    return `${name}[${address} + ${block}]`;
  }
  if (source.channels < 4) {
    const parts = upTo(4).map((c) =>
      c < source.channels ? `${name}[${address}${c === 0 ? '' : ` + ${c}`}]` : '0.0',
    );
    return `vec4f(${parts.join(', ')})`;
  }
  return `channels_of_${name}(${address}, ${block} * 4)`;
}

/** Functions that `loadCode` calls. */
export function readerFunctions({ sources }: Reader): string {
  return sources
    .filter(({ bound, channels }) => bound.element === 'f32' && channels >= 4)
    .map(
      ({
        bound: { name },
        channels,
      }) => `fn channels_of_${name}(address: i32, first: i32) -> vec4f {
  var four: vec4f;
  for (var c = 0; c < 4; c++) {
    if (first + c < ${channels}) {
      four[c] = ${name}[address + first + c];
    }
  }
  return four;
}`,
    )
    .join('\n\n');
}
