/** The variants that a sweep has chosen, as lines of `.arch` to keep. */
import type { Expression } from '../compiler/ast.js';
import { groupDigits } from '../compiler/constant.js';
import { mentions, type Override } from '../compiler/elaborate.js';
import { METRIC_NAMES } from '../compiler/metrics.js';
import type { Module } from '../compiler/modules.js';
import type { SweepJob } from './count.js';
import { describeChoices, type SweepReport, type SweptVariant } from './report.js';

/**
 * A file that imports the model from `path` (relative, starting with `./` or `../`) and declares
 * each variant in a line: `model Net_width16 = Net(width = 16)`. `overrides` are those of `--set`,
 * and `sizes` those of `--size`, which are said, since the lines cannot hold them.
 */
export function variantsSource(
  report: SweepReport,
  variants: readonly SweptVariant[],
  { overrides, sizes }: Pick<SweepJob, 'overrides' | 'sizes'>,
  entry: Module,
  path: string,
): string {
  const used = new Set([report.model]);
  const noteNames = ({ value }: Override): void => {
    mentions(value, (name) => {
      if (entry.names.has(name)) used.add(name);
      return false;
    });
  };
  overrides.forEach(noteNames);
  for (const { choices } of variants) choices.forEach(({ override }) => noteNames(override));

  const taken = new Set(used);
  const fixed = overrides.map(({ name, value }) => `${name} = ${written(value)}`);
  const lines = variants.flatMap(({ choices, figures }) => {
    const label = choices.map(({ override, text }) => `_${override.name}${asName(text)}`).join('');
    const name = unused(`${report.model}${label}`, taken);
    taken.add(name);
    const args = [...fixed, describeChoices(choices)].join(', ');
    const [params = 0, macs = 0] = ['params', 'macs'].map((n) => figures[METRIC_NAMES.indexOf(n)]);
    return [
      '',
      `## ${groupDigits(params)} parameters, ${groupDigits(macs)} multiply-accumulates.`,
      `model ${name} = ${report.model}(${args})`,
    ];
  });
  const about =
    report.objectives.length > 0
      ? `The Pareto front of ${report.objectives.join(' and ')}`
      : 'Variants';
  const at = sizes?.span;
  const where = report.condition === undefined ? '' : `, where ${report.condition}`;
  return [
    `# ${about} found by \`archc sweep\` among ${groupDigits(report.variants.length)} variants${where}.`,
    ...(at === undefined ? [] : [`# Operations are those for \`--size ${at.source.text}\`.`]),
    '',
    `import ${[...used].join(', ')} from ${JSON.stringify(path)}`,
    ...lines,
    '',
  ].join('\n');
}

function written({ span }: Expression): string {
  return span.source.text.slice(span.start, span.end);
}

/** Letters and digits of a value as a part of a name: `sdblock(ws, gn = 4)` is `_sdblock_ws_gn_4`. */
function asName(text: string): string {
  const name = text
    .replace(/^-/, 'minus')
    .replace(/\W+/g, '_')
    .replace(/^_+|_+$/g, '');
  return /^\d/.test(name) ? name : `_${name}`;
}

function unused(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${name}_${number}`;
  return free;
}
