/** `archc explain`: the catalogue of diagnostics. */
import type { Command } from 'commander';
import { CODES, type Code, type CodeInfo } from '../../compiler/codes.js';
import { diagnostic } from '../../compiler/diagnostic.js';
import { didYouMean } from '../../compiler/names.js';
import { EXIT, type ExitCode } from '../exit.js';
import { printJson } from '../../tables/json.js';
import { withExamples, withJson } from '../options.js';
import { fail, type Shell } from '../shell.js';

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('explain')
    .summary('what a diagnostic means')
    .description(
      'Explains a diagnostic by its code, with an example that fails and one that passes. ' +
        'Without a code, lists all of them.',
    )
    .argument('[code]', 'the code in brackets: shape-mismatch');
  withExamples(withJson(command), ['explain shape-mismatch', 'explain']).action(
    (code: string | undefined) => {
      process.exitCode = explain(code, shell);
    },
  );
}

function isCode(text: string): text is Code {
  return Object.hasOwn(CODES, text);
}

function explain(code: string | undefined, shell: Shell): ExitCode {
  if (code === undefined) {
    const all = Object.entries<CodeInfo>(CODES).sort(([a], [b]) => (a < b ? -1 : 1));
    shell.print(shell.json ? printJson({ formatVersion: 1, codes: all.map(entry) }) : list(all));
    return EXIT.done;
  }
  if (!isCode(code)) {
    return fail(shell, [
      diagnostic('unknown-code', `there is no diagnostic \`${code}\``, {
        hints: [...didYouMean(code, Object.keys(CODES)), '`archc explain` lists all of them'],
      }),
    ]);
  }
  const info: CodeInfo = CODES[code];
  shell.print(shell.json ? printJson({ formatVersion: 1, code, ...info }) : page(code, info));
  return EXIT.done;
}

function entry([code, { severity, title }]: readonly [string, CodeInfo]): object {
  return { code, severity, title };
}

function list(all: readonly (readonly [string, CodeInfo])[]): string {
  const width = Math.max(...all.map(([code]) => code.length));
  return all
    .map(
      ([code, { severity, title }]) => `${code.padEnd(width)}  ${severity.padEnd(7)}  ${title}\n`,
    )
    .join('');
}

const WIDTH = 80;

function page(code: string, { severity, title, explanation, bad, good }: CodeInfo): string {
  const example = (heading: string, text: string | undefined): string[] =>
    text === undefined
      ? []
      : [
          '',
          heading,
          '',
          ...text
            .trimEnd()
            .split('\n')
            .map((l) => `    ${l}`.trimEnd()),
        ];
  const lines = [
    `${severity}[${code}]: ${title}`,
    '',
    ...explanation.split('\n').flatMap(wrap),
    ...example('This fails:', severity === 'error' ? bad : undefined),
    ...example('This gives the warning:', severity === 'warning' ? bad : undefined),
    ...example('This passes:', good),
  ];
  return `${lines.join('\n')}\n`;
}

/** Lines of at most `WIDTH` characters, where words allow. */
function wrap(paragraph: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
