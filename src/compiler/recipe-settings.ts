/** The settings of a recipe: which there are, what each takes, and what they say together. */
import type { Augmentation, Normalisation } from '../data/dataset.js';
import {
  heldOut,
  METRICS,
  type DataSource,
  type Metric,
  type Optimiser,
  type Recipe,
  type Schedule,
  type Split,
} from '../train/recipe.js';
import type { Expression, Name, Statement, TrainDeclaration } from './ast.js';
import { describeEntity, type Entity } from './entity.js';
import { evaluate } from './evaluate.js';
import type { Graph } from './ir.js';
import { nearest } from './names.js';
import { readLoss, type SaidTerm } from './recipe-loss.js';
import {
  listed,
  readNumber,
  readWord,
  readWords,
  type Reader,
  type Said,
} from './recipe-values.js';
import {
  AUGMENT,
  DATA,
  FROM_ONE,
  FROM_ZERO,
  METRIC_WORDS,
  NORMALISE,
  OPTIMISERS,
  POSITIVE,
  SCHEDULES,
  SPLIT,
} from './recipe-words.js';
import { report, type Frame } from './session.js';
import type { Span } from './source.js';

/** What a recipe cannot do without, each with an example; `steps` stands for `epochs`, too. */
const REQUIRED: ReadonlyMap<string, string> = new Map([
  ['data', 'data = membranes(count = 40, size = 128)'],
  ['split', 'split = slices(validation = 0.2)'],
  ['normalise', 'normalise = zscore'],
  ['loss', 'loss = bce(mask)'],
  ['optimiser', 'optimiser = adam(lr = 1e-3)'],
  ['batch', 'batch = 4'],
  ['steps', 'steps = 300'],
]);

export const SETTING_NAMES = [
  'data',
  'split',
  'normalise',
  'crop',
  'augment',
  'loss',
  'optimiser',
  'schedule',
  'clip',
  'batch',
  'steps',
  'epochs',
  'validate',
  'metrics',
  'seed',
] as const;
type SettingName = (typeof SETTING_NAMES)[number];

/** What other tools call them. */
const SYNONYMS: ReadonlyMap<string, SettingName> = new Map([
  ['dataset', 'data'],
  ['batch_size', 'batch'],
  ['augmentation', 'augment'],
  ['scheduler', 'schedule'],
]);

/** What stands elsewhere. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['lr', 'the rate belongs to the optimiser: `optimiser = adam(lr = 1e-3)`'],
  ['learning_rate', 'the rate belongs to the optimiser: `optimiser = adam(lr = 1e-3)`'],
  ['warmup', 'it belongs to the schedule: `schedule = cosine(warmup = 20)`'],
  ['momentum', 'it belongs to the optimiser: `optimiser = sgd(lr = 0.1, momentum = 0.9)`'],
  ['validation', 'it belongs to the split: `split = slices(validation = 0.2)`'],
]);

export interface Settings {
  /** Undefined where something is missing or has an error. */
  readonly recipe: Recipe | undefined;
  readonly data: Said<DataSource> | undefined;
  readonly loss: readonly SaidTerm[] | undefined;
  readonly crop: { readonly value: readonly [number, number]; readonly span: Span } | undefined;
}

/** Reads every setting; what is wrong with them is reported in the frame. `graph` names the outputs. */
export function readSettings(
  declaration: TrainDeclaration,
  graph: Graph | undefined,
  frame: Frame,
): Settings {
  const written = collect(declaration.body, frame);
  const outputs = graph?.outputs.map((o) => o.name);
  /** What a setting says, `fallback` where it is absent, and undefined where it has an error. */
  const read = <T>(
    setting: SettingName,
    fallback: T,
    how: (value: Expression, reader: Reader) => T | undefined,
  ): T | undefined => {
    const value = written.get(setting)?.value;
    return value === undefined ? fallback : how(value, { frame, setting, outputs });
  };
  const number =
    (type: 'int' | 'float', range: typeof POSITIVE) =>
    (value: Expression, { setting }: Reader): number | undefined =>
      readNumber(value, type, range, `\`${setting}\``, frame);
  const optional =
    (type: 'int' | 'float', range: typeof POSITIVE) =>
    (value: Expression, reader: Reader): number | null | undefined =>
      isNone(value, frame) ? null : number(type, range)(value, reader);

  const data = read<Said<DataSource> | undefined>('data', undefined, (e, r) =>
    readWord(e, DATA, r),
  );
  const split = read<Said<Split> | undefined>('split', undefined, (e, r) => readWord(e, SPLIT, r));
  const normalise = read<Said<Normalisation> | undefined>('normalise', undefined, (e, r) =>
    readWord(e, NORMALISE, r),
  );
  const crop = read<readonly [number, number] | null>('crop', null, (e) => readCrop(e, frame));
  const augment = read<readonly Said<Augmentation>[]>('augment', [], (e, r) =>
    readWords(e, AUGMENT, r),
  );
  const loss = read<readonly SaidTerm[] | undefined>('loss', undefined, readLoss);
  const optimiser = read<Said<Optimiser> | undefined>('optimiser', undefined, (e, r) =>
    readWord(e, OPTIMISERS, r),
  );
  const schedule = read<Pick<Said<Schedule>, 'value'>>(
    'schedule',
    { value: { kind: 'constant', warmup: 0 } },
    (e, r) => readWord(e, SCHEDULES, r),
  );
  const clip = read('clip', null, optional('float', POSITIVE));
  const batch = read<number | undefined>('batch', undefined, number('int', FROM_ONE));
  const steps = read<number | undefined>('steps', undefined, number('int', FROM_ONE));
  const epochs = read<number | undefined>('epochs', undefined, number('int', FROM_ONE));
  const validate = read('validate', null, optional('int', FROM_ONE));
  const metrics = read<readonly Metric[]>('metrics', METRICS, (e, r) => readMetrics(e, r));
  const seed = read('seed', 0, number('int', FROM_ZERO));

  const spanOf = (setting: SettingName): Span =>
    written.get(setting)?.value.span ?? declaration.name.span;
  checkLength(written, frame);
  checkMissing(declaration, written, frame);
  if (data !== undefined && split !== undefined) checkSplit(data.value, split, frame);
  if (crop !== null && crop !== undefined && data !== undefined) {
    checkCrop(crop, data.value, spanOf('crop'), frame);
  }
  const warmup = schedule?.value.warmup ?? 0;
  if (steps !== undefined && warmup >= steps) {
    const message = `a warm-up of ${warmup} steps leaves none of ${steps}`;
    report(frame, 'wrong-argument', message, spanOf('schedule'), {
      hints: ['`warmup` is below `steps`'],
    });
  }
  const optimised = optimiser?.value;
  if (optimised?.kind === 'sgd' && optimised.nesterov && optimised.momentum === 0) {
    report(frame, 'wrong-argument', '`nesterov` needs a momentum', spanOf('optimiser'), {
      hints: [`write \`sgd(lr = ${optimised.lr}, momentum = 0.9, nesterov)\``],
    });
  }

  const length = steps !== undefined ? { steps } : epochs !== undefined ? { epochs } : undefined;
  const complete =
    data === undefined ||
    split === undefined ||
    normalise === undefined ||
    crop === undefined ||
    augment === undefined ||
    loss === undefined ||
    optimised === undefined ||
    schedule === undefined ||
    clip === undefined ||
    batch === undefined ||
    length === undefined ||
    validate === undefined ||
    metrics === undefined ||
    seed === undefined
      ? undefined
      : {
          name: declaration.name.text,
          data: data.value,
          split: split.value,
          normalise: normalise.value,
          crop: crop ?? undefined,
          augment: augment.map((a) => a.value),
          loss: loss.map(({ weight, value, output }) => ({
            weight,
            loss: value,
            output: output ?? '',
          })),
          optimiser: optimised,
          schedule: schedule.value,
          clip: clip ?? undefined,
          batch,
          length,
          validate: validate ?? undefined,
          metrics,
          seed,
        };
  return {
    recipe: complete,
    data,
    loss,
    crop: crop === null || crop === undefined ? undefined : { value: crop, span: spanOf('crop') },
  };
}

interface Setting {
  readonly name: Name;
  readonly value: Expression;
}

/** The settings by name; whatever else stands in the body is reported. */
function collect(body: readonly Statement[], frame: Frame): ReadonlyMap<string, Setting> {
  const found = new Map<string, Setting>();
  for (const statement of body) {
    const [name, second] = statement.kind === 'assign' ? statement.targets : [];
    const isSetting =
      statement.kind === 'assign' && statement.operator === '=' && second === undefined;
    if (!isSetting || name === undefined) {
      report(frame, 'misplaced-statement', 'a recipe holds settings only', statement.span, {
        hints: ['write `name = value`; a value that is chosen is `if c then a else b`'],
      });
      continue;
    }
    const first = found.get(name.text);
    if (!(SETTING_NAMES as readonly string[]).includes(name.text)) {
      report(frame, 'unknown-setting', `a recipe has no setting \`${name.text}\``, name.span, {
        hints: [settingHint(name.text)],
      });
    } else if (first !== undefined) {
      report(frame, 'duplicate-setting', `\`${name.text}\` is set twice`, name.span, {
        labels: [{ span: first.name.span, message: 'first here' }],
        hints: ['remove one of them'],
      });
    } else found.set(name.text, { name, value: statement.value });
  }
  return found;
}

function settingHint(name: string): string {
  const elsewhere = ELSEWHERE.get(name.toLowerCase());
  if (elsewhere !== undefined) return elsewhere;
  const meant = meantSetting(name);
  return meant === undefined
    ? `its settings are ${SETTING_NAMES.join(', ')}`
    : `did you mean \`${meant}\`?`;
}

function meantSetting(name: string): string | undefined {
  return SYNONYMS.get(name.toLowerCase()) ?? nearest(name, SETTING_NAMES);
}

function checkLength(written: ReadonlyMap<string, Setting>, frame: Frame): void {
  const both = ['steps', 'epochs'].flatMap((name) => written.get(name) ?? []);
  const [first, second] = both.toSorted((a, b) => a.name.span.start - b.name.span.start);
  if (first === undefined || second === undefined) return;
  report(
    frame,
    'duplicate-setting',
    '`steps` and `epochs` both say how long the training is',
    second.name.span,
    { labels: [{ span: first.name.span, message: 'first here' }], hints: ['remove one of them'] },
  );
}

function checkMissing(
  { name, body }: TrainDeclaration,
  written: ReadonlyMap<string, Setting>,
  frame: Frame,
): void {
  // What was meant by a misspelt one is not missing as well.
  const targets = body.flatMap((s) => (s.kind === 'assign' ? s.targets : []));
  const there = new Set([...written.keys(), ...targets.map((t) => meantSetting(t.text))]);
  const missing = [...REQUIRED.keys()].filter(
    (setting) => !there.has(setting) && !(setting === 'steps' && there.has('epochs')),
  );
  if (missing.length === 0) return;
  const lacking = missing.map((setting) => (setting === 'steps' ? 'steps` or `epochs' : setting));
  report(
    frame,
    'missing-setting',
    `\`${name.text}\` does not set ${listed(lacking, 'and')}`,
    name.span,
    {
      hints: missing.map((setting) => `write \`${REQUIRED.get(setting) ?? setting}\``),
    },
  );
}

function isNone(value: Expression, frame: Frame): boolean {
  if (value.kind === 'none') return true;
  return value.kind === 'name' && evaluate(value, frame).type === 'none';
}

/** `[64, 64]`, or `none` for whole images, which is `null`. */
function readCrop(value: Expression, frame: Frame): readonly [number, number] | null | undefined {
  const entity = evaluate(value, frame);
  if (entity.type === 'poison') return undefined;
  if (entity.type === 'none') return null;
  const [height, width, third] = entity.type === 'list' ? entity.items.map(sideOf) : [];
  if (height === undefined || width === undefined || third !== undefined) {
    const text = entity.type === 'int' ? describeEntity(entity) : '64';
    report(
      frame,
      'wrong-type',
      `\`crop\` is a height and a width, not ${describeEntity(entity)}`,
      value.span,
      {
        hints: [`write \`crop = [${text}, ${text}]\`, or \`crop = none\` for whole images`],
      },
    );
    return undefined;
  }
  if (height >= 1 && width >= 1) return [height, width];
  const message = `the sides of \`crop\` are at least 1, not ${describeEntity(entity)}`;
  report(frame, 'wrong-argument', message, value.span);
  return undefined;
}

function sideOf(entity: Entity): number | undefined {
  return entity.type === 'int' && typeof entity.value === 'number' ? entity.value : undefined;
}

function readMetrics(value: Expression, reader: Reader): readonly Metric[] | undefined {
  const said = readWords(value, METRIC_WORDS, reader);
  const twice = said?.find(({ value: metric }, i) => said.findIndex((s) => s.value === metric) < i);
  if (twice === undefined) return said?.map((s) => s.value);
  report(reader.frame, 'wrong-argument', `\`${twice.value}\` stands twice`, twice.span);
  return undefined;
}

/** Something has to be left to train on. */
function checkSplit(data: DataSource, { value, span }: Said<Split>, frame: Frame): void {
  const { by, validation } = value;
  if (data.kind === 'given') return;
  if (by === 'patients' && data.kind === 'membranes') {
    report(frame, 'recipe-mismatch', '`membranes` are of no patients', span, {
      hints: [`write \`split = slices(validation = ${validation})\``],
    });
    return;
  }
  const count =
    data.kind === 'membranes'
      ? data.count
      : by === 'patients'
        ? data.patients
        : data.patients * data.slices;
  const held = heldOut(value, count);
  if (held < count) return;
  const message = `holding out ${held} of ${count} ${by} leaves none to train on`;
  report(frame, 'recipe-mismatch', message, span, {
    hints: count > 1 ? [`hold out from 1 to ${count - 1}`] : ['draw more'],
  });
}

function checkCrop(
  [height, width]: readonly [number, number],
  data: DataSource,
  span: Span,
  frame: Frame,
): void {
  if (data.kind === 'given' || Math.max(height, width) <= data.size) return;
  const message = `crops of ${height}×${width} do not fit into images of ${data.size}×${data.size}`;
  report(frame, 'recipe-mismatch', message, span, {
    hints: ['make the crop smaller, or the `size` of the data larger'],
  });
}
