/** The HTML report in a browser: offline, sorted, filtered, in both colour schemes. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from './helpers/browser.js';
import { archc, put, ROOT, temporaryFolder } from './helpers/cli.js';

const folder = temporaryFolder();
const file = join(folder, 'report.html');
const HOSTILE = `# </td><script>alert(1)</script>
## "Doc" <script>window.hacked = 1</script> <img src=x onerror="window.hacked = 2"> &amp;
model Evil() {
  input image: f32[8, 8, 1]
  output mask = image -> conv(2) -> relu
}
`;

/** Its function is called in the page, where there are no modules. */
const CONTRAST = readFileSync(join(ROOT, 'test/helpers/contrast.js'), 'utf8').replace(
  'export ',
  '',
);

let page: Page;
const problems: string[] = [];
const requests: string[] = [];

/** What stands in a column of the second model's layers, in the rows that are shown. */
const column = (name: string): Promise<string[]> =>
  page.evaluate<string[]>(`{
    const table = document.querySelector('#m2-layers-table');
    const at = [...table.querySelectorAll('thead th')]
      .findIndex((header) => header.textContent.trim() === ${JSON.stringify(name)});
    [...table.querySelectorAll('tbody tr:not([hidden])')]
      .map(({ cells }) => cells[at].dataset.v ?? cells[at].textContent);
  }`);
const header = (name: string) =>
  page.locator('#m2-layers-table thead th').filter({ hasText: name });

beforeAll(async () => {
  const models = ['models/phone.arch', 'models/sdunet.arch', put(folder, 'evil.arch', HOSTILE)];
  const made = archc(['stats', ...models, '--format', 'html', '-o', file]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const browser = await openBrowser();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on('console', (message) => problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('dialog', (dialog) => {
    problems.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('request', (request) => requests.push(request.url()));
  await page.context().setOffline(true);
  await page.goto(pathToFileURL(file).href);
});

describe('a report in Chromium', () => {
  it('loads nothing but itself and runs no script of the sources', async () => {
    expect(requests).toEqual([pathToFileURL(file).href]);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(await page.locator('script').count()).toBe(1);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('#m3 .doc').textContent()).toContain(
      '<script>window.hacked = 1</script>',
    );
    expect(await page.locator('#m3-s1-L1 .code').textContent()).toContain('</td><script>alert(1)');
  });

  it('sorts by a header that is clicked or reached with the keyboard', async () => {
    const paths = await column('Layer');
    const macs = (await column('MACs')).map(Number);
    expect(paths.length).toBeGreaterThan(60);
    await header('MACs').locator('button').click();
    expect(await header('MACs').getAttribute('aria-sort')).toBe('descending');
    expect((await column('MACs')).map(Number)).toEqual([...macs].sort((a, b) => b - a));
    await header('MACs').locator('button').press('Enter');
    expect(await header('MACs').getAttribute('aria-sort')).toBe('ascending');
    expect((await column('MACs')).map(Number)).toEqual([...macs].sort((a, b) => a - b));
    await header('Layer').locator('button').click();
    expect(await header('MACs').getAttribute('aria-sort')).toBeNull();
    expect(await header('Layer').getAttribute('aria-sort')).toBe('ascending');
    expect((await column('Layer'))[0]).toBe('d1.rise.concat');
    await header('Layer').locator('button').click();
    await header('Layer').locator('button').click();
    expect(await header('Layer').getAttribute('aria-sort')).toBeNull();
    expect(await column('Layer')).toEqual(paths);
  });

  it('filters by path and sums what is shown', async () => {
    const all = (await column('Layer')).length;
    const parameters = (await column('Parameters')).map(Number);
    const paths = await column('Layer');
    const sum = parameters
      .filter((_, i) => paths[i]?.includes('e5.sdblock') === true)
      .reduce((a, b) => a + b, 0);
    const input = page.getByLabel('Only layers whose path or operator has').nth(1);
    await input.fill('E5.sdblock');
    const shown = await column('Layer');
    expect(shown.length).toBeGreaterThan(3);
    expect(shown.every((path) => path.startsWith('e5.sdblock'))).toBe(true);
    const section = page.locator('section', { has: page.locator('#m2-layers') });
    expect(await section.locator('output').textContent()).toBe(`${shown.length} of ${all} layers`);
    const sums = section.locator('tfoot tr').nth(1);
    expect(await sums.isVisible()).toBe(true);
    expect(await sums.textContent()).toContain(sum.toLocaleString('en-US'));
    await input.fill('');
    expect(await column('Layer')).toHaveLength(all);
    expect(await sums.isVisible()).toBe(false);
  });

  it('counts a line by what it expands to, or by its own operators', async () => {
    const cell = page.locator('#m2-source ~ .scroll table').first();
    const shown = (): Promise<string[]> =>
      cell.locator('tbody .heat:nth-child(4) span:visible').allInnerTexts();
    const all = (await shown()).map(number).reduce((a, b) => a + b, 0);
    await page.getByLabel('operators called on the line itself').nth(1).check();
    const own = (await shown()).map(number).reduce((a, b) => a + b, 0);
    expect(own).toBe(37_748_736);
    expect(all).toBeGreaterThan(8_384_544_768);
    await page.getByLabel('all that the calls of a line expand to').nth(1).check();
  });

  it('is legible in dark and in light, wide and narrow', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 900 });
        const overflow = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect(overflow, `${colorScheme} at ${width}`).toBe(0);
      }
      const faint = await page.evaluate(`${CONTRAST}; faintTexts()`);
      expect(faint, colorScheme).toEqual([]);
      const shot = join(folder, `${colorScheme}.png`);
      await page.screenshot({ path: shot });
      expect(statSync(shot).size).toBeGreaterThan(10_000);
    }
  });

  it('keeps its tables whole on paper', async () => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await page.locator('nav').isVisible()).toBe(false);
    const isCut = await page.evaluate(
      `[...document.querySelectorAll('.tall')].some((e) => e.scrollHeight > e.clientHeight + 1)`,
    );
    expect(isCut).toBe(false);
    const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(ground).toBe('rgb(255, 255, 255)');
  });

  it('has said nothing on the console', () => {
    expect(problems).toEqual([]);
  });
});

function number(text: string): number {
  return Number(text.replaceAll(',', ''));
}
