/** Where `archc stats` puts its figures, and in which format. */
import { extname } from 'node:path';
import type { Outcome } from '../compiler/diagnostic.js';
import { isStatsFile } from './artifacts.js';
import { EXIT, type ExitCode } from './exit.js';
import { printJson } from '../tables/json.js';
import { readFormat, wrongOption, type FormatFlags } from './options.js';
import { writeOutputFile } from './output.js';
import { fail, type Shell } from './shell.js';
import { STATS_FORMATS } from '../tables/stats-format.js';
import { counted } from './words.js';

export const OUTPUT_FORMATS = [...STATS_FORMATS, 'html'] as const;
type OutputFormat = (typeof OUTPUT_FORMATS)[number];

const FORMAT_OF: Readonly<Record<string, OutputFormat>> = {
  '.html': 'html',
  '.htm': 'html',
  '.json': 'json',
  '.csv': 'csv',
  '.md': 'markdown',
  '.txt': 'table',
};

interface StatsOutput {
  /** `-` is standard output. */
  readonly path: string;
  readonly format: OutputFormat;
}

/** `-o` and `--format`, which may follow from the ending of the first. */
export function readStatsOutput(
  flags: FormatFlags & { readonly output?: string },
): Outcome<StatsOutput> {
  const { output: path = '-', format: wanted, json } = flags;
  const extension = extname(path).toLowerCase();
  const usual = Object.hasOwn(FORMAT_OF, extension) ? FORMAT_OF[extension] : undefined;
  const isOpen = wanted === undefined && json !== true;
  const format = readFormat(flags, OUTPUT_FORMATS, (isOpen ? usual : undefined) ?? 'table');
  if (!format.ok) return format;
  if (usual !== undefined && usual !== format.value) {
    return wrongOption('output', path, `a file called ${extension} is not ${format.value}`, [
      `name the output otherwise, or choose \`--format ${usual}\``,
    ]);
  }
  return { ok: true, value: { path, format: format.value } };
}

/** Prints the text or writes it to a file, and says so. */
export async function writeStats(
  text: string,
  { path, format }: StatsOutput,
  models: number,
  force: boolean,
  shell: Shell,
): Promise<ExitCode> {
  if (path === '-') {
    shell.print(text);
    return EXIT.done;
  }
  const problems = await writeOutputFile(path, text, {
    force,
    isSameKind: (existing) => isStatsFile(existing, format),
  });
  if (problems.length > 0) return fail(shell, problems);
  const files = [{ path, bytes: Buffer.byteLength(text) }];
  shell.print(
    shell.json
      ? printJson({ formatVersion: 1, format, models, files })
      : `wrote ${path}: the figures of ${counted(models, 'model')}\n`,
  );
  return EXIT.done;
}
