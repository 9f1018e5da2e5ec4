/**
 * Where an engine first goes wrong, by bisection: the model up to some node is a model too, whose
 * outputs are what the rest would read.
 */
import type { Outcome } from '../compiler/diagnostic.js';
import type { Graph, Node, Output, Tensor, Value, Weight } from '../compiler/ir.js';
import type { Verdict } from './yardstick.js';

interface FirstDifference {
  readonly node: Node;
  /** Of the node's results, or of what else the model up to there gives. */
  readonly verdict: Verdict;
  /** Whether everything before the node agrees; else the engine failed on less of the model. */
  readonly isExact: boolean;
}

/** The outputs of a cut graph on the engine. */
type RunCut = (cut: Graph) => Promise<Outcome<ReadonlyMap<string, Tensor>>>;

/** The verdict on a value of the graph, by its id. */
type JudgeValue = (id: number, actual: Tensor | undefined) => Verdict;

/**
 * The first node with which the model up to it is beyond the tolerance, while without it it is not:
 * in O(log n) runs, for a graph that as a whole has the given verdict.
 */
export async function firstDifference(
  graph: Graph,
  whole: Verdict,
  judge: JudgeValue,
  run: RunCut,
): Promise<FirstDifference> {
  const steps = graph.nodes.filter(isBatched);
  let [agrees, differs] = [-1, steps.length - 1];
  let verdict = whole;
  let isExact = true;
  while (differs - agrees > 1) {
    const middle = (agrees + differs) >> 1;
    const cut = cutAfter(graph, steps, middle);
    const outputs = await run(cut);
    if (!outputs.ok) {
      isExact = false;
      break;
    }
    const found = worstValue(cut, outputs.value, judge);
    if (found === undefined) {
      agrees = middle;
    } else {
      differs = middle;
      verdict = found;
    }
  }
  const node = steps[differs];
  if (node === undefined) throw new Error('a graph without nodes');
  return { node, verdict, isExact };
}

/** Nodes on weights alone go along with those that read them: most engines never see them. */
function isBatched({ results }: Node): boolean {
  return results.some(({ type }) => type.batched);
}

/** The graph up to the step of that index. Its outputs are named after their values. */
export function cutAfter(graph: Graph, steps: readonly Node[], last: number): Graph {
  const inside = new Set(steps.slice(0, last + 1));
  const nodes = graph.nodes.filter((node) => !isBatched(node) || inside.has(node));
  const readLater = new Set([
    ...steps.slice(last + 1).flatMap(({ operands }) => operands),
    ...graph.outputs.map(({ value }) => value),
  ]);
  const outputs = [...inside].flatMap((node) =>
    node.results.filter((value) => readLater.has(value)).map((value) => cutOutput(node, value)),
  );
  const read = new Set(nodes.flatMap(({ operands }) => operands));
  return {
    ...graph,
    nodes,
    outputs,
    inputs: graph.inputs.filter((value) => read.has(value)),
    weights: graph.weights.filter((weight) => readsWeight(read, weight)),
  };
}

function cutOutput({ origin }: Node, value: Value): Output {
  return { name: nameOf(value), doc: '', value, span: origin.span };
}

function nameOf({ id }: Value): string {
  return `value_${id}`;
}

function readsWeight(read: ReadonlySet<Value>, weight: Weight): boolean {
  for (const { definition } of read) {
    if (definition.kind === 'weight' && definition.weight === weight) return true;
  }
  return false;
}

/** The worst verdict of those that are beyond their tolerance, undefined where there is none. */
function worstValue(
  cut: Graph,
  outputs: ReadonlyMap<string, Tensor>,
  judge: JudgeValue,
): Verdict | undefined {
  return cut.outputs
    .map(({ name, value }) => judge(value.id, outputs.get(name)))
    .filter((verdict) => !verdict.isWithin)
    .sort((a, b) => b.maxRel / b.tolerance - a.maxRel / a.tolerance)[0];
}
