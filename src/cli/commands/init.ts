/** `archc init`: a starter to change. */
import { existsSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { diagnostic } from '../../compiler/diagnostic.js';
import { EXIT, type ExitCode } from '../exit.js';
import { codeOf, reasonOf } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import { withExamples, withJson } from '../options.js';
import { writeOutputFile } from '../output.js';
import { fail, type Shell } from '../shell.js';
import { STARTER } from '../starter.js';

const NAME = 'model.arch';

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('init')
    .summary('a commented starter')
    .description(
      `Writes ${NAME}, a small network with comments that checks and compiles, into a folder. ` +
        'Nothing is overwritten.',
    )
    .argument('[dir]', 'the folder, made if it is not there (default: this one)');
  withExamples(withJson(command), [
    'archc init my-variant && archc check my-variant/model.arch',
    'init',
  ]).action(async (folder: string | undefined) => {
    process.exitCode = await writeStarter(folder ?? '.', shell);
  });
}

async function writeStarter(folder: string, shell: Shell): Promise<ExitCode> {
  const path = join(folder, NAME);
  if (existsSync(path)) {
    return fail(shell, [
      diagnostic('output-exists', `${path} exists; nothing is overwritten`, {
        hints: ['name another folder: `archc init my-variant`'],
      }),
    ]);
  }
  const made: string[] = [];
  try {
    for (const each of missingFolders(folder)) {
      await mkdir(each);
      made.push(each);
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    await removeFolders(made);
    const message = `cannot make the folder ${folder}: ${reasonOf(error)}`;
    return fail(shell, [diagnostic('cannot-write', message)]);
  }
  const problems = await writeOutputFile(path, STARTER);
  if (problems.length > 0) {
    await removeFolders(made);
    return fail(shell, problems);
  }
  if (shell.json) shell.print(printJson({ formatVersion: 1, file: path }));
  else shell.print(`wrote ${path}\n`);
  return EXIT.done;
}

/**
 * The folders to make, outermost first. (Node's own `recursive` never ends where a folder takes no
 * new entries and says so with ENOENT, as /proc does.)
 */
function missingFolders(folder: string): string[] {
  const path = resolve(folder);
  return existsSync(path) || dirname(path) === path ? [] : [...missingFolders(dirname(path)), path];
}

async function removeFolders(made: readonly string[]): Promise<void> {
  for (const folder of [...made].reverse()) await rmdir(folder);
}
