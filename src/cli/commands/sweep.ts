/** `archc sweep`: counts the variants of a model over lists of values for its parameters. */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, sep } from 'node:path';
import type { Command } from 'commander';
import { modelNamed } from '../../choose.js';
import type { ModelRequest } from '../../compile.js';
import type { Expression, ModelDeclaration } from '../../compiler/ast.js';
import { check, deduplicate, modelsOf } from '../../compiler/check.js';
import { diagnostic, hasErrors, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import { examineOverrides } from '../../compiler/elaborate.js';
import { METRIC_NAMES } from '../../compiler/metrics.js';
import { loadProgram, type Host, type Program } from '../../compiler/modules.js';
import { parseExpression } from '../../compiler/parse.js';
import { resolve } from '../../compiler/resolve.js';
import type { Source } from '../../compiler/source.js';
import {
  MAX_VARIANTS,
  placesOf,
  productSize,
  readAxes,
  type Sample,
  type Varied,
} from '../../sweep/axes.js';
import type { SweepJob, VariantResult } from '../../sweep/count.js';
import { formatSweep, plotSweep, sweepCsv, SWEEP_FORMATS } from '../../sweep/format.js';
import { chosenVariants, sweepReport, type SweepReport } from '../../sweep/report.js';
import { countVariants } from '../../sweep/run.js';
import { variantsSource } from '../../sweep/source.js';
import { isDiagramFile } from '../artifacts.js';
import { EXIT, exitCodeOf, flagSource, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import {
  allOf,
  collect,
  optional,
  problemsIn,
  readChoice,
  readFormat,
  readInteger,
  readModelFlags,
  readPathEnding,
  withExamples,
  withJson,
  withModel,
  wrongOption,
  type FormatFlags,
  type ModelFlags,
} from '../options.js';
import { writeOutputFile, writeOutputFolder } from '../output.js';
import { fail, type Shell } from '../shell.js';
import { startProgress } from '../terminal.js';
import { counted } from '../words.js';

interface SweepFlags extends ModelFlags, FormatFlags {
  readonly vary: readonly string[];
  readonly random?: string;
  readonly seed?: string;
  readonly where?: string;
  readonly pareto?: string;
  readonly output?: string;
  readonly plot?: string;
  readonly force?: boolean;
  readonly jobs?: string;
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('sweep')
    .summary('the costs of all variants over lists of values')
    .description(
      'Elaborates and counts a variant of the model for every combination of the values listed. ' +
        'Values are expressions of the language; a range stands for its items, `2..5` for 2, 3, 4. ' +
        'A variant that is not valid, or breaks an `expect`, is counted as a failure with its reason. ' +
        `The figures, for \`--where\` and \`--pareto\`, are those of \`expect\`: ${METRIC_NAMES.join(', ')}.`,
    )
    .argument('<file>', 'the .arch file')
    .requiredOption('--vary <name=values>', 'a parameter and its values; repeatable', collect)
    .option('--random <count>', 'count so many of the combinations, picked at random')
    .option('--seed <number>', 'seed of that choice (default: 0)')
    .option('--where <condition>', 'keep the variants for which it holds: over figures and values')
    .option('--pareto <figures>', 'mark the variants that no other beats in all of these')
    .option('-o, --output <folder>', 'write results.csv, variants.arch and pareto.svg there')
    .option('--plot <file>', 'write the two figures of `--pareto` as a picture (SVG)')
    .option('--force', 'replace what `-o` or `--plot` names, whatever it is')
    .option('--jobs <count>', 'threads (default: one a processor); the results are the same')
    .option('--format <format>', `how to print: ${SWEEP_FORMATS.join(', ')} (default: table)`);
  withExamples(withJson(withModel(command)), [
    "sweep models/sdunet.arch --vary width=8,16,32,64 --vary groups=4,8,16 --where 'params < 1M' --pareto params,macs",
    "sweep models/sdunet.arch --vary 'width=16..65' --random 20 --seed 1 --format csv",
    "sweep models/unet.arch --vary 'layer=plain, separable(norm = batchnorm)' --vary width=16,32",
    'sweep models/sdunet.arch --vary width=8,16,32 --pareto params,peak_memory -o out',
  ]).action(async (file: string, flags: SweepFlags) => {
    process.exitCode = await sweep(file, flags, shell);
  });
}

async function sweep(file: string, flags: SweepFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    varied: readVaried(flags),
    sample: readSample(flags),
    condition: optional(flags.where, readCondition),
    objectives: readObjectives(flags),
    format: readFormat(flags, SWEEP_FORMATS, 'table'),
    jobs: readJobs(flags.jobs),
    output: optional(flags.output, (folder) => readOutput(folder, file)),
    plot: optional(flags.plot, (path) =>
      readPathEnding('plot', path, '.svg', 'the picture is an SVG file'),
    ),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, varied, sample, condition, objectives, format, jobs } = read.value;
  const source = readSource(file);
  if (!source.ok) return fail(shell, source.diagnostics);
  const host = fileHost(source.value.path);
  const opened = openJob(source.value, host, request, varied, condition);
  if (hasErrors(opened.diagnostics) || opened.job === undefined) {
    return fail(shell, opened.diagnostics);
  }
  const { job } = opened;
  const places = placesOf(job.axes, sample);
  if (!places.ok) return fail(shell, places.diagnostics);
  shell.report(opened.diagnostics);

  const results = await count(job, places.value, jobs);
  const last = results.at(-1);
  if (last?.kind === 'refused') return fail(shell, last.diagnostics);
  const report = sweepReport(
    {
      file: source.value.path,
      model: job.declaration.name.text,
      axes: job.axes,
      product: Number(productSize(job.axes)),
      condition: flags.where?.trim(),
      objectives,
    },
    places.value,
    results,
  );
  const problems = await writeFindings(report, job, flags, host, shell);
  if (hasErrors(problems)) return fail(shell, problems);
  shell.print(formatSweep(report, format));
  return conclude(report, shell);
}

/** All that has failed makes the command fail; that nothing is left over is a finding. */
function conclude(report: SweepReport, shell: Shell): ExitCode {
  const { condition, failures, variants } = report;
  const isFailure = variants.every((v) => v.status === 'failed');
  if (isFailure && !shell.json) {
    shell.report(failures.slice(0, 3).map((f) => f.diagnostic));
    shell.note(`\nno variant is valid, of ${counted(variants.length, 'variant')}`);
  } else if (condition !== undefined && !variants.some((v) => v.status === 'kept')) {
    shell.note(`no variant satisfies \`${condition}\``);
  }
  return isFailure ? exitCodeOf(failures.map((f) => f.diagnostic)) : EXIT.done;
}

async function count(
  job: SweepJob,
  places: readonly number[],
  jobs: number,
): Promise<readonly VariantResult[]> {
  const progress = startProgress(process.stderr, 'counting', places.length);
  try {
    // Beside the command line's own script; where it is missing, this thread does the work.
    const workerFile = new URL('./sweep-worker.cjs', import.meta.url);
    return await countVariants(job, places, {
      jobs: existsSync(workerFile) ? jobs : 1,
      workerFile,
      onProgress: progress.update,
    });
  } finally {
    progress.end();
  }
}

// --- Reading the command line -------------------------------------------------------------------

function readVaried({ vary, set = [] }: SweepFlags): Outcome<readonly Varied[]> {
  const read = vary.map((text, i) => readVary(text, i + 1));
  const diagnostics = problemsIn(...read);
  const varied = read.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  varied.forEach(({ name, nameSpan }, i) => {
    const isRepeated = varied.slice(0, i).some((other) => other.name === name);
    const isSet = set.some((text) => new RegExp(`^\\s*${name}\\s*=`).test(text));
    if (!isRepeated && !isSet) return;
    const how = isRepeated ? 'varied twice' : 'both varied and set';
    const hints = isRepeated ? ['list all its values after one `--vary`'] : [];
    diagnostics.push(
      diagnostic('wrong-option', `\`${name}\` is ${how}`, { span: nameSpan, hints }),
    );
  });
  return diagnostics.length > 0 ? { ok: false, diagnostics } : { ok: true, value: varied };
}

const VARY_HINT = 'as in `--vary width=8,16,32`';

/** `width=8, 16, 2 * 16`: values parted by commas that no bracket or string holds. */
function readVary(text: string, number: number): Outcome<Varied> {
  const source = flagSource('vary', text, number);
  const wrong = (message: string, start: number, end: number): Outcome<never> => ({
    ok: false,
    diagnostics: [
      diagnostic('wrong-option', message, { span: { source, start, end }, hints: [VARY_HINT] }),
    ],
  });
  const [head, indent, name] = /^(\s*)([A-Za-z_]\w*)\s*=(?!=)/.exec(text) ?? [];
  if (head === undefined || indent === undefined || name === undefined) {
    return wrong('`--vary` takes a parameter and its values', 0, text.length);
  }
  const values: Expression[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const { start, end } of partsOf(text, head.length)) {
    if (text.slice(start, end).trim() === '') {
      // A caret needs something to point at.
      return wrong(
        `a value of \`${name}\` is missing`,
        Math.min(start, text.length - 1),
        text.length,
      );
    }
    const parsed = parseExpression(source, start, end);
    diagnostics.push(...parsed.diagnostics);
    if (parsed.tree !== undefined) values.push(parsed.tree);
  }
  if (hasErrors(diagnostics)) return { ok: false, diagnostics };
  const nameSpan = { source, start: indent.length, end: indent.length + name.length };
  return { ok: true, value: { name, nameSpan, values } };
}

/** The places between the commas of the top level, from an offset on. */
function partsOf(text: string, from: number): { readonly start: number; readonly end: number }[] {
  const parts: { start: number; end: number }[] = [];
  let [start, depth, inString] = [from, 0, false];
  for (let i = from; i < text.length; i++) {
    const character = text.charAt(i);
    if (inString && character === '\\') i++;
    else if (character === '"') inString = !inString;
    else if (inString) continue;
    else if ('([{'.includes(character)) depth++;
    else if (')]}'.includes(character)) depth--;
    else if (character === ',' && depth === 0) {
      parts.push({ start, end: i });
      start = i + 1;
    }
  }
  parts.push({ start, end: text.length });
  return parts;
}

function readSample({ random, seed }: SweepFlags): Outcome<Sample | undefined> {
  if (random === undefined) {
    if (seed === undefined) return { ok: true, value: undefined };
    return wrongOption('seed', seed, '`--seed` is for `--random`', [
      'say how many to pick: `--random 100`',
    ]);
  }
  const read = allOf({
    count: readInteger('random', random, { min: 1, max: MAX_VARIANTS }),
    seed: readInteger('seed', seed ?? '0', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  });
  return read;
}

function readCondition(text: string): Outcome<Expression> {
  const { tree, diagnostics } = parseExpression(flagSource('where', text));
  return tree === undefined || hasErrors(diagnostics)
    ? { ok: false, diagnostics }
    : { ok: true, value: tree };
}

function readObjectives({ pareto, plot }: SweepFlags): Outcome<readonly string[]> {
  const names = pareto?.split(',').map((name) => name.trim()) ?? [];
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) {
    return wrongOption('pareto', pareto ?? '', `\`${repeated}\` is given twice`);
  }
  const read = names.map((name) => readChoice('pareto', name, METRIC_NAMES, 'figure'));
  const diagnostics = problemsIn(...read);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  if (plot !== undefined && names.length !== 2) {
    return wrongOption('plot', plot, 'a picture has the two figures of `--pareto` as its axes', [
      'as in `--pareto params,macs`',
    ]);
  }
  return { ok: true, value: names };
}

function readJobs(text: string | undefined): Outcome<number> {
  if (text === undefined) return { ok: true, value: availableParallelism() };
  return readInteger('jobs', text, { min: 1, max: 256 });
}

function readOutput(folder: string, file: string): Outcome<string> {
  if (file !== '-') return { ok: true, value: folder };
  return wrongOption('output', folder, 'variants of a model from standard input cannot import it', [
    'name the file of the model',
  ]);
}

// --- The model ----------------------------------------------------------------------------------

interface OpenedJob {
  readonly job: SweepJob | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

function openJob(
  source: Source,
  host: Host,
  request: ModelRequest,
  varied: readonly Varied[],
  condition: Expression | undefined,
): OpenedJob {
  const program = loadProgram(source, host);
  const found = deduplicate([
    ...program.diagnostics,
    ...program.modules.flatMap((module) => resolve(module)),
  ]);
  if (hasErrors(found)) return { job: undefined, diagnostics: found };
  const chosen = declarationOf(program, request.model);
  if (!chosen.ok) return { job: undefined, diagnostics: [...found, ...chosen.diagnostics] };
  const declaration = chosen.value;
  const { overrides = [], sizes } = request;
  const problems = examineOverrides(program, declaration, overrides);
  if (problems.length > 0) return { job: undefined, diagnostics: [...found, ...problems] };
  const axes = readAxes(program, declaration, varied);
  if (!axes.ok) return { job: undefined, diagnostics: [...found, ...axes.diagnostics] };
  return {
    job: { program, declaration, axes: axes.value, overrides, sizes, condition },
    diagnostics: found,
  };
}

function declarationOf(program: Program, wanted: string | undefined): Outcome<ModelDeclaration> {
  const models = modelsOf(program.entry);
  const names = models.map((d) => d.name.text);
  const chosen = modelNamed(wanted, names, program.entry.file.source.path);
  if (!chosen.ok) return chosen;
  const declaration = models.find((d) => d.name.text === chosen.value);
  if (declaration === undefined) throw new Error(`no model ${chosen.value}`);
  return { ok: true, value: declaration };
}

// --- Files --------------------------------------------------------------------------------------

const RESULTS = 'results.csv';
const VARIANTS = 'variants.arch';
const PICTURE = 'pareto.svg';
const OWN_FILES: readonly string[] = [RESULTS, VARIANTS, PICTURE];
/** Models that one file of variants may hold. */
const MAX_LINES = 1000;

/** Writes what `-o` and `--plot` ask for; what cannot be written is said. */
async function writeFindings(
  report: SweepReport,
  job: SweepJob,
  { output, plot, force = false }: SweepFlags,
  host: Host,
  shell: Shell,
): Promise<readonly Diagnostic[]> {
  const [x, y, ...more] = report.objectives;
  const isPlane = x !== undefined && y !== undefined && more.length === 0;
  const hasPoints = report.variants.some((v) => v.status === 'kept');
  // Of a large sweep the picture takes longer than the rest.
  const isAsked = output !== undefined || plot !== undefined;
  const picture = isAsked && isPlane && hasPoints ? plotSweep(report, [x, y]) : undefined;
  if (plot !== undefined && picture === undefined)
    shell.note(`${plot} is not written: no variant is left`);
  if (plot !== undefined && picture !== undefined) {
    const isSameKind = (path: string): Promise<boolean> => isDiagramFile(path, 'svg');
    const problems = await writeOutputFile(plot, picture, { force, isSameKind });
    if (hasErrors(problems)) return problems;
  }
  if (output === undefined) return [];
  const files = new Map([[RESULTS, sweepCsv(report)]]);
  const source = variantsIn(output, report, job, host, shell);
  if (source !== undefined) files.set(VARIANTS, source);
  if (picture !== undefined) files.set(PICTURE, picture);
  const isSameKind = (path: string): boolean =>
    readdirSync(path).every((name) => OWN_FILES.includes(name));
  const problems = await writeOutputFolder(output, files, { force, isSameKind });
  if (!hasErrors(problems)) shell.note(`wrote ${[...files.keys()].join(', ')} in ${output}`);
  return problems;
}

/** The chosen variants as a program that checks, or undefined where there is none. */
function variantsIn(
  folder: string,
  report: SweepReport,
  { program, overrides, sizes }: SweepJob,
  host: Host,
  shell: Shell,
): string | undefined {
  const chosen = chosenVariants(report);
  const written = chosen.slice(0, MAX_LINES);
  if (written.length === 0) {
    shell.note(`${VARIANTS} is not written: no variant is left`);
    return undefined;
  }
  if (written.length < chosen.length) {
    shell.note(`${VARIANTS} has the first ${MAX_LINES} of ${chosen.length} variants`);
  }
  const path = relative(folder, report.file).split(sep).join('/');
  const text = variantsSource(
    report,
    written,
    { overrides, sizes },
    program.entry,
    path.startsWith('../') ? path : `./${path}`,
  );
  const checked = check({ path: join(folder, VARIANTS), text }, host);
  if (checked.valid) return text;
  // A variant with parameters of its own hides those of its base from a line such as these.
  const reason = checked.diagnostics.find((d) => d.severity === 'error')?.message ?? '';
  shell.note(`${VARIANTS} is not written, since it would not check: ${reason}`);
  return undefined;
}
