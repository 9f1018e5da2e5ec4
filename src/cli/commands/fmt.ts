/** `archc fmt`: files in archc's one style. */
import type { Command } from 'commander';
import type { Diagnostic } from '../../compiler/diagnostic.js';
import type { Source } from '../../compiler/source.js';
import { shellWord } from '../../weights/trained.js';
import { EXIT, exitCodeOf, type ExitCode } from '../exit.js';
import { readSource, STDIN_PATH } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import { withExamples, withJson, type JsonFlag } from '../options.js';
import { writeOutputFile } from '../output.js';
import { fail, type Shell } from '../shell.js';

interface FmtFlags extends JsonFlag {
  readonly check?: boolean;
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('fmt')
    .summary('format files in place')
    .description(
      'Formats files in place; files with syntax errors are left as they are. ' +
        '`-` formats standard input to standard output.',
    )
    .argument('<file...>', 'the .arch files')
    .option('--check', 'change nothing; list the files that are not formatted, and exit with 1');
  withExamples(withJson(command), [
    'fmt models/*.arch',
    'fmt --check models/*.arch',
    'fmt - < model.arch',
  ]).action(async (files: readonly string[], flags: FmtFlags) => {
    process.exitCode = await formatFiles(files, flags, shell);
  });
}

interface FormattedFile {
  readonly source: Source;
  readonly text: string;
}

async function formatFiles(
  files: readonly string[],
  { check = false }: FmtFlags,
  shell: Shell,
): Promise<ExitCode> {
  const { format } = await import('../../format/format.js');
  const diagnostics: Diagnostic[] = [];
  const formatted: FormattedFile[] = [];
  for (const file of new Set(files)) {
    const source = readSource(file);
    if (!source.ok) {
      diagnostics.push(...source.diagnostics);
      continue;
    }
    const result = await format(source.value.text, source.value.path);
    if (!result.ok) {
      diagnostics.push(...result.diagnostics);
      continue;
    }
    formatted.push({ source: source.value, text: result.text });
    if (!check) diagnostics.push(...(await writeBack(source.value, result.text, shell)));
  }
  if (diagnostics.length > 0) return fail(shell, diagnostics);
  const changed = formatted.filter(({ source, text }) => source.text !== text);
  if (shell.json) {
    shell.print(printJson({ formatVersion: 1, files: formatted.map(jsonFile) }));
  } else if (check) {
    for (const { source } of changed) shell.print(`${source.path}\n`);
  } else {
    for (const { source } of changed) {
      if (source.path !== STDIN_PATH) shell.note(`formatted ${source.path}`);
    }
  }
  return check && changed.length > 0 ? EXIT.invalid : exitCodeOf(diagnostics);
}

function jsonFile({ source, text }: FormattedFile): object {
  return {
    file: source.path,
    formatted: source.text === text,
    ...(source.path === STDIN_PATH ? { text } : {}),
  };
}

async function writeBack(
  source: Source,
  text: string,
  shell: Shell,
): Promise<readonly Diagnostic[]> {
  if (source.path === STDIN_PATH) {
    if (!shell.json) shell.print(text);
    return [];
  }
  if (source.text === text) return [];
  const problems = await writeOutputFile(source.path, text, { isSameKind: () => true });
  // There is no other output to name.
  const hint = `fmt writes in place: make it writable, or print it: \`archc fmt - < ${shellWord(source.path)}\``;
  return problems.map((problem) => ({ ...problem, hints: [hint] }));
}
