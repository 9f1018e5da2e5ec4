/** What training takes, and how large files of weights are. */
import { BINARY_UNITS, DECIMAL_UNITS, formatNumber, inUnit, unitFor } from '../tables/table.js';
import { TARGETS } from '../compile.js';
import { WEIGHT_TYPE_NAMES, type WeightType } from '../compiler/sizes.js';
import {
  OPTIMIZER_NAMES,
  trainingBytes,
  type Optimizer,
  type SavedTensor,
} from '../compiler/training.js';
import { heading, plainTable, share, type Section } from './parts.js';
import { markup, type Markup } from './markup.js';
import { placeNamed, type Shown } from './model.js';

const OPTIMIZER_TITLES: Readonly<Record<Optimizer, string>> = {
  sgd: 'SGD',
  momentum: 'SGD with momentum',
  adam: 'Adam',
};

/** Of the tensors that are kept. */
const MOST_ROWS = 20;

export function trainingSection(model: Shown): Section {
  const id = `${model.id}-training`;
  const { label, figures } = model;
  const { training, batches } = figures.memory;
  const unit = unitFor([training.weightBytes + training.savedBytesPerImage], BINARY_UNITS);
  const bytes = (count: number): string => inUnit(count, unit);
  const each = (value: (optimizer: Optimizer) => number): string[] =>
    OPTIMIZER_NAMES.map((optimizer) => bytes(value(optimizer)));
  const table = plainTable(
    `Memory that training ${label} takes`,
    [
      { title: unit.name },
      ...OPTIMIZER_NAMES.map((name) => ({ title: OPTIMIZER_TITLES[name], isNumber: true })),
    ],
    [
      ['weights and running statistics', ...each(() => training.weightBytes)],
      ['gradients of weights', ...each(() => training.gradientBytes)],
      ['state of the optimiser', ...each((name) => training.optimizerBytes[name])],
      ...(training.savedBytesPerBatch === 0
        ? []
        : [['kept for the backward pass, a batch', ...each(() => training.savedBytesPerBatch)]]),
      ['kept for the backward pass, an image', ...each(() => training.savedBytesPerImage)],
      ...batches.map((batch) => [
        markup`<b>together at batch ${batch}</b>`,
        ...each((optimizer) => trainingBytes(training, { batch, optimizer })),
      ]),
    ],
  );
  const kept = [...training.saved].sort((a, b) => b.bytes - a.bytes);
  const rows = kept
    .slice(0, MOST_ROWS)
    .map((tensor) => [
      markup`<code>${tensor.name}</code>`,
      bytes(tensor.bytes),
      share(tensor.bytes, training.savedBytesPerImage + training.savedBytesPerBatch),
      keeper(tensor),
      placeNamed(model, tensor.source),
    ]);
  const largest =
    rows.length === 0
      ? undefined
      : markup`<details class="gap"><summary>The ${rows.length === kept.length ? '' : 'largest '}${rows.length} tensors that are kept</summary>
${plainTable(
  `Tensors that are kept to train ${label}`,
  [
    { title: 'Tensor made by' },
    { title: unit.name, isNumber: true },
    { title: 'Share', isNumber: true },
    { title: 'Read again by' },
    { title: 'Source' },
  ],
  rows,
)}</details>
`;
  return {
    id,
    title: 'Training',
    body: markup`${heading(id, 'Memory for training')}${table}${largest}<p class="note">Float32. Gradients of activations in flight, workspaces and the allocator’s waste come on top.</p>
`,
  };
}

function keeper({ kind, keptBy }: SavedTensor): Markup {
  if (keptBy === undefined) return markup`the loss`;
  return markup`<code>${keptBy.path}</code>${kind === 'extra' ? ' itself' : ''}`;
}

const TYPE_TITLES: Readonly<Record<WeightType, string>> = {
  f32: 'float32',
  f16: 'float16',
  u8: '8 bits for kernels, float32 for the rest',
};

export function sizesSection(model: Shown): Section {
  const id = `${model.id}-sizes`;
  const { sizes, fileBytes } = model.figures.memory;
  const { payload, withAdam } = sizes;
  const unit = unitFor([payload.f32], DECIMAL_UNITS);
  const row = (title: string, bytes: number): string[] => [
    title,
    formatNumber(bytes, 0),
    inUnit(bytes, unit),
    payload.f32 === 0 ? '' : `${formatNumber(bytes / payload.f32, 2)}×`,
  ];
  return {
    id,
    title: 'File sizes',
    body: markup`${heading(id, 'Sizes of files of weights')}${plainTable(
      `Sizes of the weights of ${model.label}`,
      [
        { title: 'Stored as' },
        { title: 'Bytes', isNumber: true },
        { title: unit.name, isNumber: true },
        { title: 'Of float32', isNumber: true },
      ],
      [
        ...WEIGHT_TYPE_NAMES.map((name) => row(TYPE_TITLES[name], payload[name])),
        row('float32 with Adam’s two moments, as a checkpoint', withAdam),
        ...TARGETS.flatMap((target) => {
          const bytes = fileBytes[target];
          const title = `All files for ${target}, as archc compile writes them`;
          return bytes === undefined ? [] : [row(title, bytes)];
        }),
      ],
    )}<p class="note">Of weights the payload alone: what describes the tensors in a file comes on top. Files of a target are whole.</p>
`,
  };
}
