/** Whether data is a plan that can be run: its form, and that its parts agree with each other. */
import { ALIGNMENT } from './arena.js';
import { PlanError, messageOf } from './error.js';
import {
  PLAN_FORMAT,
  PLAN_VERSION,
  type Plan,
  type PlanDispatch,
  type PlanVariant,
} from './plan.js';
import {
  invalid,
  listOf,
  mapOf,
  matching,
  oneOf,
  record,
  text,
  where,
  whole,
  type Check,
} from './schema.js';
import { checkHash, sha256Of } from './source.js';

/** Sizes nest as deep as sums over all layers: some hundreds. More could end the stack. */
const MAX_DEPTH = 3000;

/** Reads `plan.json`. Throws `wrong-format`, `newer-version`, `damaged-file` or `invalid-plan`. */
export async function parsePlan(content: Uint8Array): Promise<Plan> {
  const json = new TextDecoder().decode(content);
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (error) {
    throw new PlanError('wrong-format', `plan.json is no JSON, or cut off: ${messageOf(error)}`);
  }
  checkFormat(data);
  const { sha256 } = data;
  sha256Digits(sha256, 'sha256');
  await checkHash('plan.json', unsealed(json, String(sha256)), String(sha256));
  checkPlan(data);
  return data;
}

/** The bytes of which `sha256` is the hash: the file's, with its digits as zeros. */
function unsealed(json: string, sha256: string): Uint8Array {
  return new TextEncoder().encode(json.replace(sha256, NO_SEAL));
}

/** What stands for the digits of a plan's own hash while it is computed. */
export const NO_SEAL = '0'.repeat(64);

/** Puts the hash into a printed plan that has `NO_SEAL` in its place. */
export async function seal(json: string): Promise<string> {
  return json.replace(NO_SEAL, await sha256Of(new TextEncoder().encode(json)));
}

function checkFormat(data: unknown): asserts data is Readonly<Record<string, unknown>> {
  const { format, version } = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (format !== PLAN_FORMAT) {
    throw new PlanError(
      'wrong-format',
      `plan.json is no kernel plan of archc: it has no format '${PLAN_FORMAT}'`,
    );
  }
  if (version === PLAN_VERSION) return;
  if (typeof version === 'number' && version > PLAN_VERSION) {
    throw new PlanError(
      'newer-version',
      `plan.json has format version ${version}, and this runtime reads up to ${PLAN_VERSION}: update archc`,
    );
  }
  throw new PlanError('wrong-format', `plan.json has format version ${JSON.stringify(version)}`);
}

const count = whole(0);
const sha256Digits = matching(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 hexadecimal digits');
const fileName = matching(
  /^(?!.*\.\.)[\w-][\w.-]*(\/[\w-][\w.-]*)*$/,
  "a file's path inside the plan's folder",
);

/** `names`: of the symbols. */
const sizeAmong =
  (names: readonly string[]): Check =>
  (value, path) => {
    const inside = (size: unknown, depth: number): boolean => {
      if (typeof size === 'number') return Number.isSafeInteger(size);
      if (typeof size === 'string') return names.includes(size);
      if (!Array.isArray(size) || size.length !== 3 || depth > MAX_DEPTH) return false;
      const [operator, a, b] = size as readonly unknown[];
      return OPERATORS.includes(String(operator)) && inside(a, depth + 1) && inside(b, depth + 1);
    };
    where((size) => inside(size, 0), 'a size')(value, path);
  };
const OPERATORS: readonly string[] = ['+', '-', '*', '//', '%', 'min', 'max'];

const symbol = record(
  {
    name: matching(/^[A-Za-z_]\w*$/, 'a name'),
    min: count,
    max: count,
    modulus: whole(1),
    remainder: count,
  },
  { default: count },
);

function planForm(names: readonly string[]): Check {
  const size = sizeAmong(names);
  const port = record({
    name: text,
    doc: text,
    dtype: oneOf('f32'),
    shape: listOf(size),
    tensor: count,
  });
  const tensor = record(
    { name: text, bytes: size, first: whole(-1), last: whole(-1) },
    { place: record({ buffer: count, offset: count }) },
  );
  const variant = record(
    {
      pipeline: count,
      bindings: listOf(record({}, { tensor: count, constant: count, dtype: oneOf('f16') })),
      params: listOf(size),
      workgroups: listOf(size, 3, 3),
    },
    { profile: text },
  );
  return record(
    {
      generator: text,
      model: text,
      doc: text,
      sourceSha256: text,
      weightsOrigin: text,
      params: count,
      macs: size,
      inputs: listOf(port),
      outputs: listOf(port),
      tensors: listOf(tensor),
      constants: listOf(record({ offset: count, bytes: whole(1) }, { dtype: oneOf('f16') })),
      weights: record({
        file: fileName,
        bytes: count,
        sha256: sha256Digits,
        tensors: listOf(
          record({
            name: text,
            shape: listOf(count),
            dtype: oneOf('f32', 'f16'),
            constant: count,
            layout: oneOf('rows', 'blocks', 'taps'),
          }),
        ),
      }),
      profiles: mapOf(
        record({ features: listOf(text), limits: mapOf(count), adapters: listOf(text) }),
      ),
      modules: listOf(record({ file: fileName, bytes: count, sha256: sha256Digits })),
      pipelines: listOf(
        record({
          module: count,
          entryPoint: matching(/^\w+$/, 'a name'),
          bindings: listOf(oneOf('read', 'read_write')),
          params: listOf(text),
        }),
      ),
      dispatches: listOf(
        record({
          label: text,
          op: text,
          source: text,
          macs: size,
          traffic: size,
          variants: listOf(variant, 1),
        }),
      ),
    },
    { arena: listOf(count) },
  );
}

/** Throws an `invalid-plan` that says where. Sizes that depend on symbols are checked when known. */
function checkPlan(data: unknown): asserts data is Plan {
  record({ symbols: listOf(symbol) })(data, '');
  const { symbols } = data as Pick<Plan, 'symbols'>;
  unique(symbols, 'symbols');
  planForm(symbols.map(({ name }) => name))(data, '');
  // Every field that is read below has been looked at.
  const plan = data as Plan;
  unique(plan.inputs, 'inputs');
  unique(plan.outputs, 'outputs');
  checkSizes(plan);
  plan.inputs.forEach((each, i) => {
    const tensor = at(plan.tensors, each.tensor, `inputs[${i}].tensor`);
    if (tensor.first !== -1) throw invalid(`inputs[${i}]`, 'is not held from the start');
  });
  plan.outputs.forEach((each, i) => {
    const tensor = at(plan.tensors, each.tensor, `outputs[${i}].tensor`);
    if (tensor.last < plan.dispatches.length - 1) {
      throw invalid(`outputs[${i}]`, 'is not held to the end');
    }
  });
  plan.constants.forEach(({ offset, bytes }, i) => {
    const path = `constants[${i}]`;
    if (offset % ALIGNMENT !== 0) throw invalid(path, `is not aligned to ${ALIGNMENT} bytes`);
    if (bytes % 4 !== 0) throw invalid(path, 'is no whole number of words');
    if (offset + bytes > plan.weights.bytes)
      throw invalid(path, 'is beyond the end of the weights');
  });
  plan.weights.tensors.forEach(({ constant, dtype }, i) => {
    const held = at(plan.constants, constant, `weights.tensors[${i}].constant`);
    if (dtype !== (held.dtype ?? 'f32')) {
      throw invalid(`weights.tensors[${i}].dtype`, 'is not that of its constant');
    }
  });
  plan.pipelines.forEach(({ module }, i) => at(plan.modules, module, `pipelines[${i}].module`));
  plan.dispatches.forEach((dispatch, i) => checkDispatch(plan, dispatch, i));
  checkPlaces(plan);
}

function at<T>(items: readonly T[], index: number, path: string): T {
  const item = items[index];
  if (item === undefined) throw invalid(path, `is ${index}: there are ${items.length}`);
  return item;
}

function unique(items: readonly { readonly name: string }[], path: string): void {
  items.forEach(({ name }, i) => {
    const first = items.findIndex((each) => each.name === name);
    if (first !== i) throw invalid(`${path}[${i}]`, `has the name of another, ${name}`);
  });
}

function checkSizes({ symbols }: Plan): void {
  symbols.forEach(({ min, max, modulus, remainder }, i) => {
    if (min > max || remainder >= modulus) throw invalid(`symbols[${i}]`, 'has no value');
  });
}

function checkDispatch(plan: Plan, { variants }: PlanDispatch, index: number): void {
  variants.forEach((variant, i) => {
    const path = `dispatches[${index}].variants[${i}]`;
    const { profile } = variant;
    if (profile !== undefined && !Object.hasOwn(plan.profiles, profile)) {
      throw invalid(path, `has an unknown profile, ${profile}`);
    }
    checkBindings(plan, variant, index, path);
  });
  if (variants.at(-1)?.profile !== undefined) {
    throw invalid(`dispatches[${index}].variants`, 'have none for every device at the end');
  }
}

function checkBindings(plan: Plan, variant: PlanVariant, index: number, path: string): void {
  const pipeline = at(plan.pipelines, variant.pipeline, `${path}.pipeline`);
  if (variant.bindings.length !== pipeline.bindings.length) {
    const wanted = pipeline.bindings.length;
    throw invalid(
      `${path}.bindings`,
      `are ${variant.bindings.length}, and its pipeline has ${wanted}`,
    );
  }
  if (variant.params.length !== pipeline.params.length) {
    const wanted = pipeline.params.length;
    throw invalid(`${path}.params`, `are ${variant.params.length}, and its pipeline has ${wanted}`);
  }
  const written = new Set<number>();
  variant.bindings.forEach((binding, i) => {
    const place = `${path}.bindings[${i}]`;
    const { tensor, constant, dtype } = binding as {
      tensor?: number;
      constant?: number;
      dtype?: 'f16';
    };
    if ((tensor === undefined) === (constant === undefined)) {
      throw invalid(place, 'is not either a tensor or a constant');
    }
    const access = pipeline.bindings[i];
    if (constant !== undefined) {
      const held = at(plan.constants, constant, place);
      if (dtype !== undefined && dtype !== held.dtype) {
        throw invalid(place, 'has a constant as f16 that is not');
      }
      if (access !== 'read') throw invalid(place, 'is a constant that is written');
      return;
    }
    const { first, last, name } = at(plan.tensors, tensor ?? -1, place);
    // WebGPU does not bind one buffer both for reading alone and for writing.
    if (access !== 'read_write') throw invalid(place, 'is a tensor of access read');
    if (index < first || index > last) throw invalid(place, `is ${name}, which holds nothing then`);
    if (written.has(tensor ?? -1)) throw invalid(place, `is ${name} a second time`);
    written.add(tensor ?? -1);
  });
}

/** Places are there for all tensors or for none, inside the arena, and of one tensor at a time. */
function checkPlaces({ tensors, arena, symbols }: Plan): void {
  const placed = tensors.flatMap(({ bytes, first, last, place }, i) => {
    if (first > last) throw invalid(`tensors[${i}]`, 'ends before it begins');
    if ((place === undefined) !== (arena === undefined)) {
      throw invalid(`tensors[${i}].place`, 'is there without `arena`, or the other way');
    }
    if (place === undefined || arena === undefined) return [];
    if (typeof bytes !== 'number' || symbols.length > 0) {
      throw invalid(`tensors[${i}]`, 'has a place, and its size is not known');
    }
    const end = place.offset + bytes;
    if (place.offset % ALIGNMENT !== 0) {
      throw invalid(`tensors[${i}].place`, `is not aligned to ${ALIGNMENT} bytes`);
    }
    if (end > at(arena, place.buffer, `tensors[${i}].place.buffer`)) {
      throw invalid(`tensors[${i}].place`, 'is beyond the end of the buffer');
    }
    return [{ i, first, last, ...place, end }];
  });
  placed.sort((a, b) => a.first - b.first);
  placed.forEach((a, rank) => {
    for (const b of placed.slice(rank + 1)) {
      if (b.first > a.last) break;
      if (a.buffer === b.buffer && a.offset < b.end && b.offset < a.end) {
        throw invalid(`tensors[${b.i}].place`, `lies over that of tensors[${a.i}]`);
      }
    }
  });
}
