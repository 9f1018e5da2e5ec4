/** The project's own programs are formatted as `archc fmt` would. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { format } from '../src/format/format.js';

const files = ['../models/', '../models/zoo/', '../std/', '../docs/examples/'].flatMap((folder) => {
  const url = new URL(folder, import.meta.url);
  return readdirSync(url)
    .filter((name) => name.endsWith('.arch'))
    .map((name) => new URL(name, url));
});

describe('is formatted', () => {
  it.each(files.map((url) => [url.pathname.split('/').slice(-2).join('/'), url] as const))(
    '%s',
    async (_, url) => {
      const text = readFileSync(url, 'utf8');
      expect(await format(text)).toEqual({ ok: true, text });
    },
  );
});
