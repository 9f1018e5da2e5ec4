/** The page of a plan in a browser that has WebGPU, with a real image dropped on it. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, FileChooser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitWgsl } from '../src/backends/wgsl/emit.js';
import type { Tensor } from '../src/compiler/ir.js';
import { inferencePasses, kernelPasses, runPasses } from '../src/compiler/passes/index.js';
import { writePng } from '../src/data/png.js';
import { readTiff } from '../src/data/tiff.js';
import { initialize } from '../src/weights/initialize.js';
import { openBrowser } from './helpers/browser.js';
import { modelOf } from './helpers/check.js';
import { ROOT } from './helpers/cli.js';
import { emitted, metadata, runOnnx } from './helpers/onnx-run.js';
import { filesOf, smallPlan, type PlanFiles } from './helpers/plans.js';
import { sharedData } from './helpers/shared.js';

const SIDE = 128;

/** Two levels of a U-Net with the operators of SD-UNet. */
const PROGRAM = `model Cells() {
  input image: f32[${SIDE}, ${SIDE}, 1]
  skip = image -> conv(16) -> relu -> groupnorm(4)
  low = skip -> maxpool(2) -> dwconv(ws) -> conv(32, k = 1) -> relu -> groupnorm(4)
  joined = concat(skip, low -> upsample(2) -> conv(16, k = 1))
  output mask = joined -> conv(8) -> relu -> conv(1, k = 1) -> sigmoid
}
`;

/** A slice of an electron microscope where the data is there, else rings; the size of the input. */
async function testImage(): Promise<Tensor> {
  const data = new Float32Array(SIDE * SIDE);
  const path = sharedData('isbi-em', 'train-volume-00-03.tif');
  const pages = path === undefined ? undefined : await readTiff(readFileSync(path));
  const slice = pages?.ok === true ? pages.value[0] : undefined;
  const width = slice?.shape[1] ?? 0;
  for (let i = 0; i < data.length; i++) {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const ring = Math.round(255 * (0.5 + 0.5 * Math.sin(Math.hypot(x - 50, y - 70) / 3))) / 255;
    data[i] = slice?.data[y * width + x] ?? ring;
  }
  return { shape: [SIDE, SIDE, 1], data };
}

let browser: Browser;
let server: Server;
/** What the server has, by the first part of the path and the rest. */
const folders = new Map<string, PlanFiles>();

const page: PlanFiles = {
  'index.html': readFileSync(join(ROOT, 'dist/webgpu.html')),
  'runtime.js': readFileSync(join(ROOT, 'dist/webgpu.js')),
};
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const [, folder = '', ...rest] = (request.url ?? '').split('/');
    const name = rest.join('/') || 'index.html';
    const content = folders.get(folder)?.[name];
    const type = TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
    response.writeHead(content === undefined ? 404 : 200, { 'content-type': type });
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await openBrowser(['--enable-unsafe-webgpu']);
});
afterAll(() => void server.close());

/** `prepare` is done before the page loads. */
async function openPage(folder: string, prepare?: (page: Page) => unknown): Promise<Page> {
  const { port } = server.address() as AddressInfo;
  const opened = await browser.newPage({ viewport: { width: 1000, height: 760 } });
  await prepare?.(opened);
  await opened.goto(`http://127.0.0.1:${port}/${folder}/`);
  return opened;
}

/** Lets go of a PNG over the page, as the desktop would. */
async function drop(target: Page, png: Uint8Array): Promise<void> {
  const base64 = Buffer.from(png).toString('base64');
  // In the browser, of whose types this file knows nothing.
  await target.evaluate(`(async () => {
    const bytes = await (await fetch('data:image/png;base64,${base64}')).blob();
    const data = new DataTransfer();
    data.items.add(new File([bytes], 'cells.png', { type: 'image/png' }));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  })()`);
}

describe('the page of a plan', () => {
  it('shows the mask that ONNX Runtime computes of a dropped image', async () => {
    const { staticGraph } = modelOf(PROGRAM);
    if (staticGraph === undefined) throw new Error('no graph');
    const weights = initialize(staticGraph.weights, 0);
    const optimized = runPasses({ graph: staticGraph, weights }, [
      ...inferencePasses,
      ...kernelPasses,
    ]);
    const emission = await emitWgsl(optimized.graph, optimized.weights ?? weights, {
      metadata: { ...metadata, version: '0.0.0' },
      params: 1,
    });
    if (!emission.ok) throw new Error('no plan');
    const files = emission.files.map(({ name, bytes }) => [name, bytes] as const);
    folders.set('cells', { ...page, ...Object.fromEntries(files) });

    const image = await testImage();
    const input = { shape: [1, ...image.shape], data: image.data };
    const expected = await runOnnx(emitted(staticGraph, weights), new Map([['image', input]]));

    const opened = await openPage('cells');
    await opened.getByText('Choose an image').waitFor();
    expect(await opened.title()).toBe('Cells');
    await drop(opened, await writePng(image));
    await opened.getByText(/first run [\d.]+ ms, then [\d.]+ ms/).waitFor();
    expect(await opened.getByRole('alert').isVisible()).toBe(false);
    const got = await opened.evaluate<number[]>('Array.from(archc.outputs.mask.data)');
    const given = await opened.evaluate<number[]>('Array.from(archc.input.data)');
    expect(Math.max(...given.map((v, i) => Math.abs(v - (image.data[i] ?? 2))))).toBeLessThan(1e-6);
    const mask = expected.get('mask')?.data ?? new Float32Array();
    expect(got).toHaveLength(mask.length);
    const differences = got.map((value, i) => Math.abs(value - (mask[i] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1e-4);
    expect(new Set(got).size).toBeGreaterThan(1000);
    // The picture is of these numbers.
    const shown = await opened.evaluate<number[]>(
      `Array.from(document.getElementById('mask').getContext('2d').getImageData(0, 0, ${SIDE}, ${SIDE}).data)`,
    );
    const steps = got.map((value, i) => Math.abs((shown[4 * i] ?? 0) - 255 * value));
    expect(Math.max(...steps)).toBeLessThan(1.01);
    const { ARCHC_SCREENSHOTS: shots } = process.env;
    for (const colorScheme of ['light', 'dark'] as const) {
      if (shots === undefined) continue;
      await opened.emulateMedia({ colorScheme });
      await opened.screenshot({ path: join(shots, `page-${colorScheme}.png`), fullPage: true });
    }
  });

  it('can be used with the keyboard alone', async () => {
    folders.set('small', { ...page, ...filesOf(smallPlan()) });
    let chosen: Promise<FileChooser> | undefined;
    // So early, because Chromium has to be told that the test chooses, and a key may be faster.
    const opened = await openPage('small', (p) => void (chosen = p.waitForEvent('filechooser')));
    await opened.getByText('Choose an image').waitFor();
    await opened.keyboard.press('Tab');
    expect(await opened.evaluate('document.activeElement.id')).toBe('file');
    await opened.keyboard.press('Enter');
    const png = await writePng({ shape: [8, 8, 1], data: new Float32Array(64).fill(0.2) });
    const file = { name: 'a.png', mimeType: 'image/png', buffer: Buffer.from(png) };
    await (await chosen)?.setFiles(file);
    await opened.getByText(/a\.png: first run/).waitFor();
    expect(await opened.evaluate('archc.outputs.sum.data[0]')).toBeCloseTo(0.5 * 1.4 - 4, 5);
  });

  it('says what is wrong with the plan, and that there is no WebGPU', async () => {
    const files = filesOf(smallPlan());
    folders.set('damaged', { ...page, ...files, 'weights.bin': new Uint8Array(3) });
    const damaged = await openPage('damaged');
    await damaged.getByText('weights.bin has 3 bytes instead of 264').waitFor();
    expect(await damaged.getByRole('alert').isVisible()).toBe(true);

    folders.set('good', { ...page, ...files });
    const blind = await openPage('good', (p) =>
      p.addInitScript(`Object.defineProperty(navigator, 'gpu', { value: undefined })`),
    );
    await blind.getByText('there is no WebGPU here').waitFor();
  });
});
