import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor, Weight } from '../src/compiler/ir.js';
import { matchWeights } from '../src/weights/match.js';
import { readSafetensors, writeSafetensors, type Safetensors } from '../src/weights/safetensors.js';
import { testOrigin } from './helpers/graph.js';

/** A file of this header, as it stands or as JSON, and this many bytes of data. */
function file(header: unknown, dataBytes: number | Uint8Array = 0): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const head = new TextEncoder().encode(text);
  const data = typeof dataBytes === 'number' ? new Uint8Array(dataBytes) : dataBytes;
  const bytes = new Uint8Array(8 + head.length + data.length);
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 8);
  bytes.set(data, 8 + head.length);
  return bytes;
}

function read(bytes: Uint8Array): Safetensors {
  const result = readSafetensors(bytes);
  if (!result.ok) throw new Error(result.diagnostics.map((d) => d.message).join('\n'));
  return result.value;
}

function problems(bytes: Uint8Array): string[] {
  const result = readSafetensors(bytes);
  if (result.ok) throw new Error('it was read');
  expect(result.diagnostics.every((d) => d.code === 'bad-safetensors')).toBe(true);
  return result.diagnostics.map((d) => d.message);
}

function f32(begin: number, end: number, shape: unknown = [(end - begin) / 4]): object {
  return { dtype: 'F32', shape, data_offsets: [begin, end] };
}

const tensor = (shape: readonly number[], ...data: number[]): Tensor => ({
  shape,
  data: Float32Array.from(data),
});

describe('writeSafetensors', () => {
  it('writes these bytes', () => {
    const bytes = writeSafetensors(
      new Map([
        ['b', tensor([2], 1, 2)],
        ['a', tensor([], -0.5)],
      ]),
      new Map([['seed', '0']]),
    );
    const header =
      '{"__metadata__":{"format":"archc","seed":"0"},' +
      '"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},' +
      '"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}';
    const padded = Math.ceil(header.length / 8) * 8;
    expect(bytes.length).toBe(8 + padded + 12);
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(padded));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded))).toBe(header.padEnd(padded));
    expect([...bytes.subarray(8 + padded)]).toEqual([
      0, 0, 0, 0xbf, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40,
    ]);
  });

  it('round-trips any names, shapes and numbers, in any order of insertion', () => {
    const anyTensor = fc.array(fc.nat(4), { maxLength: 4 }).chain((shape) =>
      fc
        .float32Array({
          minLength: shape.reduce((n, d) => n * d, 1),
          maxLength: shape.reduce((n, d) => n * d, 1),
        })
        .map((data): Tensor => ({ shape, data })),
    );
    const names = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'toString'));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(names, anyTensor)),
        fc.array(fc.tuple(names, fc.string())),
        (tensors, metadata) => {
          const values = new Map(tensors.filter(([name]) => name !== '__metadata__'));
          const notes = new Map(metadata);
          // A lone surrogate has no UTF-8; JSON escapes it, so it survives.
          const bytes = writeSafetensors(values, notes);
          const back = read(bytes);
          expect(new Map([...back.tensors].map(([n, t]) => [n, [t.shape, t.data]]))).toEqual(
            new Map([...values].map(([n, t]) => [n, [t.shape, t.data]])),
          );
          expect(back.metadata).toEqual(new Map([...notes, ['format', 'archc']]));
          expect(writeSafetensors(new Map([...values].reverse()), notes)).toEqual(bytes);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('readSafetensors', () => {
  it('widens half, bfloat16 and double', () => {
    const data = new Uint8Array(24);
    const view = new DataView(data.buffer);
    // By IEEE 754: 1/3 rounded to half, the least half, minus infinity, a NaN; then π as bfloat16.
    [0x3555, 0x0001, 0xfc00, 0x7e00].forEach((h, i) => view.setUint16(2 * i, h, true));
    [0x4049, 0xc000, 0x0001, 0x8000].forEach((b, i) => view.setUint16(8 + 2 * i, b, true));
    view.setFloat64(16, 0.1, true);
    const { tensors } = read(
      file(
        {
          h: { dtype: 'F16', shape: [4], data_offsets: [0, 8] },
          b: { dtype: 'BF16', shape: [2, 2], data_offsets: [8, 16] },
          d: { dtype: 'F64', shape: [1], data_offsets: [16, 24] },
        },
        data,
      ),
    );
    expect([...(tensors.get('h')?.data ?? [])]).toEqual([0.333251953125, 2 ** -24, -Infinity, NaN]);
    expect([...(tensors.get('b')?.data ?? [])]).toEqual([3.140625, -2, 2 ** -133, -0]);
    expect([...(tensors.get('d')?.data ?? [])]).toEqual([Math.fround(0.1)]);
    expect(tensors.get('b')?.shape).toEqual([2, 2]);
    expect(tensors.get('b')?.dtype).toBe('BF16');
  });

  it('reads from a view into a larger buffer, at any alignment', () => {
    const bytes = file({ a: f32(0, 4) }, new Uint8Array(Float32Array.of(1.5).buffer));
    for (let shift = 0; shift < 5; shift++) {
      const larger = new Uint8Array(bytes.length + 9).fill(0xee);
      larger.set(bytes, shift);
      const view = larger.subarray(shift, shift + bytes.length);
      expect([...(read(view).tensors.get('a')?.data ?? [])]).toEqual([1.5]);
    }
  });

  it('reads an empty file and tensors without elements', () => {
    expect(read(file({})).tensors.size).toBe(0);
    expect(read(file({ a: f32(0, 0, [0, 5]) })).tensors.get('a')?.shape).toEqual([0, 5]);
  });

  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`t${i}`, 5]));
  const withLength = (low: number, high: number): Uint8Array => {
    const bytes = file({ a: f32(0, 4) }, 4);
    new DataView(bytes.buffer).setUint32(0, low, true);
    new DataView(bytes.buffer).setUint32(4, high, true);
    return bytes;
  };
  const hostile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing', new Uint8Array(), /^the file has 0 bytes/],
    ['seven bytes', new Uint8Array(7), /^the file has 7 bytes/],
    ['a header of no bytes', new Uint8Array(8), /does not start with "\{"/],
    ['a header beyond the file', withLength(5000, 0), /5000 bytes long, but only \d+ bytes follow/],
    ['a header beyond the limit', withLength(100_000_001, 0), /100000001 bytes, is above .* limit/],
    ['a header of 2^63 bytes', withLength(0, 0x80000000), /9223372036854776000 bytes, is above/],
    ['a header of 2^64 - 1 bytes', withLength(0xffffffff, 0xffffffff), /is above/],
    ['invalid JSON', file('{"a":'), /not valid JSON/],
    ['text after the object', file('{} {}'), /not valid JSON/],
    ['a list', file('[]'), /does not start with "\{"/],
    ['space before the object', file(' {}'), /does not start with "\{"/],
    ['a byte order mark', file('\ufeff{}'), /does not start with "\{"/],
    ['invalid UTF-8', withByte(file({ ab: f32(0, 4) }, 4), 10, 0xff), /not valid UTF-8/],
    ['a tensor that is a number', file({ a: 3 }), /tensor "a": not an object/],
    ['a tensor that is null', file({ a: null }), /tensor "a": not an object/],
    ['a tensor that is a list', file({ a: [] }), /tensor "a": not an object/],
    ['no dtype', file({ a: { shape: [1], data_offsets: [0, 4] } }, 4), /has no dtype/],
    ['a dtype that is a list', file({ a: { ...f32(0, 4), dtype: ['F32'] } }, 4), /has no dtype/],
    ['integers', file({ a: { ...f32(0, 8), dtype: 'I64' } }, 8), /its type is "I64"; archc reads/],
    [
      'a dtype of Object',
      file({ a: { ...f32(0, 4), dtype: 'toString' } }, 4),
      /its type is "toStr/,
    ],
    ['no shape', file({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /its shape is not/],
    ['a negative size', file({ a: f32(0, 4, [-1]) }, 4), /its shape is not/],
    ['half a size', file({ a: f32(0, 4, [0.5]) }, 4), /its shape is not/],
    [
      'a size of 1e400',
      file(`{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}`, 4),
      /its shape is not/,
    ],
    ['a size as text', file({ a: f32(0, 4, ['1']) }, 4), /its shape is not/],
    ['a huge size', file({ a: f32(0, 4, [2 ** 50]) }, 4), /takes 4503599627370496 bytes/],
    [
      'huge sizes',
      file({ a: f32(0, 4, [2 ** 50, 2 ** 50, 2 ** 50]) }, 4),
      /takes 5\.7\d*e\+45 bytes/,
    ],
    ['a hundred axes', file({ a: f32(0, 4, Array(100).fill(1)) }, 4), /shape has 100 axes/],
    ['no offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), /data_offsets are not integers/],
    ['one offset', file({ a: { ...f32(0, 4), data_offsets: [0] } }, 4), /1 numbers instead of 2/],
    [
      'three offsets',
      file({ a: { ...f32(0, 4), data_offsets: [0, 4, 8] } }, 4),
      /3 numbers instead/,
    ],
    ['a negative offset', file({ a: f32(-4, 0, [1]) }, 4), /data_offsets are not integers/],
    ['offsets the wrong way round', file({ a: f32(4, 0, [1]) }, 4), /ends, at 0, before it begins/],
    ['an offset out of range', file({ a: f32(0, 8) }, 4), /reaches to byte 8, .* holds 4 bytes/],
    [
      'an offset of 2^53 - 1',
      file({ a: f32(0, 2 ** 53 - 1, [1]) }, 4),
      /reaches to byte 9007199254740991/,
    ],
    ['an offset of 2^53', file({ a: f32(0, 2 ** 53, [1]) }, 4), /data_offsets are not integers/],
    [
      'another size than the shape',
      file({ a: f32(0, 8, [3]) }, 8),
      /F32 \[3\] takes 12 bytes, .* give it 8/,
    ],
    [
      'overlapping tensors',
      file({ a: f32(0, 8), b: f32(4, 12) }, 12),
      /"b": its data, from byte 4, overlaps that of "a"/,
    ],
    ['the same data twice', file({ a: f32(0, 4), b: f32(0, 4) }, 4), /overlaps/],
    ['a tensor inside another', file({ a: f32(0, 12), b: f32(4, 8) }, 12), /overlaps/],
    ['a hole', file({ a: f32(0, 4), b: f32(8, 12) }, 12), /bytes 4 to 8 of the data belong to no/],
    ['a hole at the start', file({ a: f32(4, 8) }, 8), /bytes 0 to 4 of the data belong to no/],
    ['data after the last tensor', file({ a: f32(0, 4) }, 9), /bytes 4 to 9 of the data, its last/],
    [
      'a name twice',
      file(`{"a":${JSON.stringify(f32(0, 4))},"\\u0061":${JSON.stringify(f32(4, 8))}}`, 8),
      /holds the name "a" twice/,
    ],
    [
      'a field twice',
      file('{"a":{"dtype":"F32","dtype":"F16","shape":[0],"data_offsets":[0,0]}}'),
      /the name "dtype" twice/,
    ],
    [
      'metadata that is text',
      file({ __metadata__: 'x' }),
      /__metadata__ is not an object of strings/,
    ],
    [
      'metadata of numbers',
      file({ __metadata__: { epoch: 3 } }),
      /value of "epoch" is not a string/,
    ],
    [
      'fields inherited from a prototype',
      file('{"a":{"__proto__":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}}'),
      /has no dtype/,
    ],
    [
      'a name that moves the cursor',
      file({ 'a\u001b[2J\u202e': 1 }),
      /tensor "a\\u\{1b\}\[2J\\u\{202e\}"/,
    ],
    ['3000 wrong tensors', file(many), /tensor "t0": not an object/],
    [
      'deep nesting',
      file(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      /tensor "a": not an object|not valid JSON/,
    ],
  ];
  it.each(hostile)('refuses %s', (_what, bytes, message) => {
    expect(problems(bytes)[0]).toMatch(message);
  });

  it('names every wrong tensor, up to a limit', () => {
    expect(problems(file({ a: 1, b: f32(0, 4), c: f32(0, 4, [-1]) }, 4))).toHaveLength(2);
    const shown = problems(file(many));
    expect(shown).toHaveLength(51);
    expect(shown.at(-1)).toBe('2950 more tensors of the file are wrong');
  });

  it('reports a tensor inside another once', () => {
    expect(problems(file({ a: f32(0, 12), b: f32(4, 8), c: f32(12, 16) }, 16))).toEqual([
      'tensor "b": its data, from byte 4, overlaps that of "a", which reaches to 12',
    ]);
  });

  it('leaves prototypes alone', () => {
    const text = `{"__proto__":${JSON.stringify(f32(0, 4))},"constructor":${JSON.stringify(f32(4, 8))}}`;
    const { tensors } = read(file(text, 8));
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('copes with a header of long strings', () => {
    const escapes = '\\n'.repeat(2_000_000);
    const { metadata } = read(file(`{"__metadata__":{"note":"${escapes}"}}`));
    expect(metadata.get('note')).toHaveLength(2_000_000);
  });

  it('never reads a file that is cut short, and never throws on a damaged one', () => {
    const whole = writeSafetensors(
      new Map([
        ['a.weight', tensor([2, 3], 1, 2, 3, 4, 5, 6)],
        ['b.weight', tensor([2], 1, 2)],
      ]),
    );
    for (let length = 0; length < whole.length; length++) {
      expect(readSafetensors(whole.subarray(0, length)).ok).toBe(false);
    }
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        readSafetensors(withByte(whole, at, byte));
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.json(), (json) => void readSafetensors(file(json, 16))));
  });
});

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

describe('matchWeights', () => {
  const weight = (name: string, ...shape: number[]): Weight => ({
    name,
    shape,
    role: 'kernel',
    trainable: true,
    init: { kind: 'zeros', fanIn: 1, fanOut: 1 },
    origin: testOrigin(name),
  });
  const zeros = (...shape: number[]): Tensor => ({
    shape,
    data: new Float32Array(shape.reduce((n, d) => n * d, 1)),
  });

  it('gives the values of a file that fits, in the order of the model', () => {
    const weights = [weight('b', 2), weight('a', 1, 2)];
    const values = new Map([
      ['a', tensor([1, 2], 1, 2)],
      ['b', tensor([2], 3, 4)],
    ]);
    const matched = matchWeights(weights, read(writeSafetensors(values)).tensors);
    expect(matched.ok && [...matched.value]).toEqual([
      ['b', values.get('b')],
      ['a', values.get('a')],
    ]);
  });

  it('lists every difference', () => {
    const weights = [
      weight('e1.conv.weight', 3, 3, 1, 64),
      weight('e1.conv.bias', 64),
      weight('e2.conv.weight', 3, 3, 64, 128),
      weight('head.weight', 1, 1, 64, 1),
      weight('gn.scale', 64),
      weight('gn.shift', 64),
    ];
    const tensors = new Map([
      ['e1.conv.weight', zeros(3, 3, 1, 64)],
      ['e1.conv.bais', zeros(64)],
      ['e2.conv.weight', zeros(128, 64, 3, 3)],
      ['head.weight', zeros(1, 1, 64, 3)],
      ['gn.scale', zeros(64, 1)],
      ['optimizer.step', zeros()],
    ]);
    const matched = matchWeights(weights, tensors);
    if (matched.ok) throw new Error('it fits');
    expect(matched.diagnostics.every((d) => d.code === 'weights-mismatch')).toBe(true);
    expect(matched.diagnostics.map((d) => [d.message, ...d.hints])).toEqual([
      ['the file lacks e1.conv.bias [64]', 'rename "e1.conv.bais" of the file'],
      ['the file lacks gn.shift [64]'],
      [
        'e2.conv.weight is [3, 3, 64, 128] in the model and [128, 64, 3, 3] in the file',
        "the file has PyTorch's [out, in, height, width]; transpose it to [height, width, in, out]",
      ],
      ['head.weight is [1, 1, 64, 1] in the model and [1, 1, 64, 3] in the file'],
      ['gn.scale is [64] in the model and [64, 1] in the file'],
      ['the model has no weight "e1.conv.bais", which the file gives [64]'],
      ['the model has no weight "optimizer.step", which the file gives []'],
    ]);
  });

  it('stays quick where nothing fits', () => {
    const weights = Array.from({ length: 20_000 }, (_, i) => weight(`block${i}.weight`, 1));
    const tensors = new Map(
      Array.from({ length: 20_000 }, (_, i) => [`other${i}.weight`, zeros(1)]),
    );
    const start = performance.now();
    const matched = matchWeights(weights, tensors);
    expect(matched.ok ? 0 : matched.diagnostics.length).toBe(40_000);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
