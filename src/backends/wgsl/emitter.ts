/** Gathers what kernels need, one after the other: tensors, constants, shaders, dispatches. */
import { groupDigits } from '../../compiler/constant.js';
import type { Node, Origin, Tensor, Value, WeightValues } from '../../compiler/ir.js';
import { tensorOf } from '../../compiler/passes/pass.js';
import { artifactLocation } from '../../compiler/source.js';
import { formatShape } from '../../compiler/shape.js';
import type { PlanProfile, Size, WeightLayout } from '../../webgpu/plan.js';
import type { Precision } from './half.js';
import { pack } from './layout.js';
import { linearMain, THREADS, type Element, type Shader } from './shader.js';
import { ceilDiv, min, product, sizesOf, times } from './size.js';

/** GPUs, where workgroup memory is faster than what it spares. */
const TILES = {
  limits: { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 },
  adapters: ['hardware'],
} as const;

/** Devices for which there are kernels of their own. */
export const PROFILES = {
  tiled: { features: [], ...TILES },
  'tiled-f16': { features: ['shader-f16'], ...TILES },
  f16: { features: ['shader-f16'], limits: {}, adapters: [] },
  'subgroups-4': { features: ['subgroups-4'], limits: {}, adapters: ['swiftshader'] },
  // Mesa's name for its software adapters.
  'subgroups-8': { features: ['subgroups-8'], limits: {}, adapters: ['software'] },
  llvmpipe: { features: [], limits: {}, adapters: ['software'] },
} as const satisfies Record<string, PlanProfile>;
export type ProfileName = keyof typeof PROFILES;

/** A tensor of activations, by its number in the plan. */
export interface Activation {
  readonly kind: 'tensor';
  readonly tensor: number;
}

/** A piece of the weights' file. */
interface Fixed {
  readonly kind: 'constant';
  readonly constant: number;
}

export type Place = Activation | Fixed;

export interface TensorDraft {
  readonly name: string;
  /** Elements of 4 bytes, of all images. */
  readonly elements: Size;
  /** Where it was asked for, to point at. */
  readonly origin: Origin | undefined;
  /** Numbers of the dispatches that make it first and use it last. */
  first: number;
  last: number;
}

export interface ConstantDraft {
  readonly name: string;
  readonly layout: WeightLayout;
  /** How it is kept in the file. */
  readonly precision: Precision;
  readonly shape: readonly number[];
  /** Whether it is a weight of the graph, under that name. */
  readonly isWeight: boolean;
  readonly data: Float32Array;
}

export interface VariantDraft {
  readonly profile?: ProfileName;
  readonly shader: Shader;
  readonly params: readonly Size[];
  readonly workgroups: readonly [Size, Size, Size];
}

/** One dispatch: shaders to choose from, with what they work on. */
export interface KernelDraft {
  /** The last is for every device. */
  readonly variants: readonly VariantDraft[];
  readonly places: readonly Place[];
  readonly label: string;
  readonly op: string;
  readonly origin: Origin;
  readonly macs: Size;
  /** `[256, 256, 1] → [256, 256, 64]`, without the batch. */
  readonly shapes: string;
}

/** A binding of a kernel that is being made. */
export interface Bound {
  readonly name: string;
  readonly element: Element;
  readonly place: Place;
}

/** One way to compute a kernel; see `PROFILES`. */
export interface KernelVariant {
  /** Absent where every device can. */
  readonly profile?: ProfileName;
  /** The file's name without its ending. */
  readonly name: string;
  readonly about: readonly string[];
  readonly params: Readonly<Record<string, Size>>;
  /** Types of bindings, by name, that are others than the kernel's. */
  readonly elements?: Readonly<Record<string, Element>>;
  readonly code: string;
  readonly workgroups: readonly [Size, Size, Size];
}

interface KernelCommon {
  readonly node: Node;
  readonly op: string;
  readonly inputs: readonly Bound[];
  readonly outputs: readonly Bound[];
  readonly macs?: Size;
}

type KernelRequest = KernelCommon &
  (KernelVariant | { readonly variants: readonly KernelVariant[] });

export interface Emitter {
  /** How many images: a number, or a symbol. */
  readonly batch: Size;
  /** Of constants in the layout `blocks`. */
  readonly precision: Precision;
  /** Where a value is. Weights and constants are packed as asked. */
  place(value: Value, layout?: WeightLayout): Place;
  /** A tensor for an input of the graph. */
  makeInput(value: Value, name: string): void;
  /** A tensor for a result of a node. */
  make(value: Value, node: Node): Activation;
  /** A tensor that only the kernels of one node use. */
  scratch(name: string, elements: Size, node: Node): Activation;
  /** The value is where another is already. */
  alias(value: Value, place: Place): void;
  /** The value is known when the plan is made. */
  fix(value: Value, tensor: Tensor): void;
  /** The tensor holds what it does to the end. */
  keep(place: Activation): void;
  /** What a weight or constant holds; throws on other values. */
  tensor(value: Value): Tensor;
  /** Data of a kernel's own, such as a table; row-major. */
  constant(name: string, data: Float32Array): Fixed;
  kernel(request: KernelRequest): void;
}

export interface Draft {
  readonly tensors: readonly TensorDraft[];
  readonly constants: readonly ConstantDraft[];
  readonly kernels: readonly KernelDraft[];
}

/** Elements of a value, of all images. */
export function elementsOf({ type }: Value, batch: Size): Size {
  const elements = product(sizesOf(type.shape));
  return type.batched ? times(batch, elements) : elements;
}

export function createEmitter(
  batch: Size,
  weights: WeightValues,
  precision: Precision,
): Emitter & { readonly draft: Draft } {
  const tensors: TensorDraft[] = [];
  const constants: ConstantDraft[] = [];
  const kernels: KernelDraft[] = [];
  const places = new Map<Value, Place>();
  const packed = new Map<Value, Map<WeightLayout, Fixed>>();

  const addTensor = (name: string, elements: Size, origin: Origin | undefined): Activation => {
    tensors.push({ name, elements, origin, first: kernels.length, last: kernels.length });
    return { kind: 'tensor', tensor: tensors.length - 1 };
  };
  const addConstant = (draft: ConstantDraft): Fixed => {
    constants.push(draft);
    return { kind: 'constant', constant: constants.length - 1 };
  };
  const folded = new Map<Value, Tensor>();
  const tensor = (value: Value): Tensor => {
    const known = folded.get(value) ?? tensorOf(value, weights);
    if (known === undefined) throw new Error(`value ${value.id} has no values`);
    return known;
  };
  const fixed = (value: Value, layout: WeightLayout): Fixed => {
    const { definition } = value;
    const layouts = packed.get(value) ?? new Map<WeightLayout, Fixed>();
    packed.set(value, layouts);
    const known = layouts.get(layout);
    if (known !== undefined) return known;
    const held = tensor(value);
    const made = addConstant({
      name: fixedName(value),
      isWeight: definition.kind === 'weight',
      layout,
      precision: layout === 'blocks' ? precision : 'f32',
      shape: held.shape,
      data: pack(held, layout),
    });
    layouts.set(layout, made);
    return made;
  };
  const use = (place: Place): void => {
    const used = place.kind === 'tensor' ? tensors[place.tensor] : undefined;
    if (used !== undefined) used.last = kernels.length;
  };

  const addKernel = (request: KernelRequest): void => {
    const { node, op, inputs, outputs, macs = 0 } = request;
    const { bound, renamed } = bindOnce([...inputs, ...outputs], (place) => {
      const elements = tensors[place.tensor]?.elements ?? 0;
      const copy = addTensor(`${node.origin.path}.copy`, elements, node.origin);
      addKernel(copyKernel(node, place, copy, elements));
      return copy;
    });
    bound.forEach(({ place }) => use(place));
    const variants = 'variants' in request ? request.variants : [request];
    kernels.push({
      variants: variants.map((variant) => {
        const { profile, name, about, params: given, elements = {}, code, workgroups } = variant;
        const params = usedParams(given, code);
        return {
          ...(profile === undefined ? {} : { profile }),
          shader: {
            name,
            about,
            bindings: bound.map(({ name: binding, element, place }) => ({
              name: binding,
              element: elements[binding] ?? element,
              // The arena is read and written everywhere: WebGPU forbids one buffer to be both.
              access: place.kind === 'tensor' ? 'read_write' : 'read',
            })),
            params: Object.keys(params),
            code: renamed(code),
          },
          params: Object.values(params),
          workgroups,
        };
      }),
      places: bound.map(({ place }) => place),
      label: node.origin.path,
      op,
      origin: node.origin,
      macs,
      shapes: `${shapesText(node.operands.filter(isActivation))} → ${shapesText(node.results)}`,
    });
  };

  return {
    batch,
    precision,
    draft: { tensors, constants, kernels },
    tensor,
    place(value, layout = 'rows') {
      const { kind } = value.definition;
      if (kind === 'weight' || kind === 'constant' || folded.has(value))
        return fixed(value, layout);
      const place = places.get(value);
      if (place === undefined) throw new Error(`value ${value.id} is nowhere yet`);
      return place;
    },
    makeInput(value, name) {
      const place = addTensor(name, elementsOf(value, batch), undefined);
      const made = tensors[place.tensor];
      // It is filled before the first dispatch.
      if (made !== undefined) made.first = -1;
      places.set(value, place);
    },
    fix: (value, held) => void folded.set(value, held),
    keep: use,
    make(value, node) {
      const { path } = node.origin;
      const index = node.results.indexOf(value);
      const name = node.results.length > 1 && index >= 0 ? `${path}[${index}]` : path;
      const place = addTensor(name, elementsOf(value, batch), node.origin);
      places.set(value, place);
      return place;
    },
    scratch: (name, elements, node) => addTensor(name, elements, node.origin),
    alias: (value, place) => void places.set(value, place),
    constant: (name, data) =>
      addConstant({
        name,
        data: pack({ shape: [data.length], data }, 'rows'),
        layout: 'rows',
        precision: 'f32',
        shape: [data.length],
        isWeight: false,
      }),
    kernel: addKernel,
  };
}

function fixedName({ definition, id }: Value): string {
  if (definition.kind === 'weight') return definition.weight.name;
  return definition.kind === 'result' ? definition.node.origin.path : `constant_${id}`;
}

function isActivation({ type }: Value): boolean {
  return type.batched;
}

/** The most shapes that the text of a kernel has: there may be hundreds, for each of as many kernels. */
const MAX_SHAPES = 8;

function shapesText(values: readonly Value[]): string {
  const shapes = values.slice(0, MAX_SHAPES).map(({ type }) => formatShape(type.shape));
  const others = values.length - shapes.length;
  return [...shapes, ...(others === 0 ? [] : [`${groupDigits(others)} more`])].join(', ');
}

/** Those that the code reads: what kernels share may give it more. */
function usedParams(
  params: Readonly<Record<string, Size>>,
  code: string,
): Readonly<Record<string, Size>> {
  const used = new Set(Array.from(code.matchAll(/\bparams\.(\w+)/g), ([, name]) => name));
  return Object.fromEntries(Object.entries(params).filter(([name]) => used.has(name)));
}

/** For a kernel that reads a tensor in two ways. */
function copyKernel(node: Node, from: Place, to: Place, count: Size): KernelRequest {
  return {
    node,
    name: 'copy',
    about: ['A copy, for a kernel that reads a tensor in two ways: an element a thread.'],
    op: 'copy',
    inputs: [{ name: 'tensor', element: 'f32', place: from }],
    outputs: [{ name: 'result', element: 'f32', place: to }],
    params: { count },
    code: linearMain('result[i] = tensor[i];'),
    workgroups: linearGroups(count, THREADS),
  };
}

/**
 * Bindings as WebGPU demands: no tensor twice where one is written. One that a kernel reads under
 * two names has the first of them in the code too; of one that it reads as two types there is a copy.
 */
function bindOnce(
  all: readonly Bound[],
  copyOf: (place: Activation) => Activation,
): { readonly bound: readonly Bound[]; readonly renamed: (code: string) => string } {
  const bound: Bound[] = [];
  const names: (readonly [from: string, to: string])[] = [];
  for (const each of all) {
    const { name, element, place } = each;
    const known = bound.filter((other) => isSameTensor(other.place, place));
    const same = known.find((other) => other.element === element);
    if (same !== undefined) names.push([name, same.name]);
    else if (known.length === 0 || place.kind !== 'tensor') bound.push(each);
    else bound.push({ name, element, place: copyOf(place) });
  }
  const renamed = (code: string): string =>
    names.reduce(
      (text, [from, to]) => text.replace(new RegExp(`(?<![.\\w])${from}(?=\\[)`, 'g'), to),
      code,
    );
  return { bound, renamed };
}

function isSameTensor(a: Place, b: Place): boolean {
  return a.kind === 'tensor' && b.kind === 'tensor' && a.tensor === b.tensor;
}

/** The name of a kernel's place in the source: `sdunet.arch:12:8`. */
export function locationOf(origin: Origin): string {
  return artifactLocation(origin.span);
}

/** The most workgroups of one dimension that every device grants. */
export const MAX_WORKGROUPS = 65_535;

/**
 * Workgroups for `threads` in a row, `size` a group, spread over two dimensions where one does not
 * suffice. A kernel finds its number with `LINEAR_INDEX`.
 */
export function linearGroups(threads: Size, size: number): readonly [Size, Size, Size] {
  const groups = ceilDiv(threads, size);
  if (typeof groups === 'number' && groups <= MAX_WORKGROUPS) return [groups, 1, 1];
  return [min(groups, MAX_WORKGROUPS), ceilDiv(groups, MAX_WORKGROUPS), 1];
}
