/** The command line as a user runs it: the built one, in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect } from 'vitest';

export const ROOT = join(import.meta.dirname, '..', '..');
const BIN = join(ROOT, 'dist', 'cli.cjs');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  /** Standard input; empty unless given. */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `archc`. However it ends, no stack trace may show. */
export function archc(args: readonly string[], options: CliOptions = {}): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    cwd: options.cwd ?? ROOT,
    input: options.input ?? '',
    encoding: 'utf8',
    env: { ...process.env, ...options.env },
    maxBuffer: 2 ** 28,
  });
  if (options.env?.['ARCHC_DEBUG'] === undefined) {
    expect(`${stdout}${stderr}`).not.toMatch(/^\s+at .*:\d+:\d+/m);
  }
  return { code: status, stdout, stderr };
}

export interface Document {
  readonly formatVersion: number;
  readonly [key: string]: unknown;
}

/** Standard output as the one JSON document that `--json` promises. */
export function json(result: CliResult): Document {
  const document = JSON.parse(result.stdout) as Document;
  expect(document.formatVersion).toBe(1);
  return document;
}

/** The codes of the diagnostics of a failed command, from its JSON document. */
export function codesOf(result: CliResult): readonly string[] {
  const document = json(result);
  expect(document).toMatchObject({ valid: false });
  const diagnostics = document['diagnostics'] as readonly { code: string; severity: string }[];
  expect(document).toMatchObject({
    errorCount: diagnostics.filter((d) => d.severity === 'error').length,
    warningCount: diagnostics.filter((d) => d.severity === 'warning').length,
  });
  return diagnostics.map((d) => d.code);
}

/** A folder that is deleted when the tests of the file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'archc-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file into a folder, making the folders on the way, and gives its path. */
export function put(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A small model that checks: a convolution of an image of any even size. */
export const SMALL = `model Small(width: int = 4) {
  input image: f32[H = 16, W = 16, 1] where H % 2 == 0, W % 2 == 0
  output mask = image -> conv(width) -> relu -> maxpool(2) -> upsample(2) -> conv(1) -> sigmoid
}
`;
