/** `archc/webgpu` as it is published. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { ROOT } from './helpers/cli.js';

const LIMIT = 15 * 1024;

describe('archc/webgpu', () => {
  it('is one file without dependencies, of 15 KB at most', () => {
    const text = readFileSync(join(ROOT, 'dist/webgpu.js'), 'utf8');
    expect(text).not.toMatch(/\bimport\s*[("'{*]|\brequire\(/);
    expect(gzipSync(text, { level: 9 }).length).toBeLessThanOrEqual(LIMIT);
  });

  it('is made of its own room alone', async () => {
    const { metafile } = await build({
      absWorkingDir: ROOT,
      entryPoints: ['src/webgpu/index.ts'],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
      metafile: true,
      outdir: 'unused',
      logLevel: 'silent',
    });
    const strange = Object.keys(metafile.inputs).filter((path) => !/^src\/webgpu\//.test(path));
    expect(strange).toEqual([]);
  });

  it('has types that know a GPUDevice', () => {
    const types = readFileSync(join(ROOT, 'dist/types/src/webgpu/load.d.ts'), 'utf8');
    expect(types).toContain('<reference types="@webgpu/types"');
    expect(types).toContain('device: GPUDevice');
  });
});
