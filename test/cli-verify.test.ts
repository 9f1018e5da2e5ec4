/** `archc verify`, from files to a verdict. */
import { describe, expect, it } from 'vitest';
import { writeNpy } from '../src/data/npy.js';
import { writeSafetensors } from '../src/weights/safetensors.js';
import { archc, codesOf, json, put, SMALL, temporaryFolder } from './helpers/cli.js';
import { tensor } from './helpers/run-node.js';

const folder = temporaryFolder();
const here = { cwd: folder };
put(folder, 'small.arch', SMALL);
put(folder, 'wrong.arch', 'model Wrong() {');

/** Packages as a user may have them: absent, or at fault. */
const packages = put(
  folder,
  'packages.cjs',
  `const Module = require('node:module');
const load = Module._load;
const kinds = Object.fromEntries((process.env.PACKAGES ?? '').split(' ').map((p) => p.split('=')));
Module._load = function (name, ...rest) {
  if (kinds[name] === 'absent') throw new Error("Cannot find package '" + name + "'");
  const own = load.call(this, name, ...rest);
  const create = {
    aborts: () => process.abort(),
    hangs: () => { for (;;); },
    differs: async (...args) => {
      const session = await own.InferenceSession.create(...args);
      return {
        release: () => session.release(),
        async run(...inputs) {
          const outputs = await session.run(...inputs);
          for (const { data } of Object.values(outputs)) data[3] += 1;
          return outputs;
        },
      };
    },
  }[kinds[name]];
  return create === undefined ? own : { ...own, env: own.env, InferenceSession: { create } };
};
`,
);
const withPackages = (kinds: string) => ({
  ...here,
  env: { NODE_OPTIONS: `--require ${packages}`, PACKAGES: kinds },
});

const FEW = ['--engine', 'onnxruntime-node', '--engine', 'onnxruntime-web-opset17'];

describe('archc verify', () => {
  it('compares engines, with their versions, figures and one verdict', () => {
    const names = ['reference', 'onnxruntime-node-opset21', 'tfjs-wasm', 'wgsl'];
    const args = names.flatMap((name) => ['--engine', name]);
    const result = archc(['verify', 'small.arch', ...args], here);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^Small \(small\.arch\): the largest difference from the interpreter$/m,
    );
    for (const row of [
      /^reference +0\.1\.0 +\S+ +\S+ +1\.0e-4 +[\d.]+ +agrees$/m,
      /^onnxruntime-node-opset21 +1\.\d+\.\d+, opset 21 +\d\.\de-\d+ +\d\.\de-\d+ .* agrees$/m,
      /^wgsl-f32 +0\.1\.0, SwiftShader\b.* agrees$/m,
      /^tfjs-wasm-u8 +4\.22\.0, 8-bit kernels +.* 1\.0e-1 .* agrees$/m,
      /^input: 2 images of image \[16, 16, 1\], small/m,
      /^weights: \(untrained, seed 0\)$/m,
      /^verdict: all 7 engines agree with the interpreter$/m,
    ]) {
      expect(result.stdout).toMatch(row);
    }
    const [, quantized = ''] = result.stdout.split('The cost of quantisation');
    expect(quantized.match(/^\S+(?= .* agrees$)/gm)).toEqual([
      'tfjs-wasm-f16',
      'tfjs-wasm-u8',
      'wgsl-f16',
    ]);
  });

  it('prints a document', () => {
    put(folder, 'image.npy', writeNpy(tensor([1, 4, 6, 1])));
    const args = ['--engine', 'onnxruntime-node-opset17', '--input', 'image.npy', '--seed', '2'];
    const result = archc(['verify', 'small.arch', ...args, '--json'], here);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const document = json(result);
    expect(document).toMatchObject({
      model: 'Small',
      file: 'small.arch',
      inputs: [{ name: 'image', shape: [4, 6, 1] }],
      images: 1,
      weights: { seed: 2 },
      ok: true,
      engines: [{ name: 'onnxruntime-node-opset17', ok: true, status: 'agrees' }],
      missing: [],
    });
    const [engine] = document['engines'] as { version: string; maxAbsDiff: number }[];
    expect(engine?.version).toMatch(/^1\.\d+\.\d+, opset 17$/);
    expect(engine?.maxAbsDiff).toBeLessThan(1e-4);
  });

  it('names what is missing, and how to get it', () => {
    const usual = archc(['verify', 'small.arch', ...FEW], withPackages('onnxruntime-web=absent'));
    expect(usual.code).toBe(3);
    expect(usual.stderr).toContain('[engine-missing]');
    const group = ['--engine', 'onnx', '--engine', 'tfjs'];
    const absent = withPackages(
      'onnxruntime-web=absent @tensorflow/tfjs-backend-webgpu=absent @tensorflow/tfjs-backend-wasm=absent',
    );
    const partly = archc(['verify', 'small.arch', ...group], absent);
    expect(partly).toMatchObject({ code: 0, stderr: '' });
    expect(partly.stdout).toMatch(
      /^missing: onnxruntime-web-opset17, onnxruntime-web-opset21: .*; npm install onnxruntime-web/m,
    );
    expect(partly.stdout).toMatch(
      /^missing: tfjs-wasm.*npm install @tensorflow\/tfjs-backend-wasm$/m,
    );
    expect(partly.stdout).toMatch(
      /^missing: tfjs-webgpu-f32: .*npm install @tensorflow\/tfjs-backend-webgpu$/m,
    );
    expect(partly.stdout).toMatch(/^verdict: all 3 engines agree/m);
    const none = archc(['verify', 'small.arch', '--engine', 'onnxruntime-web', '--json'], absent);
    expect([none.code, codesOf(none)]).toEqual([3, ['engine-missing']]);
  });

  it('reports an engine that aborts, hangs or differs, and runs the others', () => {
    const crashed = archc(['verify', 'small.arch', ...FEW], withPackages('onnxruntime-web=aborts'));
    expect(crashed.code).toBe(3);
    expect(crashed.stdout).toMatch(/^onnxruntime-node-opset17 .* agrees$/m);
    expect(crashed.stdout).toMatch(/^onnxruntime-web-opset17 .* CRASHED$/m);
    expect(crashed.stderr).toMatch(/\[engine-crashed\]: .*ended with SIGABRT/);
    const hung = archc(
      ['verify', 'small.arch', ...FEW, '--timeout', '2', '--json'],
      withPackages('onnxruntime-web=hangs'),
    );
    expect(hung.code).toBe(3);
    expect(json(hung)).toMatchObject({
      ok: false,
      engines: [
        { name: 'onnxruntime-node-opset17', ok: true },
        { name: 'onnxruntime-node-opset21', ok: true },
        {
          name: 'onnxruntime-web-opset17',
          ok: false,
          status: 'timed-out',
          maxAbsDiff: null,
          diagnostics: [{ code: 'engine-timed-out' }],
        },
      ],
    });
    const differs = archc(
      ['verify', 'small.arch', ...FEW],
      withPackages('onnxruntime-web=differs'),
    );
    expect(differs.code).toBe(3);
    expect(differs.stdout).toMatch(/^onnxruntime-web-opset17 .* DIFFERS$/m);
    expect(differs.stdout).toMatch(
      /^verdict: 1 of 3 engines does not agree: onnxruntime-web-opset17 differs$/m,
    );
    // Whatever it is asked for is wrong: the first operator.
    expect(differs.stderr).toMatch(
      /\[engine-differs\]: onnxruntime-web-opset17 first differs at conv, `mask\.conv_1`: by 1\.0,/,
    );
    expect(differs.stderr).toContain('small.arch:3:26');
  });

  it('lists every difference of weights', () => {
    const values = new Map([
      ['mask.conv_1.weight', tensor([3, 3, 1, 5])],
      ['mask.conv_2.bias', tensor([1])],
      ['other', tensor([2])],
    ]);
    const file = put(folder, 'other.safetensors', writeSafetensors(values));
    for (const command of [
      ['verify', 'small.arch'],
      ['compile', 'small.arch', '--target', 'onnx', '-o', 'x.onnx'],
      ['run', 'small.arch', '--input', 'image.npy', '-o', 'x.npy'],
    ]) {
      const result = archc([...command, '--weights', file, '--json'], here);
      expect([result.code, codesOf(result)]).toEqual([3, Array(4).fill('weights-mismatch')]);
    }
  });

  it.each([
    [['small.arch', '--engine', 'cuda'], 2, 'wrong-option'],
    [['small.arch', '--engine', 'wgsl-f32-unfolded'], 2, 'wrong-option'],
    [['small.arch', '--tolerance', '0'], 2, 'wrong-option'],
    [['small.arch', '--tolerance', 'small'], 2, 'wrong-option'],
    [['small.arch', '--timeout', '0'], 2, 'wrong-option'],
    [['small.arch', '--batch', '0'], 2, 'wrong-option'],
    [['small.arch', '--batch', '3', '--input', 'image.npy'], 2, 'wrong-option'],
    [['small.arch', '--size', '15x16'], 2, 'fact-broken'],
    [['small.arch', '--input', 'none.png'], 3, 'missing-file'],
    [['none.arch'], 3, 'missing-file'],
    [['wrong.arch'], 1, 'syntax'],
    [[], 2, 'usage'],
  ])('refuses %s', (args, code, name) => {
    const result = archc(['verify', ...args, '--json'], here);
    expect([result.code, codesOf(result)[0]]).toEqual([code, name]);
  });
});
