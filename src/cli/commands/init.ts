/** `archc init`: a starter to change. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Command } from 'commander';
import { diagnostic } from '../../compiler/diagnostic.js';
import { EXIT, type ExitCode } from '../exit.js';
import { codeOf, reasonOf } from '../input.js';
import { printJson } from '../json.js';
import { withExamples, withJson } from '../options.js';
import { writeOutputFile, writeOutputFolder } from '../output.js';
import { fail, type Shell } from '../shell.js';
import { STARTER } from '../starter.js';

const NAME = 'model.arch';

export function registerInit(program: Command, shell: Shell): void {
  const command = program
    .command('init')
    .summary('a commented starter')
    .description(
      `Writes ${NAME}, a small network with comments that checks and compiles, into a folder.\n` +
        'Nothing is overwritten.',
    )
    .argument('[dir]', 'the folder, made if it is not there (default: this one)');
  withExamples(withJson(command), [
    'init my-variant && archc check my-variant/model.arch',
    'init',
  ]).action(async (folder: string | undefined) => {
    process.exitCode = await writeStarter(folder ?? '.', shell);
  });
}
