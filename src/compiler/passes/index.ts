/** The passes by name, and how they are run. */
import { verify } from '../verify.js';
import { mergeCommonSubexpressions } from './cse.js';
import { removeDeadCode } from './dead-code.js';
import { foldBatchnorm } from './fold-batchnorm.js';
import { foldConstants } from './fold-constants.js';
import { fuseDepthwise } from './fuse-depthwise.js';
import { fuseElementwise } from './fuse-elementwise.js';
import { fuseReads } from './fuse-reads.js';
import type { Model, Pass, PassOptions } from './pass.js';
import { removeDropout } from './remove-dropout.js';
import { splitLarge } from './split-large.js';
import { splitNorms } from './split-norms.js';

export type { Model, Pass, PassOptions } from './pass.js';

/** In the order in which they are run: those for inference, then those for kernels. */
export const PASSES = {
  'remove-dropout': removeDropout,
  'fold-constants': foldConstants,
  cse: mergeCommonSubexpressions,
  'dead-code': removeDeadCode,
  'fold-batchnorm': foldBatchnorm,
  'split-large': splitLarge,
  'split-norms': splitNorms,
  'fuse-elementwise': fuseElementwise,
  'fuse-depthwise': fuseDepthwise,
  'fuse-reads': fuseReads,
} as const satisfies Record<string, Pass>;

export type PassName = keyof typeof PASSES;

/**
 * What a backend runs before it emits a model for inference. Batch norm comes last: until nodes
 * that are dead or computed twice are gone, they read what lies between it and a convolution.
 */
export const inferencePasses: readonly PassName[] = [
  'remove-dropout',
  'fold-constants',
  'cse',
  'dead-code',
  'fold-batchnorm',
];

/**
 * What a backend that writes kernels of its own runs after those: each node is then one kernel, as
 * `kernelOf` takes it apart.
 */
export const kernelPasses: readonly PassName[] = [
  'split-large',
  'split-norms',
  'fuse-elementwise',
  'fuse-depthwise',
  'fuse-reads',
];

export interface RunOptions extends PassOptions {
  /** Verify the graph after every pass, and throw where one has broken it. */
  readonly verify?: boolean;
}

/** The model after the named passes, in that order. */
export function runPasses(
  model: Model,
  names: readonly PassName[],
  options: RunOptions = {},
): Model {
  let current = model;
  for (const name of names) {
    const pass: Pass = PASSES[name];
    current = pass(current, options);
    const problems = options.verify === true ? problemsOf(current) : [];
    if (problems.length > 0) throw new Error(`after ${name}: ${problems.join('; ')}`);
  }
  return current;
}

function problemsOf({ graph, weights }: Model): string[] {
  const problems = verify(graph);
  if (weights === undefined) return problems;
  const missing = graph.weights.filter(({ name }) => !weights.has(name));
  return [...problems, ...missing.map(({ name }) => `the weight ${name} has no value`)];
}
