/** What tools see of a graph: calls of core operators at inference, one after another. */
import { inParts } from '../body.js';
import { activationCount } from '../builder.js';
import type { Graph, Node, Scope, Value, Weight } from '../ir.js';
import { CORE, operatorOf, type CoreName, type OperatorName } from '../ops/index.js';
import { elementCount } from '../ops/tensor.js';
import { staticShape } from '../shape.js';
import { inferenceGraph } from '../stats.js';
import { STD_SOURCES } from '../std-sources.js';
import type { Call } from './convention.js';

/**
 * The calls of the graph as written: batch norm and weight standardisation not folded, without dropout
 * and what no output depends on; composites in their parts, as they would be written out. Every size
 * is a number (see `specialize`; throws where one is not).
 */
export function callsOf(graph: Graph): readonly Call[] {
  const used = new Set<Weight>();
  return written(inferenceGraph(graph)).nodes.map((node) => callOf(node, used));
}

/** Composites as they would be written out in core operators; they may be made of composites. */
function written(graph: Graph): Graph {
  const isWhole = (op: OperatorName): boolean =>
    isCore(op) || operatorOf(op).decompose === undefined;
  return graph.nodes.every(({ op }) => isWhole(op)) ? graph : written(inParts(graph, isCore));
}

function isCore(op: OperatorName): op is CoreName {
  return Object.hasOwn(CORE, op);
}

function callOf(node: Node, used: Set<Weight>): Call {
  const { op, operands, results, attributes, origin } = node;
  if (!isCore(op)) throw new Error(`${op} is not in its parts`);
  const weights = operands.slice(activationCount(op, operands.length)).flatMap(weightOf);
  let newKernels = 0;
  for (const weight of weights) {
    if (weight.role === 'kernel' && !used.has(weight)) newKernels += elementCount(weight.shape);
    used.add(weight);
  }
  return {
    op,
    operands: operands.map(shapeOf),
    results: results.map(shapeOf),
    attributes,
    params: weights
      .filter(({ trainable }) => trainable)
      .reduce((sum, { shape }) => sum + elementCount(shape), 0),
    newKernels,
    isFunction: isFunction(origin.scope),
    origin,
  };
}

/** The weight that an operand is, or is made of by what the compiler adds: standardisation. */
function weightOf({ definition }: Value): Weight[] {
  if (definition.kind === 'weight') return [definition.weight];
  if (definition.kind !== 'result') return [];
  const { op, operands } = definition.node;
  return operatorOf(op).traits.includes('internal') ? operands.flatMap(weightOf) : [];
}

const TORCH = 'std/torch.arch';

/** Whether the block `functional` of the standard library is around it. */
function isFunction(scope: Scope | undefined): boolean {
  if (scope === undefined) return false;
  const { block, parent } = scope;
  const isMarked =
    block?.name === 'functional' &&
    block.span.source.path === TORCH &&
    // A project may have a folder `std` of its own.
    block.span.source.text === STD_SOURCES.get(TORCH);
  return isMarked || isFunction(parent);
}

function shapeOf({ type: { shape } }: Value): readonly number[] {
  return staticShape(shape);
}
