/** `--memory` as sections of tables, columns of CSV and parts of JSON. */
import { TARGETS, type Target } from '../compile.js';
import type { ModelMemory } from '../compiler/model-memory.js';
import type { ActivationMemory, AliveValue } from '../compiler/memory.js';
import type { BestMemory } from '../compiler/schedule.js';
import { WEIGHT_TYPE_NAMES } from '../compiler/sizes.js';
import type { ModelStats } from '../compiler/stats.js';
import {
  OPTIMIZER_NAMES,
  trainingBytes,
  type Optimizer,
  type TrainingMemory,
} from '../compiler/training.js';
import {
  BINARY_UNITS,
  comparisonTable,
  DECIMAL_UNITS,
  formatNumber,
  inUnit,
  left,
  right,
  SIZE,
  unitFor,
  type Cell,
  type Section,
} from './table.js';

/** What `--memory` asks for, and what it found. */
export interface ShownMemory extends ModelMemory {
  /** Batch sizes to show. */
  readonly batches: readonly number[];
  /** Bytes of all files that `archc compile` writes for a target, with its default options. */
  readonly fileBytes: Readonly<Partial<Record<Target, number>>>;
  /** Why there are none for the other targets. */
  readonly unwritable: readonly { readonly target: Target; readonly reason: string }[];
}

export interface MemoryModel extends ModelStats {
  readonly memory: ShownMemory;
}

export const DEFAULT_BATCHES: readonly number[] = [1, 2, 4, 8, 16];

const OPTIMIZER_TITLES: Readonly<Record<Optimizer, string>> = {
  sgd: 'SGD',
  momentum: 'SGD with momentum',
  adam: 'Adam',
};

export function memorySections(
  models: readonly MemoryModel[],
  names: readonly string[],
): Section[] {
  return [
    activationSection(models, names),
    ...models.flatMap((model, i) => aliveSections(model, names[i] ?? model.name)),
    trainingSection(models, names),
    sizeSection(models, names),
  ];
}

function activationSection(models: readonly MemoryModel[], names: readonly string[]): Section {
  const { bytes, text, table } = comparisonTable(models, names);
  return {
    title: 'Activations at inference, exact for one image and one layer after another',
    table: table([
      bytes('peak in the order of the source', (m) => m.peakActivationBytes, BINARY_UNITS, SIZE),
      text('  reached in', (m) => layerOf(m.peak)),
      bytes('peak in the best order', (m) => m.memory.best.peak.bytes, BINARY_UNITS, SIZE),
      text('  reached in', (m) => layerOf(m.memory.best.peak)),
      text('  proven the lowest', (m) => proofOf(m.memory.best)),
    ]),
  };
}

function layerOf({ layer }: ActivationMemory['peak']): string {
  return layer?.path ?? 'the inputs';
}

function proofOf({ isOptimal, lowerBound }: BestMemory): string {
  if (isOptimal) return 'yes';
  const unit = unitFor([lowerBound], BINARY_UNITS);
  return `no, but at least ${inUnit(lowerBound, unit)} ${unit.name}`;
}

/** What is alive at the peak: once for both orders where the best has no lower one. */
function aliveSections({ peak, memory }: MemoryModel, name: string): Section[] {
  const { best } = memory;
  const isBetter = best.peak.bytes < peak.bytes;
  const title = `${name}, alive at the peak`;
  return [
    aliveSection(isBetter ? `${title} in the order of the source` : title, peak.values),
    ...(isBetter ? [aliveSection(`${title} in the best order`, best.peak.values)] : []),
  ];
}

function aliveSection(title: string, values: readonly AliveValue[]): Section {
  const unit = unitFor(
    values.map(({ bytes }) => bytes),
    BINARY_UNITS,
  );
  return {
    title,
    table: {
      columns: [left('tensor'), right('shape'), right(unit.name), left('source')],
      rows: values.map(({ name, shape, bytes, source }) => [
        name,
        shape.join('×'),
        inUnit(bytes, unit),
        source,
      ]),
    },
  };
}

function trainingSection(models: readonly MemoryModel[], names: readonly string[]): Section {
  const rows = models.flatMap(({ name, memory: { training, batches } }, i) =>
    batches.map((batch) => ({ name: names[i] ?? name, batch, training })),
  );
  const savedOf = ({ batch, training }: (typeof rows)[number]): number =>
    batch * training.savedBytesPerImage + training.savedBytesPerBatch;
  const columns: readonly (readonly [
    title: string,
    value: (row: (typeof rows)[number]) => number,
  ])[] = [
    ['weights', ({ training }) => training.weightBytes],
    ['gradients', ({ training }) => training.gradientBytes],
    ['saved activations', savedOf],
    ...OPTIMIZER_NAMES.map(
      (optimizer) =>
        [
          `total, ${OPTIMIZER_TITLES[optimizer]}`,
          ({ batch, training }: (typeof rows)[number]) =>
            trainingBytes(training, { batch, optimizer }),
        ] as const,
    ),
  ];
  const unit = unitFor(
    rows.map((row) => row.training.weightBytes),
    BINARY_UNITS,
  );
  return {
    title: `Training in float32, an ESTIMATE of what a framework keeps (${unit.name})`,
    table: {
      columns: [left('model'), right('batch'), ...columns.map(([title]) => right(title))],
      rows: rows.map((row): Cell[] => [
        row.name,
        row.batch,
        ...columns.map(([, value]) => inUnit(value(row), unit)),
      ]),
    },
    notes: [
      'each operator keeps what docs/operators.md says; gradients of activations and workspaces come on top',
    ],
  };
}

function sizeSection(models: readonly MemoryModel[], names: readonly string[]): Section {
  const { bytes, table } = comparisonTable(models, names);
  const row = (title: string, value: (m: MemoryModel) => number): Cell[] =>
    bytes(title, value, DECIMAL_UNITS, SIZE);
  return {
    title: 'Sizes of weights and files, exact',
    table: table([
      ...WEIGHT_TYPE_NAMES.map((type) =>
        row(`weights in ${type}`, (m) => m.memory.sizes.payload[type]),
      ),
      row("weights in f32 with Adam's moments", (m) => m.memory.sizes.withAdam),
      ...TARGETS.filter((target) =>
        models.every(({ memory }) => memory.fileBytes[target] !== undefined),
      ).map((target) => row(`files for ${target}`, (m) => m.memory.fileBytes[target] ?? 0)),
    ]),
    notes: [
      ...models.flatMap(({ memory, name }, i) =>
        memory.unwritable.map(
          ({ target, reason }) => `${names[i] ?? name} has no files for ${target}: ${reason}`,
        ),
      ),
      ...checkpointNotes(models, names),
    ],
  };
}

/** How large a checkpoint of the first is beside the weights alone of another, and like for like. */
function checkpointNotes(models: readonly MemoryModel[], names: readonly string[]): string[] {
  const [first, ...others] = models;
  if (first === undefined) return [];
  const firstName = names[0] ?? first.name;
  return others.flatMap((other, i) => {
    const [checkpoint, weights] = [first.memory.sizes.withAdam, other.memory.sizes.payload.f32];
    if (weights === 0 || checkpoint <= weights) return [];
    const unit = unitFor([checkpoint, weights], DECIMAL_UNITS);
    const shown = (size: number): string => `${inUnit(size, unit)} ${unit.name}`;
    const ratio = (a: number, b: number): string => `${formatNumber(a / b, 1)}×`;
    return [
      `${firstName} with Adam's moments (${shown(checkpoint)}) against ${names[i + 1] ?? other.name} ` +
        `without (${shown(weights)}) is ${ratio(checkpoint, weights)}; ` +
        `weights against weights is ${ratio(first.memory.sizes.payload.f32, weights)}`,
    ];
  });
}

// --- CSV and JSON -------------------------------------------------------------------------------

/** Columns for a table of models. */
export function memoryColumns({ memory }: MemoryModel): Readonly<Record<string, Cell>> {
  const { best, training, sizes, batches, fileBytes } = memory;
  return {
    best_peak_activation_bytes: best.peak.bytes,
    best_is_optimal: String(best.isOptimal),
    saved_bytes_per_image: training.savedBytesPerImage,
    saved_bytes_per_batch: training.savedBytesPerBatch,
    ...Object.fromEntries(
      batches.flatMap((batch) =>
        OPTIMIZER_NAMES.map((optimizer) => [
          `estimated_training_bytes_${optimizer}_${batch}`,
          trainingBytes(training, { batch, optimizer }),
        ]),
      ),
    ),
    ...Object.fromEntries(
      WEIGHT_TYPE_NAMES.map((type) => [`weight_bytes_${type}`, sizes.payload[type]]),
    ),
    weight_bytes_with_adam: sizes.withAdam,
    ...Object.fromEntries(TARGETS.map((target) => [`${target}_bytes`, fileBytes[target] ?? ''])),
  };
}

/** The part of a model in JSON. */
export interface JsonMemory {
  readonly given: ActivationMemory;
  readonly best: BestMemory;
  /** An estimate. */
  readonly training: Omit<TrainingMemory, 'saved'> & {
    readonly totals: readonly {
      readonly batch: number;
      readonly optimizer: Optimizer;
      readonly bytes: number;
    }[];
    readonly saved: TrainingMemory['saved'];
  };
  readonly sizes: ModelMemory['sizes'] & {
    readonly files: ShownMemory['fileBytes'];
    readonly unwritable: ShownMemory['unwritable'];
  };
}

export function memoryJson({ peak, activationTimeline, memory }: MemoryModel): JsonMemory {
  const { best, training, sizes, batches, fileBytes, unwritable } = memory;
  const { saved, ...figures } = training;
  return {
    given: { peak, timeline: activationTimeline },
    best,
    training: {
      ...figures,
      totals: batches.flatMap((batch) =>
        OPTIMIZER_NAMES.map((optimizer) => ({
          batch,
          optimizer,
          bytes: trainingBytes(training, { batch, optimizer }),
        })),
      ),
      saved,
    },
    sizes: { ...sizes, files: fileBytes, unwritable },
  };
}
