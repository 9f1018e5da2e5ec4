/** The library as other programs use it: by the name of the package. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  check,
  CODES,
  compile,
  format,
  hasErrors,
  NO_FILES,
  openModel,
  parse,
  printIr,
  run,
  stats,
  verify,
  type Host,
  type Source,
} from '../src/index.js';
import { archc, put, ROOT, SMALL, temporaryFolder } from './helpers/cli.js';

const small: Source = { path: 'small.arch', text: SMALL };

describe('the library', () => {
  it('parses, checks, counts, prints and formats', async () => {
    expect(parse(small).tree.declarations).toHaveLength(1);
    const checked = check(small, NO_FILES);
    expect(checked).toMatchObject({ valid: true, diagnostics: [] });
    const graph = checked.models[0]?.staticGraph;
    if (graph === undefined) throw new Error('no graph');
    expect(verify(graph)).toEqual([]);
    expect(printIr(graph)).toContain('model Small');
    expect(stats(graph)).toMatchObject({ ok: true, value: { params: 77 } });
    expect(await format(SMALL)).toEqual({ ok: true, text: SMALL });
    expect(CODES['shape-mismatch'].severity).toBe('error');
  });

  it('writes the same bytes wherever the source lies and however its path is spelled', async () => {
    const text =
      'import double from "./parts/double.arch"\nimport half from "../shared/half.arch"\n' +
      'import conv_norm_act from "std/conv.arch"\n\n' +
      'model M() {\n  input x: f32[8, 8, 2]\n  output y = x -> double -> half -> conv_norm_act(2) -> maxpool(2)\n}\n';
    const parts: Readonly<Record<string, string>> = {
      double: 'block double() = conv(4, k = 1) -> relu\n',
      half: 'block half() = conv(2, k = 1) -> sigmoid\n',
    };
    const written = async (path: string, target: 'onnx' | 'tfjs' | 'wgsl'): Promise<string[]> => {
      const host: Host = {
        read: (file) => {
          const part = parts[/(\w+)\.arch$/.exec(file)?.[1] ?? ''];
          if (part !== undefined) return { ok: true, text: part };
          return { ok: false, code: 'missing-file', message: file, hints: [] };
        },
      };
      const { value, diagnostics } = await compile({ path, text }, host, { target });
      expect(diagnostics).toEqual([]);
      const files = value?.files ?? [];
      return files.map(({ name, bytes }) => `${name} ${Buffer.from(bytes).toString('latin1')}`);
    };
    for (const target of ['onnx', 'tfjs', 'wgsl'] as const) {
      const [first, ...others] = [
        await written('net.arch', target),
        await written('nets/net.arch', target),
        await written('./net.arch', target),
        await written('../nets/net.arch', target),
        await written('/home/someone/nets/net.arch', target),
      ];
      expect(first).not.toEqual([]);
      for (const other of others) expect(other).toEqual(first);
      if (target === 'tfjs') continue;
      const all = first.join('');
      for (const name of ['net.arch:7:', 'parts/double.arch:1:', '../shared/half.arch:1:']) {
        expect(all).toContain(name);
      }
      expect(all).toContain('std/conv.arch:');
    }
  });

  it('gives values and warnings, or errors, and does not throw', async () => {
    const broken: Source = { path: 'x.arch', text: 'model M() {\n  output y = x -> relu\n}\n' };
    for (const result of [
      openModel(broken, NO_FILES),
      await compile(broken, NO_FILES, { target: 'onnx' }),
      await run(broken, NO_FILES, []),
    ]) {
      expect(result.value).toBeUndefined();
      expect(hasErrors(result.diagnostics)).toBe(true);
    }
    const opset = await compile(small, NO_FILES, { target: 'onnx', opset: 9 });
    expect(opset.diagnostics.map((d) => d.code)).toEqual(['unsupported-opset']);
  });

  it('compiles to the bytes that the command line writes', async () => {
    const folder = temporaryFolder();
    put(folder, 'small.arch', SMALL);
    expect(archc(['compile', 'small.arch', '--seed', '3'], { cwd: folder }).code).toBe(0);
    const { value } = await compile(small, NO_FILES, {
      target: 'onnx',
      seed: 3,
      externalDataName: 'small.onnx.data',
    });
    expect(value).toMatchObject({
      name: 'Small',
      facts: { opset: 17 },
      params: 77,
      weights: { seed: 3 },
    });
    expect(
      readFileSync(join(folder, 'small.onnx')).equals(value?.files[0].bytes ?? new Uint8Array()),
    ).toBe(true);
  });

  it('runs a model, at the size of what flows in', async () => {
    const tensor = { shape: [4, 6, 1], data: new Float32Array(24).fill(0.5) };
    const input = { tensor, label: 'a test' };
    const { value, diagnostics } = await run(small, NO_FILES, [input], { engine: 'reference' });
    expect(diagnostics).toEqual([]);
    expect(value).toMatchObject({ name: 'Small', engine: { name: 'reference' } });
    expect(value?.outputs.get('mask')?.shape).toEqual([1, 4, 6, 1]);
    const odd = { tensor: { shape: [3, 6, 1], data: new Float32Array(18) }, label: 'a test' };
    const refused = await run(small, NO_FILES, [odd]);
    expect(refused.diagnostics.map((d) => d.code)).toEqual(['fact-broken']);
  });

  it('is what the built package exports', () => {
    const program = `
      import * as archc from 'archc';
      const text = ${JSON.stringify(SMALL)};
      const { value } = await archc.compile({ path: 's.arch', text }, archc.NO_FILES, { target: 'onnx' });
      console.log(value.params, value.files[0].bytes[0], archc.VERSION);
      const { default: plugin, format } = await import('archc/prettier');
      console.log(Object.keys(plugin.parsers).join(), (await format(text)).ok);`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: ROOT, encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^77 8 \d+\.\d+\.\d+\narch true\n$/);
  });
});
