/** What `archc train` says while it runs. */
import type { Diagnostic } from '../compiler/diagnostic.js';
import type { TrainingIdentity } from '../train/checkpoint.js';
import type { StepRecord, ValidationRecord } from '../train/loop.js';
import { figuresOf } from '../train/metrics.js';
import type { Metric } from '../train/recipe.js';
import { formatScore, formatTime } from '../train/words.js';
import { shellWord } from '../weights/trained.js';
import type { DataFlags } from './data-options.js';
import { EXIT } from './exit.js';
import type { Shell } from './shell.js';
import type { CheckpointFile } from './training-files.js';

/** Flags that say which training it is, and where it goes. */
export interface ResumedFlags extends DataFlags {
  readonly recipe?: string;
  readonly output: string;
  readonly checkpoint?: string;
  readonly set?: readonly string[];
  readonly seed?: string;
  readonly steps?: string;
  readonly tile?: string;
  readonly engine?: string;
  readonly log?: string;
  readonly report?: string;
  readonly curves?: string;
}

/** The first Ctrl-C asks the training to stop after its step, the second ends the process. */
export function watchInterrupts(shell: Shell): {
  readonly isAsked: () => boolean;
  readonly end: () => void;
} {
  let isAsked = false;
  const onSignal = (): void => {
    if (isAsked) process.exit(EXIT.interrupted);
    isAsked = true;
    shell.note('stopping after this step; again to stop at once');
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    isAsked: () => isAsked,
    end: () => signals.forEach((signal) => process.off(signal, onSignal)),
  };
}

/** `metrics` are those of the recipe. */
export function createClock(metrics: readonly Metric[]) {
  // One alone: the bar has a line.
  const [shown] = figuresOf(metrics.includes('mean_iou') ? ['mean_iou'] : metrics, []);
  let begun = performance.now();
  let first = 0;
  return {
    start(done: number): void {
      begun = performance.now();
      first = done;
    },
    seconds: (): number => (performance.now() - begun) / 1000,
    /** Loss, metrics, speed and time left, for the bar. */
    detail(record: StepRecord, total: number, last: ValidationRecord | undefined): string {
      const perSecond = (record.step - first) / ((performance.now() - begun) / 1000);
      const left = formatTime((total - record.step) / perSecond);
      const scores =
        last === undefined || shown === undefined
          ? ''
          : `  ${shown.name} ${formatScore(shown.of(last.scores))}`;
      return `loss ${record.loss.toFixed(4)}${scores}  ${perSecond.toFixed(1)} steps/s  ${left} left`;
    },
  };
}

export function validationLine(
  { step, loss, scores }: ValidationRecord,
  steps: number,
  metrics: readonly Metric[],
  classes: readonly string[],
): string {
  const names = scores.dice.map((_, i) => classes[i] ?? `class ${i}`);
  const figures = figuresOf(metrics, names);
  const parts = [
    `loss ${loss.toFixed(4)}`,
    ...figures.map(({ name, of }) => `${name} ${formatScore(of(scores))}`),
  ];
  return `step ${step}/${steps}: validation ${parts.join(', ')}`;
}

export function headOf(identity: TrainingIdentity, engine: string, steps: number): object {
  const { model, arguments: given, recipe, data } = identity;
  return { archc: 'train', type: 'start', model, arguments: given, recipe, data, engine, steps };
}

export function withCheckpoint(problem: Diagnostic, { isSaved, path }: CheckpointFile): Diagnostic {
  if (!isSaved()) return problem;
  return { ...problem, hints: [...problem.hints, `the last checkpoint is whole: ${path}`] };
}

/** The command that goes on. */
export function resumeLine(
  file: string,
  flags: ResumedFlags,
  saved: string,
  step: number,
  steps: number,
): string {
  const { recipe, data, foreground, classes, seed, steps: asked, tile, engine } = flags;
  const { checkpoint, log, report, curves } = flags;
  const named = { recipe, data, foreground, classes, seed, steps: asked, tile, engine };
  const kept = [
    ...Object.entries({ ...named, checkpoint, log, report, curves }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, shellWord(value)],
    ),
    ...(flags.merge === true ? ['--merge'] : []),
    ...(flags.set ?? []).flatMap((text) => ['--set', shellWord(text)]),
  ];
  const files = ['-o', shellWord(flags.output), '--resume', shellWord(saved)];
  const command = ['archc train', shellWord(file), ...kept, ...files];
  return `stopped after ${step} of ${steps} steps; go on with \`${command.join(' ')}\``;
}
