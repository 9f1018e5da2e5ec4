/**
 * Four loops over rows of channels as a WebAssembly module that works on the memory of another: what
 * TensorFlow.js's backend has no fast operator of, at four numbers an instruction. Opcodes are those
 * of the WebAssembly core specification 2.0, sections 5.4 and 5.5.
 */

/** Addresses are bytes; `pixels` is at least 1. */
export interface RowLoops {
  /** sums[c] += Σ a[p, c] */
  readonly sum: (sums: number, a: number, pixels: number, channels: number) => void;
  /** sums[c] += Σ a[p, c] · b[p, c] */
  readonly dot: (sums: number, a: number, b: number, pixels: number, channels: number) => void;
  /** out[p, c] = a[p, c] · scale[c] + shift[c] */
  readonly affine: (
    out: number,
    a: number,
    scale: number,
    shift: number,
    pixels: number,
    channels: number,
  ) => void;
  /** out[p, c] = a[p, c] · scale[c] + b[p, c] · factor[c] + shift[c] */
  readonly combine: (
    out: number,
    a: number,
    scale: number,
    b: number,
    factor: number,
    shift: number,
    pixels: number,
    channels: number,
  ) => void;
}

/** A `WebAssembly.Memory`: browsers and Node have the global, for which there are no types here. */
export type WasmMemory = object;

interface WebAssemblyGlobal {
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

/** The loops over a memory, or undefined where there are no vector instructions. */
export function rowLoops(memory: WasmMemory): RowLoops | undefined {
  const bytes = moduleBytes();
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyGlobal };
  if (!WebAssembly.validate(bytes)) return undefined;
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  // The exports are the functions of `FUNCTIONS`.
  return exports as unknown as RowLoops;
}

type Bytes = readonly number[];

const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;

/** Numbers of any size, seven bits a byte, lowest first. */
function unsigned(value: number): Bytes {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Bytes {
  const low = value & 0x7f;
  const rest = value >> 7;
  const ends = (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40);
  return ends ? [low] : [low | 0x80, ...signed(rest)];
}

const vector = (items: readonly Bytes[]): Bytes => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: Bytes): Bytes => [
  id,
  ...unsigned(content.length),
  ...content,
];
const text = (name: string): Bytes => [
  ...unsigned(name.length),
  ...Array.from(name, (c) => c.charCodeAt(0)),
];

const get = (local: number): Bytes => [0x20, ...unsigned(local)];
const set = (local: number): Bytes => [0x21, ...unsigned(local)];
const constant = (value: number): Bytes => [0x41, ...signed(value)];
const ADD = 0x6a;
const SUBTRACT = 0x6b;
const MULTIPLY = 0x6c;
const GREATER = 0x4a;
const advance = (local: number, by: Bytes): Bytes => [...get(local), ...by, ADD, ...set(local)];
const block = (body: Bytes): Bytes => [0x02, 0x40, ...body, 0x0b];
const loop = (body: Bytes): Bytes => [0x03, 0x40, ...body, 0x0b];
const branch = (depth: number): Bytes => [0x0c, depth];
const branchIf = (depth: number): Bytes => [0x0d, depth];

/** Instructions on four numbers or on one. `at` is a local with an address, `offset` bytes after it. */
interface Lane {
  readonly bytes: number;
  readonly load: (at: number, offset: number) => Bytes;
  readonly store: (offset: number) => Bytes;
  readonly add: Bytes;
  readonly multiply: Bytes;
}

const WIDE: Lane = {
  bytes: 16,
  load: (at, offset) => [...get(at), 0xfd, 0x00, 2, ...unsigned(offset)],
  store: (offset) => [0xfd, 0x0b, 2, ...unsigned(offset)],
  add: [0xfd, 0xe4, 0x01],
  multiply: [0xfd, 0xe6, 0x01],
};
const SINGLE: Lane = {
  bytes: 4,
  load: (at, offset) => [...get(at), 0x2a, 2, ...unsigned(offset)],
  store: (offset) => [0x38, 2, ...unsigned(offset)],
  add: [0x92],
  multiply: [0x94],
};

/** Blocks of 8 channels, then of 4, then single ones. */
const BLOCKS = [
  { lane: WIDE, lanes: 2 },
  { lane: WIDE, lanes: 1 },
  { lane: SINGLE, lanes: 1 },
] as const;

interface RowFunction {
  readonly name: keyof RowLoops;
  /** Parameters before `pixels` and `channels`: addresses that move with the pixel, and those that do not. */
  readonly parameters: readonly ('row' | 'channel')[];
  /** Registers of a lane: their first values, what a pixel does, what remains. */
  readonly registers: number;
  readonly start: (lane: Lane, offset: number, register: readonly number[], at: Place) => Bytes;
  readonly step: (lane: Lane, offset: number, register: readonly number[], at: Place) => Bytes;
  readonly finish: (lane: Lane, offset: number, register: readonly number[], at: Place) => Bytes;
}

/** The local that holds a parameter's address at the current channel and, for rows, pixel. */
type Place = (parameter: number) => number;

const none = (): Bytes => [];
const loadInto =
  (...parameters: readonly number[]): RowFunction['start'] =>
  (lane, offset, register, at) =>
    parameters.flatMap((parameter, i) => [
      ...lane.load(at(parameter), offset),
      ...set(register[i] ?? 0),
    ]);
const storeSums: RowFunction['finish'] = (lane, offset, [sum = 0], at) => [
  ...get(at(0)),
  ...get(sum),
  ...lane.store(offset),
];

const FUNCTIONS: readonly RowFunction[] = [
  {
    name: 'sum',
    parameters: ['channel', 'row'],
    registers: 1,
    start: loadInto(0),
    step: (lane, offset, [sum = 0], at) => [
      ...get(sum),
      ...lane.load(at(1), offset),
      ...lane.add,
      ...set(sum),
    ],
    finish: storeSums,
  },
  {
    name: 'dot',
    parameters: ['channel', 'row', 'row'],
    registers: 1,
    start: loadInto(0),
    step: (lane, offset, [sum = 0], at) => [
      ...get(sum),
      ...lane.load(at(1), offset),
      ...lane.load(at(2), offset),
      ...lane.multiply,
      ...lane.add,
      ...set(sum),
    ],
    finish: storeSums,
  },
  {
    name: 'affine',
    parameters: ['row', 'row', 'channel', 'channel'],
    registers: 2,
    start: loadInto(2, 3),
    step: (lane, offset, [scale = 0, shift = 0], at) => [
      ...get(at(0)),
      ...lane.load(at(1), offset),
      ...get(scale),
      ...lane.multiply,
      ...get(shift),
      ...lane.add,
      ...lane.store(offset),
    ],
    finish: none,
  },
  {
    name: 'combine',
    parameters: ['row', 'row', 'channel', 'row', 'channel', 'channel'],
    registers: 3,
    start: loadInto(2, 4, 5),
    step: (lane, offset, [scale = 0, factor = 0, shift = 0], at) => [
      ...get(at(0)),
      ...lane.load(at(1), offset),
      ...get(scale),
      ...lane.multiply,
      ...lane.load(at(3), offset),
      ...get(factor),
      ...lane.multiply,
      ...lane.add,
      ...get(shift),
      ...lane.add,
      ...lane.store(offset),
    ],
    finish: none,
  },
];

/** For each block of channels, from the first pixel to the last. */
function bodyOf({ parameters, registers, start, step, finish }: RowFunction): Bytes {
  const pixels = parameters.length;
  const channels = pixels + 1;
  const [stride, done, left] = [pixels + 2, pixels + 3, pixels + 4];
  /** An address a parameter. */
  const at: Place = (parameter) => pixels + 5 + parameter;
  const firstWide = pixels + 5 + parameters.length;
  const firstSingle = firstWide + 2 * registers;
  const moving = parameters.flatMap((kind, i) => (kind === 'row' ? [at(i)] : []));
  const blocks = BLOCKS.map(({ lane, lanes }) => {
    const first = lane === WIDE ? firstWide : firstSingle;
    const each = (make: RowFunction['step']): Bytes =>
      Array.from({ length: lanes }, (_, i) => {
        const own = Array.from({ length: registers }, (_, r) => first + i * registers + r);
        return make(lane, i * lane.bytes, own, at);
      }).flat();
    const size = lane.bytes * lanes;
    return block(
      loop([
        ...get(done),
        ...constant(size),
        ADD,
        ...get(stride),
        GREATER,
        ...branchIf(1),
        ...parameters.flatMap((_, i) => [...get(i), ...get(done), ADD, ...set(at(i))]),
        ...each(start),
        ...get(pixels),
        ...set(left),
        ...loop([
          ...each(step),
          ...moving.flatMap((local) => advance(local, get(stride))),
          ...get(left),
          ...constant(1),
          SUBTRACT,
          ...set(left),
          ...get(left),
          ...branchIf(0),
        ]),
        ...each(finish),
        ...advance(done, constant(size)),
        ...branch(0),
      ]),
    );
  });
  const locals = vector([
    [...unsigned(3 + parameters.length), I32],
    [...unsigned(2 * registers), V128],
    [...unsigned(registers), F32],
  ]);
  const code = [
    ...locals,
    ...get(channels),
    ...constant(4),
    MULTIPLY,
    ...set(stride),
    ...blocks.flat(),
    0x0b,
  ];
  return [...unsigned(code.length), ...code];
}

function moduleBytes(): Uint8Array {
  const types = FUNCTIONS.map(({ parameters }) => [
    0x60,
    ...vector([...parameters, 'pixels', 'channels'].map(() => [I32])),
    0,
  ]);
  const memory = [...text('env'), ...text('memory'), 0x02, 0x00, 0x01];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector(FUNCTIONS.map((_, i) => unsigned(i)))),
    ...section(7, vector(FUNCTIONS.map(({ name }, i) => [...text(name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(FUNCTIONS.map(bodyOf))),
  ]);
}
