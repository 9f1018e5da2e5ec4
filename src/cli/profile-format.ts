/** Where the time of kernel plans went, as tables, JSON or a chart. */
import { departures, type KernelTime, type Profile, type Work } from '../bench/profile.js';
import { barChart } from '../charts/bar-chart.js';
import { describeAdapter, formatTime, machineLine, machineOf, namesOf } from './bench-format.js';
import { formatNumber, left, renderSection, right, type Column } from '../tables/table.js';
import { counted } from './words.js';

const WORK_COLUMNS: readonly Column[] = [
  right('ms'),
  right('share'),
  right('GFLOP/s'),
  right('GB/s'),
];

/** Two operations a MAC. Nothing where the clock saw no time pass. */
function rates({ milliseconds, macs, bytes }: Work): readonly (number | null)[] {
  if (milliseconds === 0) return [null, null];
  return [(2 * macs) / (milliseconds * 1e6), bytes / (milliseconds * 1e6)];
}

function workCells(own: Work, total: Work): readonly string[] {
  const share = total.milliseconds === 0 ? 0 : own.milliseconds / total.milliseconds;
  return [
    formatTime(own.milliseconds),
    `${formatNumber(100 * share, 1)}%`,
    ...rates(own).map((rate) => (rate === null ? '' : formatNumber(rate, 2))),
  ];
}

export function profileTables(profiles: readonly Profile[]): string {
  const names = namesOf(profiles);
  const sections = profiles.flatMap((profile, i) => {
    const name = names[i] ?? '';
    const { kernels, groups, runs } = profile;
    return [
      renderSection(
        `${name}: ${counted(kernels.length, 'kernel')}, ${formatTime(profile.milliseconds)} ms by the device's clock (medians of ${counted(runs, 'run')} after one to warm up)`,
        {
          columns: [...WORK_COLUMNS, left('label'), left('operator'), left('source')],
          rows: kernels.map((own) => [
            ...workCells(own, profile),
            ...[own.label, own.op, own.source],
          ]),
        },
        'table',
      ),
      renderSection(
        `${name}, by file of kernels/`,
        {
          columns: [...WORK_COLUMNS, right('times'), left('kernel')],
          rows: groups.map((own) => [...workCells(own, profile), own.dispatches, own.kernel]),
        },
        'table',
      ),
    ];
  });
  const [first] = profiles;
  const notes = [
    ...(first === undefined ? [] : [`adapter: ${describeAdapter(first.adapter)}`]),
    machineLine(),
  ];
  return `${[...sections, ...comparisons(profiles, names)].join('\n')}\n${notes.join('\n')}\n`;
}

/** Where each further model's time is not what its MACs say, beside the first. */
function comparisons(profiles: readonly Profile[], names: readonly string[]): readonly string[] {
  const [first, ...others] = profiles;
  if (first === undefined) return [];
  return others.flatMap((second, i) => {
    const found = departures(first, second);
    if (found === undefined || second.macs === 0 || first.milliseconds === 0) return [];
    const [a, b] = [names[0] ?? '', names[i + 1] ?? ''];
    const macRatio = second.macs / first.macs;
    const expected = first.milliseconds * macRatio;
    const title =
      `${b} beside ${a}: ${formatRatio(macRatio)} of the MACs, ` +
      `${formatRatio(second.milliseconds / first.milliseconds)} of the time. ` +
      `As its MACs it would take ${formatTime(expected)} ms; it takes ${formatTime(second.milliseconds)}.`;
    return renderSection(
      `${title} The difference by kernel:`,
      {
        columns: [right('ms more'), right(`ms of ${a}`), right(`ms of ${b}`), left('kernel')],
        rows: found.map((own) => [
          `${own.excess < 0 ? '−' : '+'}${formatTime(Math.abs(own.excess))}`,
          ...[formatTime(own.first.milliseconds), formatTime(own.second.milliseconds)],
          own.kernel,
        ]),
      },
      'table',
    );
  });
}

function formatRatio(ratio: number): string {
  return ratio >= 10 ? formatNumber(ratio, 1) : ratio.toPrecision(3);
}

export function profileDocument(profiles: readonly Profile[]): object {
  const [first, ...others] = profiles;
  const withRates = <T extends Work>(own: T) => {
    const [gflopPerSecond, gbPerSecond] = rates(own);
    return { ...own, gflopPerSecond, gbPerSecond };
  };
  return {
    formatVersion: 1,
    machine: machineOf(),
    profiles: profiles.map(({ kernels, groups, ...rest }) => ({
      ...rest,
      kernels: kernels.map(withRates),
      groups: groups.map(withRates),
    })),
    departures: others.map((second) => ({
      first: first?.name,
      second: second.name,
      kernels: first === undefined ? [] : (departures(first, second) ?? []),
    })),
  };
}

/** The most bars that can be read at a glance; the rest are one. */
const MAX_BARS = 40;

/** A bar for each kernel, in the order in which they run; only the slowest of many. */
export function profileChart(profiles: readonly Profile[]): string {
  const names = namesOf(profiles);
  const all = profiles.flatMap(({ kernels }, i) =>
    kernels.map((own) => ({
      label: labelOf(own, profiles.length > 1 ? names[i] : undefined),
      own,
    })),
  );
  const slowest = new Set(
    [...all].sort((a, b) => b.own.milliseconds - a.own.milliseconds).slice(0, MAX_BARS),
  );
  const others = all.filter((each) => !slowest.has(each));
  const rest = others.reduce((sum, { own }) => sum + own.milliseconds, 0);
  return barChart({
    title: `Time of each kernel: ${names.join(', ')}`,
    unit: 'ms',
    rows: [
      ...all
        .filter((each) => slowest.has(each))
        .map(({ label, own }) => ({ label, value: own.milliseconds })),
      ...(others.length === 0
        ? []
        : [{ label: `the other ${counted(others.length, 'kernel')}`, value: rest }]),
    ],
  });
}

function labelOf({ label, op }: KernelTime, model: string | undefined): string {
  return `${model === undefined ? '' : `${model}: `}${label} (${op})`;
}
