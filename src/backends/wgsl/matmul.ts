/**
 * Products of matrices. A thread computes 8 rows by 4 columns of one product, so that each load
 * serves many multiply-accumulates.
 */
import type { Node } from '../../compiler/ir.js';
import { equal, exactDiv, product as dimProduct, type Dim } from '../../compiler/shape.js';
import { linearGroups, type Emitter } from './emitter.js';
import { linearFinish } from './finish-linear.js';
import { indent, lines, linearMain, paragraphs, THREADS, upTo } from './shader.js';
import { ceilDiv, product, sizeOfDim, times } from './size.js';
import {
  axisOf,
  axisParams,
  batchAxis,
  denseSteps,
  mergeAxes,
  offsetCode,
  positionCode,
  type Axis,
} from './strided.js';
import { operand, operatorsOf, type KernelView } from './view.js';

const ROWS = 8;
const COLUMNS = 4;

export function lowerMatmul(e: Emitter, view: KernelView, anchor: Node): void {
  const a = view.outer(operand(anchor, 0));
  const b = view.outer(operand(anchor, 1));
  const [result] = anchor.results;
  if (result === undefined) throw new Error('matmul: no result');
  const finish = linearFinish(e, view, result);
  const [height = 1, inner = 1] = a.type.shape.slice(-2);
  const matrices = matricesOf(e, a.type, b.type, result.type.shape.slice(0, -2));
  // Where all share the factor on the right, all rows are those of one matrix.
  const isOne = matrices.every(({ steps }) => equal(steps[1] ?? 0, 0));
  const lead = product(matrices.map(({ size }) => size));
  const rows = isOne ? times(lead, sizeOfDim(height)) : sizeOfDim(height);
  const axes = isOne ? [] : matrices;
  const form: Form = {
    axes,
    isVectorA: exactDiv(inner, 4) !== undefined,
    isVectorB: finish.type === 'vec4f',
  };
  const rowBlocks = ceilDiv(rows, ROWS);
  const columnBlocks = form.isVectorB ? finish.columns : ceilDiv(finish.columns, COLUMNS);
  const count = product([...(isOne ? [] : [lead]), rowBlocks, columnBlocks]);
  e.kernel({
    node: view.node,
    name: [
      `matmul_${axes.length}d`,
      ...view.epilogue.map(({ op }) => op),
      ...(form.isVectorA ? [] : ['inner_scalar']),
      ...(form.isVectorB ? [] : ['columns_scalar']),
    ].join('_'),
    op: operatorsOf(view),
    about: [`Product of matrices: a thread computes ${ROWS} rows by ${COLUMNS} columns.`],
    inputs: [
      { name: 'a', element: form.isVectorA ? 'vec4f' : 'f32', place: e.place(a) },
      { name: 'b', element: finish.type, place: e.place(b) },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    params: {
      count,
      rows,
      inner: sizeOfDim(inner),
      columns: finish.columns,
      row_blocks: rowBlocks,
      column_blocks: columnBlocks,
      ...axisParams(axes, '', ['a_step', 'b_step']),
      ...finish.params,
    },
    code: paragraphs(finish.code, form.isVectorB ? '' : STORE_ROW, linearMain(bodyCode(form))),
    workgroups: linearGroups(count, THREADS),
    macs: times(
      product([result.type.batched ? e.batch : 1, sizeOfDim(dimProduct(result.type.shape))]),
      sizeOfDim(inner),
    ),
  });
}

/** The axes before those of the matrices, with the steps of both factors in matrices. */
function matricesOf(
  e: Emitter,
  a: Parameters<typeof batchAxis>[1],
  b: Parameters<typeof batchAxis>[1],
  lead: readonly Dim[],
): readonly Axis[] {
  const stepsOf = (shape: readonly Dim[]): readonly Dim[] => {
    const own = shape.slice(0, -2);
    const steps = denseSteps(own);
    const missing = lead.length - own.length;
    return lead.map((_, axis) => (own[axis - missing] === 1 ? 0 : (steps[axis - missing] ?? 0)));
  };
  const [stepsOfA, stepsOfB] = [stepsOf(a.shape), stepsOf(b.shape)];
  const matrices = [a, b].map((type) => ({ ...type, shape: type.shape.slice(0, -2) }));
  return mergeAxes([
    batchAxis(e.batch, ...matrices),
    ...lead.map((dim, axis) => axisOf(dim, stepsOfA[axis] ?? 0, stepsOfB[axis] ?? 0)),
  ]);
}

interface Form {
  /** Over the matrices. */
  readonly axes: readonly Axis[];
  /** Whether rows of a, and of b, are read as vectors. */
  readonly isVectorA: boolean;
  readonly isVectorB: boolean;
}

/** `at`, `at + params.columns`, `at + 2 * params.columns`, … */
function down(at: string, rows: number): string {
  if (rows === 0) return at;
  return `${at} + ${rows === 1 ? '' : `${rows} * `}params.columns`;
}

function bodyCode({ axes, isVectorA, isVectorB }: Form): string {
  const depth = isVectorA ? 4 : 1;
  const isOne = axes.length === 0;
  const startOf = (name: 'a' | 'b', tensor: number, size: string): string =>
    isOne ? '0' : `(${offsetCode(axes, { name: `${name}_step`, tensor })}) * ${size}`;
  const rowOfB = (k: number): string => {
    if (isVectorB) return `b[${down('at_b', k)} + column]`;
    const elements = upTo(COLUMNS).map((c) => `b[b_${k} + ${columnName(c)}]`);
    return `vec4f(${elements.join(', ')})`;
  };
  const startsOfB = upTo(isVectorB ? 0 : depth).map((k) => `let b_${k} = ${down('at_b', k)};`);
  const loadB = isVectorA
    ? `let b_block = mat4x4f(
${indent(
  upTo(4)
    .map((k) => `${rowOfB(k)},`)
    .join('\n'),
)}
);`
    : `let b_row = ${rowOfB(0)};`;
  // What hangs over the end reads the last row or column again, and is not written.
  const row = (r: number): string =>
    r === 0 ? 'first_row' : `min(first_row + ${r}, params.rows - 1)`;
  const store = (r: number): string => {
    const at = down('first_result', r);
    return isVectorB ? `store(sum_${r}, ${at});` : `store_row(sum_${r}, ${at}, column);`;
  };
  return lines(
    `let column = i % params.column_blocks${isVectorB ? '' : ` * ${COLUMNS}`};`,
    'let row_block = i / params.column_blocks;',
    isOne
      ? `let first_row = row_block * ${ROWS};`
      : `let first_row = row_block % params.row_blocks * ${ROWS};
let matrix = row_block / params.row_blocks;`,
    positionCode(axes.length, 'matrix'),
    ...upTo(isVectorB ? 1 : COLUMNS)
      .slice(1)
      .map((c) => `let ${columnName(c)} = min(column + ${c}, params.columns - 1);`),
    `let inner = params.inner${isVectorA ? ' / 4' : ''};`,
    `let rows_of_a = ${startOf('a', 0, 'params.rows')};`,
    ...upTo(ROWS).map((r) => `let a_${r} = (rows_of_a + ${row(r)}) * inner;`),
    `var at_b = ${startOf('b', 1, 'params.inner * params.columns')};`,
    ...upTo(ROWS).map((r) => `var sum_${r}: vec4f;`),
    'for (var k = 0; k < inner; k++) {',
    ...startsOfB.map((line) => indent(line)),
    indent(loadB),
    ...upTo(ROWS).map((r) => `  sum_${r} += ${isVectorA ? 'b_block' : 'b_row'} * a[a_${r} + k];`),
    `  at_b += ${isVectorA ? '4 * ' : ''}params.columns;`,
    '}',
    `let first_result = (${isOne ? '' : 'matrix * params.rows + '}first_row) * params.columns${isVectorB ? ' + column' : ''};`,
    store(0),
    ...upTo(ROWS)
      .slice(1)
      .map((r) => `if (first_row + ${r} < params.rows) { ${store(r)} }`),
  );
}

function columnName(c: number): string {
  return c === 0 ? 'column' : `column_${c}`;
}

/** Four sums, those beyond the last column left out. */
const STORE_ROW = `fn store_row(sum: vec4f, row: i32, column: i32) {
  for (var c = 0; c < min(${COLUMNS}, params.columns - column); c++) {
    store(sum[c], row + column + c);
  }
}`;
