/** What `archc verify` found, as tables or JSON. */
import {
  isAtFault,
  type EngineResult,
  type EngineStatus,
  type LeftOut,
} from '../verify/compare.js';
import type { Difference } from '../verify/difference.js';
import type { EngineComparison } from '../verify/verify.js';
import { TOLERANCES } from '../verify/yardstick.js';
import { checkDocument } from '../tables/json.js';
import { formatNumber, left, renderSection, right, type Table } from '../tables/table.js';
import { counted, describeWeights } from './words.js';

const WORDS: Readonly<Record<EngineStatus, string>> = {
  agrees: 'agrees',
  unclear: 'unclear',
  differs: 'DIFFERS',
  failed: 'FAILED',
  crashed: 'CRASHED',
  'timed-out': 'TIMED OUT',
};

/** `1.30.0, opset 17`: the package, what is particular to the form, the adapter. */
function versionOf({ variant, version, adapter }: EngineResult): string | undefined {
  if (version === undefined) return undefined;
  // A kernel plan's names its adapter already.
  const [number = ''] = version.split(', ');
  const { description, device, architecture, vendor } = adapter ?? {};
  const gpu = [description, device, architecture, vendor].find(
    (name) => name !== undefined && name !== '',
  );
  return [number, ...variant.facts, ...(gpu === undefined ? [] : [gpu])].join(', ');
}

function isQuantized({ variant }: EngineResult): boolean {
  return variant.weights !== 'f32';
}

export function verifyTables(comparison: EngineComparison): string {
  const { name, file, engines, inputs, images } = comparison;
  const shapes = inputs.map(({ name: input, shape }) => `${input} [${shape.join(', ')}]`);
  const parts: readonly (readonly [string, readonly EngineResult[]])[] = [
    [
      `${name} (${file}): the largest difference from the interpreter`,
      engines.filter((result) => !isQuantized(result)),
    ],
    ['The cost of quantisation: weights in fewer bits', engines.filter(isQuantized)],
  ];
  const sections = parts.flatMap(([title, results]) =>
    results.length === 0 ? [] : [renderSection(title, tableOf(comparison, results), 'table')],
  );
  const notes = [
    `input: ${counted(images, 'image')} of ${shapes.join(' and ')}${comparison.isSmall ? ', small because the interpreter is slow; `--size` chooses another' : ''}`,
    `weights: ${describeWeights(comparison.weights)}`,
    'max rel: relative to the largest value of the output',
    ...(engines.some((result) => isWidened(comparison, result)) ? [WIDENED] : []),
    ...(engines.some(({ status }) => status === 'unclear') ? [VACUOUS] : []),
    ...comparison.missing.map((each) => `missing: ${describeLeftOut(each)}`),
    ...comparison.unsupported.map((each) => `not compared: ${describeLeftOut(each)}`),
    verdictLine(comparison),
  ];
  return `${sections.join('\n')}\n${notes.join('\n')}\n`;
}

/** Whether an engine was held to what rounding explains. */
function isWidened({ tolerance: fixed }: EngineComparison, { variant, tolerance }: EngineResult) {
  return tolerance > (variant.weights === 'f32' ? fixed : TOLERANCES[variant.weights].least);
}

const WIDENED =
  '*: this model enlarges rounding. The tolerance is a multiple of what the output moves by when every\n' +
  '   weight and input moves by the rounding of its type, by the interpreter; `--tolerance` fixes another';

const VACUOUS =
  '   At 1, that alone can change everything: then the figures are a cost and no judgement';

function tableOf(comparison: EngineComparison, results: readonly EngineResult[]): Table {
  return {
    columns: [
      left('engine'),
      left('version'),
      right('max abs'),
      right('max rel'),
      right('tolerance'),
      right('seconds'),
      left('verdict'),
    ],
    rows: results.map((result) => [
      result.variant.name,
      versionOf(result) ?? result.variant.facts.join(', '),
      formatDifference(result.difference?.maxAbs),
      formatDifference(result.difference?.maxRel),
      `${formatDifference(result.tolerance)}${isWidened(comparison, result) ? '*' : ''}`,
      formatNumber(result.milliseconds / 1000, 1),
      WORDS[result.status],
    ]),
  };
}

function formatDifference(value: number | undefined): string {
  if (value === undefined) return '–';
  if (Number.isNaN(value)) return 'NaN';
  return value === 0 ? '0' : value.toExponential(1);
}

function describeLeftOut({ variants, diagnostics }: LeftOut): string {
  const names = variants.map(({ name }) => name).join(', ');
  const reasons = diagnostics.map(({ message, hints }) => [message, ...hints].join('; '));
  return `${names}: ${reasons.join('; ')}`;
}

function verdictLine({ engines, ok }: EngineComparison): string {
  if (engines.length === 0) return 'verdict: none, as nothing was compared';
  if (ok) return `verdict: ${phraseAll(engines)}`;
  const bad = engines.filter(isAtFault);
  const list = bad.map(({ variant, status }) => `${variant.name} ${PAST[status]}`).join(', ');
  return `verdict: ${bad.length} of ${counted(engines.length, 'engine')} ${bad.length === 1 ? 'does' : 'do'} not agree: ${list}`;
}

const PAST: Readonly<Record<EngineStatus, string>> = {
  agrees: 'agrees',
  unclear: 'is unclear',
  differs: 'differs',
  failed: 'failed',
  crashed: 'crashed',
  'timed-out': 'timed out',
};

function phraseAll(engines: readonly EngineResult[]): string {
  const agreeing = engines.filter(({ status }) => status === 'agrees');
  const [only] = agreeing;
  const unclear = engines.length - agreeing.length;
  const rest = unclear === 0 ? '' : `; of ${unclear} nothing can be told`;
  if (only === undefined) return 'none: rounding alone may change everything';
  return agreeing.length === 1
    ? `${only.variant.name} agrees with the interpreter${rest}`
    : `${unclear === 0 ? 'all ' : ''}${agreeing.length} engines agree with the interpreter${rest}`;
}

export function verifyDocument(comparison: EngineComparison): object {
  const { name, file, inputs, images, weights, tolerance, ok, engines } = comparison;
  return {
    formatVersion: 1,
    model: name,
    file,
    inputs,
    images,
    weights,
    tolerance,
    ok,
    engines: engines.map((result) => ({
      name: result.variant.name,
      version: versionOf(result) ?? null,
      ...figures(result.difference),
      ok: !isAtFault(result),
      status: result.status,
      tolerance: result.tolerance,
      quantized: isQuantized(result),
      milliseconds: result.milliseconds,
      ...(result.adapter === undefined ? {} : { adapter: result.adapter }),
      outputs: result.outputs.map((output) => ({ name: output.name, ...figures(output) })),
      diagnostics: checkDocument(result.diagnostics).diagnostics,
    })),
    missing: comparison.missing.map(leftOutDocument),
    unsupported: comparison.unsupported.map(leftOutDocument),
  };
}

/** JSON has neither NaN nor infinity: null stands for both. */
function figures(difference: Difference | undefined): object {
  const { maxAbs = NaN, maxRel = NaN } = difference ?? {};
  const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
  return { maxAbsDiff: finite(maxAbs), maxRelDiff: finite(maxRel) };
}

function leftOutDocument({ variants, diagnostics }: LeftOut): object {
  return {
    names: variants.map(({ name }) => name),
    diagnostics: checkDocument(diagnostics).diagnostics,
  };
}
