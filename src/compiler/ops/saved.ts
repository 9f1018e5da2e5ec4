/**
 * What training keeps of a forward pass until the backward pass has read it. The rules are those of
 * PyTorch 2's automatic differentiation (`tools/autograd/derivatives.yaml`), in float32.
 */
import type { CostInput } from './operator.js';

/** Of each operand, whether a gradient flows to it: whether it depends on a learned weight. */
export type Needed = readonly boolean[];

/** One operator's rule. Weights and constants are there in any case and count nowhere. */
export interface SavedRule<A = unknown> {
  /** What is kept, in words: `its input`. */
  readonly doc: string;
  /** Which operands are kept; `needed` says of each whether a gradient flows to it. */
  readonly operands?: readonly number[] | ((attributes: A, needed: Needed) => readonly number[]);
  /** Whether all results are. */
  readonly results?: boolean;
  /** Bytes of further tensors, such as masks, for each image. */
  readonly bytes?: (shapes: CostInput, attributes: A, needed: Needed) => number;
  /** Bytes of further tensors for a batch, however many images it has. */
  readonly bytesOfBatch?: (shapes: CostInput, attributes: A) => number;
  /** Its result is its operand under another shape, and takes no room of its own. */
  readonly isView?: boolean;
}

export const SAVES_NOTHING: SavedRule = { doc: 'nothing' };
/** For what only passes make, after which a graph is for inference. */
export const NEVER_TRAINED: SavedRule = { doc: 'nothing, since passes for inference make it' };
export const SAVES_INPUT: SavedRule = { doc: 'its input', operands: [0] };
export const SAVES_RESULT: SavedRule = { doc: 'its result', results: true };
/** The gradient of each factor reads the other. */
export const SAVES_FACTORS: SavedRule = {
  doc: 'each factor where a gradient flows to the other',
  operands: (_, [left, right]) => [...(right === true ? [0] : []), ...(left === true ? [1] : [])],
};
export const IS_VIEW: SavedRule = {
  doc: 'nothing; its result is its input under another shape',
  isView: true,
};

/** The first weight after the input is a kernel, which `ws` makes anew in every step. */
export const SAVES_INPUT_AND_KERNEL: SavedRule = {
  doc: 'its input, and the kernel where that is standardised',
  operands: [0, 1],
};

/** Bytes of a mean and a reciprocal deviation. */
export const STATISTICS_BYTES = 8;
/** Bytes of an int64. */
export const INDEX_BYTES = 8;
