/**
 * How a kernel walks over tensors: axes with, for each tensor, the elements from one position to the
 * next, as few axes as there can be.
 */
import { equal, exactDiv, mul, product, type Dim, type Shape } from '../../compiler/shape.js';
import type { TensorType } from '../../compiler/ir.js';
import type { Size } from '../../webgpu/plan.js';
import { floorDiv, sizeOfDim, times } from './size.js';

export interface Axis {
  readonly size: Size;
  /** The size as the graph has it; undefined where the batch is part of it. */
  readonly dim: Dim | undefined;
  /** Whether the positions part into fours. */
  readonly inFours: boolean;
  /** For each tensor, in elements: 0 where it is the same along the axis. */
  readonly steps: readonly Dim[];
}

/** Row-major: elements from one position to the next along each axis. */
export function denseSteps(shape: Shape): readonly Dim[] {
  return shape.map((_, axis) => product(shape.slice(axis + 1)));
}

export function axisOf(dim: Dim, ...steps: readonly Dim[]): Axis {
  return { size: sizeOfDim(dim), dim, inFours: exactDiv(dim, 4) !== undefined, steps };
}

/** The images, one tensor after the other; those without a batch are the same for all. */
export function batchAxis(batch: Size, ...types: readonly TensorType[]): Axis {
  const steps = types.map(({ batched, shape }) => (batched ? product(shape) : 0));
  const isBatched = types.some(({ batched }) => batched);
  return { size: isBatched ? batch : 1, dim: undefined, inFours: false, steps };
}

/** Without axes of one position, neighbours as one where every tensor lies alike along both. */
export function mergeAxes(axes: readonly Axis[]): readonly Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    if (axis.size === 1) continue;
    const before = merged.at(-1);
    const { dim } = axis;
    const joins =
      dim !== undefined &&
      before?.steps.every((step, i) => equal(step, mul(dim, axis.steps[i] ?? 0)));
    if (before === undefined || joins !== true) {
      merged.push(axis);
      continue;
    }
    merged[merged.length - 1] = {
      size: times(before.size, axis.size),
      dim: before.dim === undefined ? undefined : mul(before.dim, dim),
      inFours: before.inFours || axis.inFours,
      steps: axis.steps,
    };
  }
  return merged;
}

/**
 * The axes in steps of four elements, where a tensor can be read and written so: neighbours along
 * the last axis lie together, and along the others whole fours apart.
 */
export function axesInFours(axes: readonly Axis[], offset: Dim = 0): readonly Axis[] | undefined {
  const last = axes.at(-1);
  if (last === undefined || !last.inFours || !last.steps.every((step) => step === 1)) {
    return undefined;
  }
  const others = axes.slice(0, -1);
  const steps = others.flatMap((axis) => axis.steps);
  if (![...steps, offset].every((step) => exactDiv(step, 4) !== undefined)) return undefined;
  return [
    ...others.map((axis) => ({
      ...axis,
      steps: axis.steps.map((step) => exactDiv(step, 4) ?? step),
    })),
    { ...last, size: floorDiv(last.size, 4), dim: undefined },
  ];
}

/** `axis_0`, `axis_1`, …: where `index` is along each axis. Reads `params.size_1` and so on. */
export function positionCode(rank: number, index = 'i', prefix = ''): string {
  if (rank === 0) return '';
  const lines: string[] = [];
  let rest = index;
  for (let axis = rank - 1; axis > 0; axis--) {
    lines.push(`let ${prefix}axis_${axis} = ${rest} % params.${prefix}size_${axis};`);
    if (axis === 1) rest = `${rest} / params.${prefix}size_1`;
    else {
      lines.push(`let ${prefix}rest_${axis} = ${rest} / params.${prefix}size_${axis};`);
      rest = `${prefix}rest_${axis}`;
    }
  }
  lines.push(`let ${prefix}axis_0 = ${rest};`);
  return lines.join('\n');
}

/** Sizes for `positionCode`, and steps of the tensors for `offsetCode`. */
export function axisParams(
  axes: readonly Axis[],
  prefix = '',
  stepNames: readonly string[] = ['step'],
): Readonly<Record<string, Size>> {
  const sizes = axes.map(({ size }, i) => [`${prefix}size_${i}`, size] as const);
  const steps = stepNames.flatMap((name, tensor) =>
    axes.flatMap(({ steps: own }, i): (readonly [string, Size])[] => {
      const step = own[tensor] ?? 0;
      return step === 0 || step === 1 ? [] : [[`${prefix}${name}_${i}`, sizeOfDim(step)]];
    }),
  );
  return Object.fromEntries([...sizes.slice(1), ...steps]);
}

/** Elements from the beginning of a tensor to the position that `positionCode` gives. */
export function offsetCode(
  axes: readonly Axis[],
  {
    prefix = '',
    name = 'step',
    tensor = 0,
  }: {
    readonly prefix?: string;
    readonly name?: string;
    readonly tensor?: number;
  } = {},
): string {
  const terms = axes.flatMap(({ steps }, i) => {
    const step = steps[tensor] ?? 0;
    const position = `${prefix}axis_${i}`;
    if (step === 0) return [];
    return step === 1 ? [position] : [`${position} * params.${prefix}${name}_${i}`];
  });
  return terms.length === 0 ? '0' : terms.join(' + ');
}
