/**
 * Operators that look at all elements along an axis before they write any: `softmax` and
 * `layernorm`. A thread takes a run, or four that lie side by side; a workgroup where runs are long
 * and few.
 */
import type { Node } from '../../compiler/ir.js';
import { axisIndex } from '../../compiler/ops/axes.js';
import { product as dimProduct, range, sub, type Dim } from '../../compiler/shape.js';
import { numberAttribute } from '../attributes.js';
import { linearGroups, MAX_WORKGROUPS, type Bound, type Emitter } from './emitter.js';
import type { Scalar } from './expressions.js';
import { float, indent, lines, linearMain, paragraphs, THREADS } from './shader.js';
import { ceilDiv, min, product, sizeOfDim } from './size.js';
import {
  axesInFours,
  axisOf,
  axisParams,
  batchAxis,
  denseSteps,
  mergeAxes,
  offsetCode,
  positionCode,
  type Axis,
} from './strided.js';
import { operand, resultOf, type KernelView } from './view.js';

/** A run that one thread takes whatever else there is to do. */
const MAX_SERIAL = 256;

export function lowerSoftmax(e: Emitter, view: KernelView, anchor: Node): void {
  const rank = operand(anchor, 0).type.shape.length;
  const along = axisIndex(numberAttribute(anchor, 'axis'), rank);
  lowerRuns(e, view, anchor, [along], {
    name: 'softmax',
    about: 'exp(x − m) / Σ exp(x − m) along an axis, m being the largest there',
    inputs: () => [],
    constants: '',
    code: softmaxCode,
  });
}

export function lowerLayernorm(e: Emitter, view: KernelView, anchor: Node): void {
  lowerNorm(e, view, anchor, [operand(anchor, 0).type.shape.length - 1]);
}

/** Only those whose channels are not known: the others are in two steps. */
export function lowerInstancenorm(e: Emitter, view: KernelView, anchor: Node): void {
  lowerNorm(e, view, anchor, [...operand(anchor, 0).type.shape.keys()].slice(0, -1));
}

function lowerNorm(e: Emitter, view: KernelView, anchor: Node, along: readonly number[]): void {
  const isAffine = anchor.attributes['affine'] === true;
  lowerRuns(e, view, anchor, along, {
    name: isAffine ? 'norm_affine' : 'norm',
    about: `Mean 0 and variance 1 along an axis${isAffine ? ', then a scale and a shift' : ''}`,
    inputs: (element) =>
      isAffine
        ? ['scale', 'shift'].map((name, i) => ({
            name,
            element,
            place: e.place(view.outer(operand(anchor, i + 1))),
          }))
        : [],
    constants: `const EPS = ${float(numberAttribute(anchor, 'eps'))};`,
    code: (form) => normCode(form, isAffine),
  });
}

interface Runs {
  readonly name: string;
  readonly about: string;
  /** What is read besides the tensor, for each position along the run. */
  readonly inputs: (element: Scalar) => readonly Bound[];
  readonly constants: string;
  /** Statements that write the run that begins at `start`. */
  readonly code: (form: Form) => string;
}

/** How a run is walked over. */
interface Form {
  /** The four lanes of a vector: positions of a run, or runs side by side; or there are none. */
  readonly lanes: 'along' | 'across' | 'none';
  /** Whether a workgroup takes it. */
  readonly isGrouped: boolean;
  /** Where position k of the run is. */
  readonly at: string;
}

function lowerRuns(
  e: Emitter,
  view: KernelView,
  anchor: Node,
  along: readonly number[],
  { name, about, inputs, constants, code }: Runs,
): void {
  const x = view.outer(operand(anchor, 0));
  const { shape } = x.type;
  const steps = denseSteps(shape);
  const axes = shape.map((dim, axis) => axisOf(dim, steps[axis] ?? 1));
  const others = mergeAxes([
    batchAxis(e.batch, x.type),
    ...axes.filter((_, axis) => !along.includes(axis)),
  ]);
  // The axes of a run are neighbours.
  const size = dimProduct(along.map((axis) => shape[axis] ?? 1));
  const run = axisOf(size, steps[along.at(-1) ?? 0] ?? 1);
  const runs = dimProduct(shape.filter((_, axis) => !along.includes(axis)));
  const { form, kept, own } = formOf(others, run, isLong(size, runs));
  const { lanes, isGrouped } = form;
  const type = lanes === 'none' ? 'f32' : 'vec4f';
  const count = product(kept.map((axis) => axis.size));
  const [step = 1] = own.steps;
  e.kernel({
    node: view.node,
    name: [
      name,
      `${kept.length}d`,
      ...(lanes === 'none' ? [] : [lanes]),
      ...(step === 1 ? [] : ['strided']),
      ...(isGrouped ? ['group'] : []),
    ].join('_'),
    op: anchor.op,
    about: [
      `${about}: ${lanes === 'across' ? 'four runs' : 'a run'} a ${isGrouped ? 'workgroup' : 'thread'}.`,
    ],
    inputs: [{ name: 'tensor', element: type, place: e.place(x) }, ...inputs(type)],
    outputs: [{ name: 'result', element: type, place: e.make(resultOf(view), view.node) }],
    params: {
      count,
      // Of a run, in values of the type and in elements.
      length: own.size,
      elements: sizeOfDim(size),
      ...axisParams(kept),
      ...(step === 1 ? {} : { step: sizeOfDim(step) }),
    },
    code: paragraphs(
      constants,
      mainCode(
        isGrouped,
        lines(positionCode(kept.length), `let start = ${offsetCode(kept)};`, code(form)),
      ),
    ),
    workgroups: isGrouped
      ? [min(count, MAX_WORKGROUPS), ceilDiv(count, MAX_WORKGROUPS), 1]
      : linearGroups(count, THREADS),
  });
}

/** Whether a run is too long for one thread: the others would wait for it. */
function isLong(size: Dim, runs: Dim): boolean {
  if (typeof size === 'number' && size <= MAX_SERIAL) return false;
  return range(sub(runs, size))[0] < 0;
}

function formOf(
  others: readonly Axis[],
  run: Axis,
  isGrouped: boolean,
): { readonly form: Form; readonly kept: readonly Axis[]; readonly own: Axis } {
  const along = axesInFours([...others, run]);
  const last = along?.at(-1);
  if (along !== undefined && last !== undefined) {
    return {
      form: { lanes: 'along', isGrouped, at: placeOf(last) },
      kept: along.slice(0, -1),
      own: last,
    };
  }
  const across = isGrouped || others.length === 0 ? undefined : axesInFours([run, ...others]);
  const first = across?.[0];
  if (across !== undefined && first !== undefined) {
    return {
      form: { lanes: 'across', isGrouped, at: placeOf(first) },
      kept: across.slice(1),
      own: first,
    };
  }
  return { form: { lanes: 'none', isGrouped, at: placeOf(run) }, kept: others, own: run };
}

/** Where position k of a run is. */
function placeOf({ steps: [step] }: Axis): string {
  return step === 1 ? 'start + k' : 'start + k * params.step';
}

function mainCode(isGrouped: boolean, body: string): string {
  if (!isGrouped) return linearMain(body);
  const total = overGroup('total', '+= shares[local + half]');
  const largest = overGroup('largest', '= max(shares[local], shares[local + half])');
  return paragraphs(
    `var<workgroup> shares: array<f32, ${THREADS}>;`,
    body.includes('group_total(') ? total : '',
    body.includes('group_largest(') ? largest : '',
    `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let local = i32(index);
  let i = i32(group.y * 65535u + group.x);
  if (i >= params.count) {
    return;
  }
${indent(body)}
}`,
  );
}

/** What all threads of a workgroup have, taken together. */
function overGroup(name: string, step: string): string {
  return `fn group_${name}(own: f32, local: i32) -> f32 {
  workgroupBarrier();
  shares[local] = own;
  workgroupBarrier();
  for (var half = ${THREADS / 2}; half > 0; half /= 2) {
    if (local < half) {
      shares[local] ${step};
    }
    workgroupBarrier();
  }
  return shares[0];
}`;
}

function loop({ isGrouped }: Form, body: string): string {
  const head = isGrouped
    ? `for (var k = local; k < params.length; k += ${THREADS})`
    : 'for (var k = 0; k < params.length; k++)';
  return `${head} {\n${indent(body)}\n}`;
}

/** The sum of what the lanes and the threads of a run have. */
function totalOf({ lanes, isGrouped }: Form, name: string): string {
  const own = lanes === 'along' ? `dot(${name}, vec4f(1.0))` : name;
  return isGrouped ? `group_total(${own}, local)` : own;
}

function largestOf({ lanes, isGrouped }: Form, name: string): string {
  const own =
    lanes === 'along' ? `max(max(${name}.x, ${name}.y), max(${name}.z, ${name}.w))` : name;
  return isGrouped ? `group_largest(${own}, local)` : own;
}

function softmaxCode(form: Form): string {
  const { at, lanes } = form;
  const type = lanes === 'none' ? 'f32' : 'vec4f';
  return `var highest = tensor[start];
${loop(form, `highest = max(highest, tensor[${at}]);`)}
let largest = ${largestOf(form, 'highest')};
var sum: ${type};
${loop(
  form,
  `let power = exp(tensor[${at}] - largest);
result[${at}] = power;
sum += power;`,
)}
let total = ${totalOf(form, 'sum')};
${loop(form, `result[${at}] /= total;`)}`;
}

function normCode(form: Form, isAffine: boolean): string {
  const { at, lanes } = form;
  const type = lanes === 'none' ? 'f32' : 'vec4f';
  return `var sum: ${type};
${loop(form, `sum += tensor[${at}];`)}
let mean = ${totalOf(form, 'sum')} / f32(params.elements);
var squares: ${type};
${loop(
  form,
  `let distance = tensor[${at}] - mean;
squares += distance * distance;`,
)}
let factor = inverseSqrt(${totalOf(form, 'squares')} / f32(params.elements) + EPS);
${loop(form, `result[${at}] = (tensor[${at}] - mean) * factor${isAffine ? ' * scale[k] + shift[k]' : ''};`)}`;
}
