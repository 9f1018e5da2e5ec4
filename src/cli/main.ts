/** The command line: which command, and what happens when something goes wrong. */
import { Command, CommanderError } from 'commander';
import { diagnostic, type Diagnostic } from '../compiler/diagnostic.js';
import { didYouMean } from '../compiler/names.js';
import { VERSION } from '../version.js';
import { EXIT } from './exit.js';
import { reasonOf } from '../files/read.js';
import { createShell, fail, internalError, type Shell } from './shell.js';
import { endOnClosedPipe } from './terminal.js';

interface CommandModule {
  readonly register: (program: Command, shell: Shell) => void;
}

/** In the order of `archc --help`. Each is loaded when it is asked for: starting is most of a check. */
const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  check: () => import('./commands/check.js'),
  stats: () => import('./commands/stats.js'),
  diff: () => import('./commands/diff.js'),
  sweep: () => import('./commands/sweep.js'),
  graph: () => import('./commands/graph.js'),
  compile: () => import('./commands/compile.js'),
  run: () => import('./commands/run.js'),
  verify: () => import('./commands/verify.js'),
  train: () => import('./commands/train.js'),
  eval: () => import('./commands/eval.js'),
  bench: () => import('./commands/bench.js'),
  fmt: () => import('./commands/fmt.js'),
  explain: () => import('./commands/explain.js'),
  ir: () => import('./commands/ir.js'),
  init: () => import('./commands/init.js'),
};

/** The command that is asked for, or all where the help or a suggestion may need them. */
function loadCommands([name = '']: readonly string[]): Promise<readonly CommandModule[]> {
  const wanted = Object.hasOwn(COMMANDS, name) ? [name] : Object.keys(COMMANDS);
  return Promise.all(wanted.flatMap((each) => COMMANDS[each]?.() ?? []));
}

function createProgram(commands: readonly CommandModule[], shell: Shell): Command {
  const program = new Command('archc')
    .description(
      'Compiles .arch models: exact shapes and costs before training, ONNX files, and runs.',
    )
    .version(VERSION)
    // Errors come as exceptions and are reported like all others.
    .exitOverride()
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError(false)
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      [
        '',
        'Exit codes: 0 done; 1 the model is invalid; 2 the command line is wrong; 3 something',
        'outside failed (a file, an engine); 130 a training was stopped.',
        '',
        'Examples:',
        '  $ archc init my-variant && archc check my-variant/model.arch',
        '  $ archc compile models/sdunet.arch --target onnx',
        '  $ archc check --help',
      ].join('\n'),
    );
  for (const { register } of commands) register(program, shell);
  return program;
}

function unknownCommand(name: string, program: Command): Diagnostic {
  const names = program.commands.map((each) => each.name());
  return diagnostic('unknown-command', `unknown command \`${name}\``, {
    hints: [...didYouMean(name, names), '`archc --help` lists the commands'],
  });
}

/** What commander says about a wrong command line, as a diagnostic. */
function usageProblem(
  error: CommanderError,
  program: Command,
  args: readonly string[],
): Diagnostic {
  const message = error.message.replace(/^error: /, '').replaceAll("'", '`');
  const [, word = ''] = /`([^`]*)`/.exec(message) ?? [];
  if (error.code === 'commander.unknownCommand') return unknownCommand(word, program);
  const command = program.commands.find((each) => each.name() === args[0]) ?? program;
  const help = command === program ? 'archc --help' : `archc ${command.name()} --help`;
  const known = [...command.options.flatMap((option) => option.long ?? []), '--help'];
  const isUnknown = error.code === 'commander.unknownOption';
  return diagnostic(isUnknown ? 'unknown-option' : 'usage', message, {
    hints: [...(isUnknown ? didYouMean(word, known) : []), `\`${help}\` shows what it takes`],
  });
}

/** Known before the rest of the command line is, because errors in that are JSON then too. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  return (
    options.includes('--json') ||
    options.includes('--format=json') ||
    options.some((option, i) => option === '--format' && options[i + 1] === 'json')
  );
}

/** Says what went wrong beyond all foresight, without a stack trace, and ends the process. */
function crash(error: unknown, shell: Shell): void {
  // Standard output itself has failed: nothing more can go there.
  const isOutput = error instanceof Error && 'syscall' in error && error.syscall === 'write';
  if (isOutput) {
    const message = `cannot write to standard output: ${reasonOf(error)}`;
    shell.report([diagnostic('cannot-write', message)]);
  } else {
    fail(shell, [internalError(error)]);
  }
  if (process.env['ARCHC_DEBUG'] === '1' && error instanceof Error) shell.note(error.stack ?? '');
  process.exit(EXIT.outside);
}

async function main(args: readonly string[]): Promise<void> {
  const shell = createShell(asksForJson(args));
  endOnClosedPipe(process.stdout);
  endOnClosedPipe(process.stderr);
  process.on('uncaughtException', (error) => crash(error, shell));
  const program = createProgram(await loadCommands(args), shell);
  // Commander would show the help of all, and not say why.
  const [command, topic = 'help'] = args.filter((each) => !each.startsWith('-'));
  if (command === 'help' && topic !== 'help' && !Object.hasOwn(COMMANDS, topic)) {
    process.exitCode = EXIT.usage;
    fail(shell, [unknownCommand(topic, program)]);
    return;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      crash(error, shell);
      return;
    }
    // Help that was asked for, or the version.
    if (error.exitCode === 0) return;
    process.exitCode = EXIT.usage;
    // Without a command, commander has shown the help.
    if (error.code !== 'commander.help') fail(shell, [usageProblem(error, program, args)]);
  }
}

void main(process.argv.slice(2));
