import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../src/compiler/ir.js';
import { isNpy, readNpy, writeNpy } from '../src/data/npy.js';

function read(bytes: Uint8Array): Tensor {
  const result = readNpy(bytes);
  if (!result.ok) throw new Error(result.diagnostics.map((d) => d.message).join('\n'));
  return result.value;
}

function problem(bytes: Uint8Array): string {
  const result = readNpy(bytes);
  if (result.ok) throw new Error('it was read');
  expect(result.diagnostics.map((d) => d.code)).toEqual(['bad-npy']);
  return result.diagnostics[0]?.message ?? '';
}

/** A file of this header and data. */
function npy(header: string, data: readonly number[] = [], version = 1): Uint8Array {
  const length =
    version === 1
      ? [header.length & 255, header.length >> 8]
      : [header.length & 255, header.length >> 8, 0, 0];
  const head = Buffer.from(`\x93NUMPY`, 'latin1');
  return Uint8Array.from([
    ...head,
    version,
    0,
    ...length,
    ...Buffer.from(header, 'latin1'),
    ...data,
  ]);
}

const header = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

describe('writeNpy', () => {
  it('writes these bytes', () => {
    const bytes = writeNpy({ shape: [2, 1, 3], data: Float32Array.of(0, 1, 2, 3, 4, -1) });
    const text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 3), }";
    // NumPy's format, version 1.0: the data starts at a multiple of 64 bytes.
    expect(Buffer.from(bytes.subarray(0, 10)).toString('latin1')).toBe('\x93NUMPY\x01\0\x76\0');
    expect(Buffer.from(bytes.subarray(10, 128)).toString('latin1')).toBe(`${text.padEnd(117)}\n`);
    expect(bytes.length).toBe(128 + 24);
    expect([...bytes.subarray(-4)]).toEqual([0, 0, 0x80, 0xbf]);
  });

  it('round-trips any tensor', () => {
    const anyTensor = fc.array(fc.nat(5), { maxLength: 4 }).chain((shape) => {
      const length = shape.reduce((n, d) => n * d, 1);
      return fc
        .float32Array({ minLength: length, maxLength: length })
        .map((data): Tensor => ({ shape, data }));
    });
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        expect(read(writeNpy(tensor))).toEqual(tensor);
      }),
    );
  });
});

describe('readNpy', () => {
  it('reads what NumPy 2.4 writes', () => {
    // numpy.save of numpy.arange(3, dtype='>i2').
    const saved = Buffer.from(
      'k05VTVBZAQB2AHsnZGVzY3InOiAnPmkyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDMsKSwgfSAg' +
        'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAABAAI=',
      'base64',
    );
    expect(read(saved)).toEqual({ shape: [3], data: Float32Array.of(0, 1, 2) });
  });

  const types: readonly (readonly [string, number[], number])[] = [
    ['<f4', [0, 0, 0x20, 0xc1], -10],
    ['>f4', [0xc1, 0x20, 0, 0], -10],
    ['<f2', [0, 0x3c], 1],
    ['<f8', [0, 0, 0, 0, 0, 0, 0xe0, 0x3f], 0.5],
    ['|b1', [7], 1],
    ['|u1', [255], 255],
    ['|i1', [255], -1],
    ['<u2', [1, 2], 513],
    ['>u2', [1, 2], 258],
    ['<i2', [255, 255], -1],
    ['<i4', [254, 255, 255, 255], -2],
    ['<u4', [0, 0, 0, 128], 2 ** 31],
    ['<i8', [253, 255, 255, 255, 255, 255, 255, 255], -3],
    ['>u8', [0, 0, 0, 1, 0, 0, 0, 0], 2 ** 32],
  ];
  it.each(types)('reads elements of %s', (descr, bytes, expected) => {
    expect([...read(npy(header(descr, '(1,)'), bytes)).data]).toEqual([expected]);
  });

  it('brings column-major arrays into row-major order', () => {
    const bytes = npy(header('|u1', '(2, 3, 2)', 'True'), [...Array(12).keys()]);
    // numpy.arange(12).reshape((2, 3, 2), order='F').ravel()
    expect([...read(bytes).data]).toEqual([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
    expect(read(bytes).shape).toEqual([2, 3, 2]);
  });

  it('reads scalars, empty arrays, versions 2 and 3, and fields in any order', () => {
    expect(read(npy(header('|u1', '()'), [9]))).toEqual({ shape: [], data: Float32Array.of(9) });
    expect(read(npy(header('<f8', '(0, 7)'))).shape).toEqual([0, 7]);
    for (const version of [2, 3]) {
      expect([...read(npy(header('|u1', '(1,)'), [3], version)).data]).toEqual([3]);
    }
    const other = '{"shape": (2L, 1L), "fortran_order": False, "descr": "|u1"}';
    expect(read(npy(other, [1, 2])).shape).toEqual([2, 1]);
  });

  it.each([
    ['nothing', new Uint8Array(), /not a \.npy file/],
    ['text', new TextEncoder().encode('hello, world'), /not a \.npy file/],
    ['version 4', npy(header('<f4', '()'), [], 4), /version 4 of the \.npy format is unknown/],
    ['a header that is cut short', npy(header('<f4', '()')).subarray(0, 40), /file ends before it/],
    ['a length that is cut short', npy(header('<f4', '()')).subarray(0, 9), /first 12 bytes/],
    ['missing data', npy(header('<f4', '(2,)'), [1, 2, 3, 4]), /takes 8 bytes, and 4 follow/],
    ['data that is too long', npy(header('|u1', '(2,)'), [1, 2, 3]), /takes 2 bytes, and 3 follow/],
    [
      'a huge shape',
      npy(header('|u1', '(9007199254740991, 9007199254740991)')),
      /takes 8\.1\d*e\+31/,
    ],
    ['a shape beyond integers', npy(header('|u1', '(99999999999999999999,)')), /not a dictionary/],
    ['a negative shape', npy(header('|u1', '(-1,)')), /not a dictionary/],
    ['complex numbers', npy(header('<c8', '()')), /elements are of type "<c8"/],
    ['objects', npy(header('|O', '()')), /elements are of type "\|O"/],
    [
      'records',
      npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"),
      /not a dictionary/,
    ],
    ['a missing field', npy("{'descr': '<f4', 'shape': ()}"), /not a dictionary/],
    [
      'a field too many',
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': True}"),
      /not a dictionary/,
    ],
    ['code', npy("{'descr': '<f4', 'fortran_order': exit(), 'shape': ()}"), /not a dictionary/],
    ['an empty header', npy(''), /not a dictionary/],
  ])('refuses %s', (_what, bytes, message) => {
    expect(problem(bytes)).toMatch(message);
  });

  it('never reads a file that is cut short, and never throws', () => {
    const whole = writeNpy({ shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
    for (let length = 0; length < whole.length; length++) {
      expect(readNpy(whole.subarray(0, length)).ok).toBe(false);
    }
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const copy = whole.slice();
        copy[at] = byte;
        readNpy(copy);
      }),
      { numRuns: 2000 },
    );
    expect(isNpy(whole)).toBe(true);
    expect(isNpy(whole.subarray(1))).toBe(false);
  });
});
