/** docs/sdunet-paper.md: its counts are up to date, and its measurement says where it is from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { measureLatency } from '../bench/latency.js';
import {
  countedPart,
  MEASURED,
  MEASURED_MODELS,
  measuredPart,
  openPaperModel,
} from '../scripts/paper-page.js';
import { openModel } from '../src/compile.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { ROOT } from './helpers/cli.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/sdunet-paper.md');
const [counted = '', measured = ''] = page.split(`${MEASURED}\n`);

describe('what is counted', () => {
  it('is what archc counts now', () => {
    expect(countedPart(read)).toBe(counted);
  });

  it('has the figures that the claims come from', () => {
    // By hand: 31,031,685 and 3,935,041 parameters of 4 bytes, 12 with Adam's moments.
    expect((31_031_685 * 12) / (3_935_041 * 4)).toBeCloseTo(23.66, 2);
    for (const figure of ['23.66×', '7.89×', '62,049,668', '7,828,224', '372.4 MB', '15.74 MB']) {
      expect(counted).toContain(figure);
    }
    // The 3× of U-Net (depthwise, GN = 32): 3,923,471 parameters in the same way.
    expect((3_923_471 * 12) / (3_935_041 * 4)).toBeCloseTo(2.99, 2);
    expect(counted).toContain('**2.99×**');
  });
});

describe('what is measured', () => {
  it('says when, where and of what', () => {
    expect(measured).toMatch(/^\n\d{4}-\d\d-\d\d, .*, with a load of [\d.]+ from other work; /);
    expect(measured).toMatch(/; onnxruntime-\w+ \d+\.\d+\.\d+ on the processor; /);
    for (const model of MEASURED_MODELS) {
      expect(measured).toMatch(new RegExp(`^\\| ${model} \\| [\\d.]+ \\| [\\d.]+ \\|`, 'm'));
    }
  });

  it('is written from the times alone', () => {
    const models = MEASURED_MODELS.map((name) => openPaperModel(read, name, 256));
    const times = [800, 250, 200, 400, 300].map((min) => ({ min, median: 2 * min }));
    const engine = { name: 'onnxruntime-node', version: '1.2.3' };
    const text = measuredPart(
      models,
      { engine, times },
      { date: '2026-01-31', machine: 'a machine', load: 0, rounds: 3, size: 256 },
    );
    // 54,605,774,848 and 8,384,544,768 MACs.
    expect(text).toContain('| SDUNet | 400.0 | 800.0 | 2.00× | 2.00× | 8.38 G | 21.0 |');
    expect(text).toContain('takes 400 ms less than U-Net by the minimum, 2.00× less');
    expect(text).toContain('takes 0.50× the time of SD-UNet');
    expect(text).toContain('SD-UNet takes 25 % less time');
  });

  it('comes from runs of each model', async () => {
    const text = 'model M() { input x: f32[8, 8, 1] output y = x -> conv(2) }';
    const { value: model } = openModel({ path: 'm.arch', text }, NO_FILES);
    if (model === undefined) throw new Error('no model');
    const { engine, times } = await measureLatency([model, model], 3);
    expect(engine.name).toMatch(/^onnxruntime-/);
    expect(times).toHaveLength(2);
    for (const { min, median } of times) {
      expect(min).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(min);
    }
  });
});

it('the page is linked from README.md', () => {
  expect(read('README.md')).toContain('(docs/sdunet-paper.md)');
});
