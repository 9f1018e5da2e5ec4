/** `archc check`: everything that can be said about files without running them. */
import type { Command } from 'commander';
import { modelNamed } from '../../choose.js';
import type { ModelRequest } from '../../compile.js';
import { check, deduplicate, modelsOf, type Checked } from '../../compiler/check.js';
import type { Diagnostic } from '../../compiler/diagnostic.js';
import { recipesOf } from '../../compiler/recipe.js';
import { VERSION } from '../../version.js';
import { exitCodeOf, type ExitCode } from '../exit.js';
import { githubCommands } from '../github.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import { checkDocument, printJson } from '../../tables/json.js';
import {
  allOf,
  readFormat,
  readModelFlags,
  withDevice,
  withExamples,
  withJson,
  withModel,
  type DeviceFlag,
  type FormatFlags,
  type ModelFlags,
} from '../options.js';
import { summarize } from '../render.js';
import { sarifLog } from '../sarif.js';
import { fail, type Shell } from '../shell.js';
import { counted } from '../words.js';

const FORMATS = ['text', 'json', 'sarif', 'github'] as const;

type CheckFlags = ModelFlags & FormatFlags & DeviceFlag;

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('check')
    .summary('check files: names, types, shapes, every `expect`, every recipe')
    .description(
      'Parses, resolves and expands files, checks every shape and tests every `expect`. ' +
        'All models and recipes of a file are checked, unless `--model` names one model. ' +
        '`-` reads standard input.',
    )
    .argument('<file...>', 'the .arch files')
    .option('--format <format>', `how to report: ${FORMATS.join(', ')} (default: text)`);
  withExamples(withJson(withDevice(withModel(command))), [
    'check models/sdunet.arch',
    'check models/*.arch --format github',
    'check model.arch --device devices/phone.json',
    'check model.arch --model Small --set width=8 --size 512x512',
  ]).action((files: readonly string[], flags: CheckFlags) => {
    process.exitCode = checkFiles(files, flags, shell);
  });
}

function checkFiles(files: readonly string[], flags: CheckFlags, shell: Shell): ExitCode {
  const read = allOf({
    request: readModelFlags(flags),
    format: readFormat(flags, FORMATS, 'text'),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, format } = read.value;
  const results = files.map((file) => checkFile(file, request));
  const diagnostics = deduplicate(results.flatMap((result) => result.diagnostics));
  switch (format) {
    case 'json':
      shell.print(printJson(checkDocument(diagnostics)));
      break;
    case 'sarif':
      shell.print(printJson(sarifLog(diagnostics, VERSION)));
      break;
    case 'github':
      shell.print(githubCommands(diagnostics));
      break;
    case 'text':
      shell.report(diagnostics);
      for (const { summary } of results) if (summary !== undefined) shell.print(`${summary}\n`);
      if (diagnostics.length > 0) shell.note(`\n${summarize(diagnostics)}`);
  }
  return exitCodeOf(diagnostics);
}

interface FileResult {
  readonly diagnostics: readonly Diagnostic[];
  /** Of a file without errors. */
  readonly summary: string | undefined;
}

function checkFile(file: string, request: ModelRequest): FileResult {
  const source = readSource(file);
  if (!source.ok) return { diagnostics: source.diagnostics, summary: undefined };
  const { path } = source.value;
  const checked = check(source.value, fileHost(path), request);
  if (!checked.valid) return { diagnostics: checked.diagnostics, summary: undefined };
  if (request.model !== undefined) {
    const names = modelsOf(checked.program.entry).map((d) => d.name.text);
    const named = modelNamed(request.model, names, path);
    if (!named.ok) {
      const diagnostics = [...checked.diagnostics, ...named.diagnostics];
      return { diagnostics, summary: undefined };
    }
  }
  // With `--model` they are not checked.
  const recipes = request.model === undefined ? recipesOf(checked.program.entry).length : 0;
  return { diagnostics: checked.diagnostics, summary: summaryOf(path, checked, recipes) };
}

/** `models/sdunet.arch: ok, 4 models, 9 expectations hold, 3 recipes` */
function summaryOf(path: string, { models }: Checked, recipes: number): string {
  const claims = models.flatMap(({ claimResults }) => claimResults);
  const held = claims.filter(({ holds }) => holds === true).length;
  const parts = [counted(models.length, 'model')];
  if (held > 0) parts.push(`${counted(held, 'expectation')} ${held === 1 ? 'holds' : 'hold'}`);
  // In a valid file, only what is warned of.
  if (held < claims.length) parts.push(`${claims.length - held} not checked`);
  if (recipes > 0) parts.push(counted(recipes, 'recipe'));
  return `${path}: ok, ${parts.join(', ')}`;
}
