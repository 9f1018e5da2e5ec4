/**
 * Reductions over axes: `mean`, `sum`, `max` and the pools over the whole image. Few elements are
 * taken by one thread; many by chunks first, each by a thread, and the chunks by a workgroup. So
 * there is work for many threads, and no sum is long enough to lose digits.
 */
import type { Node } from '../../compiler/ir.js';
import { axisIndex } from '../../compiler/ops/axes.js';
import { product as dimProduct } from '../../compiler/shape.js';
import { optionalNumbersAttribute } from '../attributes.js';
import { linearGroups, type Emitter, type Place } from './emitter.js';
import type { Scalar } from './expressions.js';
import { indent, lines, linearMain, paragraphs, THREADS } from './shader.js';
import { ceilDiv, min, product, sizeOfDim, times } from './size.js';
import type { Size } from '../../webgpu/plan.js';
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

/** Elements that one thread takes. */
const CHUNK = 256;
/** With more results than that there are threads enough without workgroups. */
const MAX_GROUPED = 4096;

type Kind = 'mean' | 'sum' | 'max';

export function lowerReduce(e: Emitter, view: KernelView, anchor: Node): void {
  const x = view.outer(operand(anchor, 0));
  const { shape } = x.type;
  const gone = new Set(goneAxes(anchor, shape.length));
  const result = resultOf(view);
  if (gone.size === 0) {
    e.alias(result, e.place(x));
    return;
  }
  const kind = KINDS[anchor.op] ?? 'sum';
  const steps = denseSteps(shape);
  const axes = shape.map((dim, axis) => axisOf(dim, steps[axis] ?? 1));
  const kept = mergeAxes([
    batchAxis(e.batch, x.type),
    ...axes.filter((_, axis) => !gone.has(axis)),
  ]);
  const run = mergeAxes(axes.filter((_, axis) => gone.has(axis)));
  const extent = dimProduct(shape.filter((_, axis) => gone.has(axis)));
  const perImage = dimProduct(result.type.shape);
  // The last axis is of the results, unless there is but one.
  const fours = kept.length === 0 ? undefined : axesInFours([...run, ...kept]);
  const type: Scalar = fours === undefined ? 'f32' : 'vec4f';
  const reduction: Reduction = {
    kind,
    type,
    kept: fours?.slice(run.length) ?? kept,
    run: fours?.slice(0, run.length) ?? run,
    extent: sizeOfDim(extent),
    from: e.place(x),
  };
  if (typeof extent === 'number' && extent <= CHUNK) {
    const to = e.make(result, view.node);
    reduceAtOnce(e, view.node, reduction, to);
    return;
  }
  const isGrouped = typeof perImage === 'number' && perImage <= MAX_GROUPED;
  reduceByChunks(e, view, reduction, isGrouped);
}

const KINDS: Readonly<Partial<Record<Node['op'], Kind>>> = {
  mean: 'mean',
  globalavgpool: 'mean',
  sum: 'sum',
  max: 'max',
  globalmaxpool: 'max',
};

function goneAxes(anchor: Node, rank: number): readonly number[] {
  // Pools over the whole image.
  if (anchor.attributes['axes'] === undefined) return [0, 1];
  const axes = optionalNumbersAttribute(anchor, 'axes');
  return axes?.map((axis) => axisIndex(axis, rank)) ?? [...Array(rank).keys()];
}

interface Reduction {
  readonly kind: Kind;
  readonly type: Scalar;
  /** Axes of the results. */
  readonly kept: readonly Axis[];
  /** Axes over which each result is taken. */
  readonly run: readonly Axis[];
  readonly extent: Size;
  readonly from: Place;
}

const VERBS: Readonly<Record<Kind, string>> = {
  mean: 'The mean',
  sum: 'The sum',
  max: 'The largest',
};

function countOf({ kept }: Reduction): Size {
  return product(kept.map(({ size }) => size));
}

/** `total` over elements `first` to before `end` of the run that begins at `start`. */
function loopCode({ kind, run }: Reduction, first: string, end: string): string {
  const k = run.length === 1 ? 'run_axis_0' : 'k';
  const at = `tensor[start + ${offsetCode(run, { prefix: 'run_' })}]`;
  return `for (var ${k} = ${first}; ${k} < ${end}; ${k}++) {
${indent(
  lines(
    run.length === 1 ? '' : positionCode(run.length, 'k', 'run_'),
    `total ${kind === 'max' ? `= max(total, ${at})` : `+= ${at}`};`,
  ),
)}
}`;
}

/** Of nothing: 0, or for the largest any element of the run. */
function startCode({ kind, type }: Pick<Reduction, 'kind' | 'type'>, any: string): string {
  return kind === 'max' ? `var total = ${any};` : `var total: ${type};`;
}

function suffixOf({ type, kept, run }: Reduction): string {
  return `_${run.length}of${kept.length + run.length}d${type === 'f32' ? '_scalar' : ''}`;
}

function reduceAtOnce(e: Emitter, node: Node, reduction: Reduction, to: Place): void {
  const { kind, type, kept, run, extent, from } = reduction;
  const count = countOf(reduction);
  e.kernel({
    node,
    name: `${kind}${suffixOf(reduction)}`,
    op: node.op,
    about: [`${VERBS[kind]} over axes: ${type === 'f32' ? 'a result' : 'four results'} a thread.`],
    inputs: [{ name: 'tensor', element: type, place: from }],
    outputs: [{ name: 'result', element: type, place: to }],
    params: { count, extent, ...axisParams(kept), ...axisParams(run, 'run_') },
    code: linearMain(
      lines(
        positionCode(kept.length),
        `let start = ${offsetCode(kept)};`,
        startCode(reduction, 'tensor[start]'),
        loopCode(reduction, '0', 'params.extent'),
        `result[i] = total${kind === 'mean' ? ' / f32(params.extent)' : ''};`,
      ),
    ),
    workgroups: linearGroups(count, THREADS),
  });
}

function reduceByChunks(
  e: Emitter,
  view: KernelView,
  reduction: Reduction,
  isGrouped: boolean,
): void {
  const { node } = view;
  const { kind, type, kept, run, extent, from } = reduction;
  const chunks = ceilDiv(extent, CHUNK);
  const results = countOf(reduction);
  const count = times(results, chunks);
  const partials = e.scratch(
    `${node.origin.path}.chunks`,
    times(count, type === 'vec4f' ? 4 : 1),
    node,
  );
  const isSum = kind !== 'max';
  e.kernel({
    node,
    name: `${isSum ? 'sum' : 'max'}_chunks${suffixOf(reduction)}`,
    op: node.op,
    about: [
      `${isSum ? 'The sum' : VERBS.max} over ${CHUNK} elements of a run, for every run: a chunk a thread.`,
    ],
    inputs: [{ name: 'tensor', element: type, place: from }],
    outputs: [{ name: 'chunks', element: type, place: partials }],
    params: { count, extent, results, ...axisParams(kept), ...axisParams(run, 'run_') },
    code: linearMain(
      lines(
        `let number = i % params.results;`,
        positionCode(kept.length, 'number'),
        `let start = ${offsetCode(kept)};`,
        `let first = i / params.results * ${CHUNK};`,
        startCode(reduction, 'tensor[start]'),
        loopCode(reduction, 'first', `min(first + ${CHUNK}, params.extent)`),
        'chunks[i] = total;',
      ),
    ),
    workgroups: linearGroups(count, THREADS),
  });
  const to = e.make(resultOf(view), node);
  e.kernel({
    node,
    name: `${kind}_of_chunks${isGrouped ? '' : '_serial'}${type === 'f32' ? '_scalar' : ''}`,
    op: node.op,
    about: [
      `${VERBS[kind]} of a run from its chunks: ${isGrouped ? 'a run a workgroup' : 'a run a thread'}${type === 'f32' ? '' : ', four at once'}.`,
    ],
    inputs: [{ name: 'chunks', element: type, place: partials }],
    outputs: [{ name: 'result', element: type, place: to }],
    params: { count: results, chunks, ...(kind === 'mean' ? { extent } : {}) },
    code: isGrouped ? groupedCode(reduction) : serialCode(reduction),
    workgroups: isGrouped
      ? [min(results, 65_535), ceilDiv(results, 65_535), 1]
      : linearGroups(results, THREADS),
  });
}

function chunkLoop({ kind, type }: Reduction, first: string, step: string): string {
  return `${startCode({ kind, type }, 'chunks[i]')}
for (var chunk = ${first}; chunk < params.chunks; chunk ${step === '1' ? '++' : `+= ${step}`}) {
  let own = chunks[chunk * params.count + i];
  total ${kind === 'max' ? '= max(total, own)' : '+= own'};
}`;
}

function serialCode(reduction: Reduction): string {
  return linearMain(
    lines(
      chunkLoop(reduction, '0', '1'),
      `result[i] = total${reduction.kind === 'mean' ? ' / f32(params.extent)' : ''};`,
    ),
  );
}

function groupedCode(reduction: Reduction): string {
  const { kind, type } = reduction;
  return paragraphs(
    `var<workgroup> shares: array<${type}, ${THREADS}>;`,
    `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let local = i32(index);
  let i = i32(group.y * 65535u + group.x);
  if (i >= params.count) {
    return;
  }
${indent(chunkLoop(reduction, 'local', String(THREADS)))}
  shares[local] = total;
  workgroupBarrier();
  for (var half = ${THREADS / 2}; half > 0; half /= 2) {
    if (local < half) {
      shares[local] ${kind === 'max' ? '= max(shares[local], shares[local + half])' : '+= shares[local + half]'};
    }
    workgroupBarrier();
  }
  if (local == 0) {
    result[i] = shares[0]${kind === 'mean' ? ' / f32(params.extent)' : ''};
  }
}`,
  );
}
