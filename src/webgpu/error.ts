/** What goes wrong with plans and devices, as one kind of error with a code. */

export type PlanErrorCode =
  /** The browser, or Node without package `webgpu`, has no WebGPU. */
  | 'no-webgpu'
  /** WebGPU is there and finds no GPU. */
  | 'no-adapter'
  | 'no-device'
  /** A file of the plan could not be read. */
  | 'missing-file'
  /** A file's size or SHA-256 is not what the plan says. */
  | 'damaged-file'
  /** `plan.json` is no plan. */
  | 'wrong-format'
  /** The plan's format is newer than this code. */
  | 'newer-version'
  /** The plan contradicts itself or lacks something. */
  | 'invalid-plan'
  | 'unknown-size'
  /** A size that the model does not take. */
  | 'wrong-size'
  | 'unknown-profile'
  | 'missing-feature'
  /** The plan needs more than a limit of the device. */
  | 'device-limit'
  /** The device does not accept a shader. */
  | 'shader'
  | 'unknown-input'
  | 'missing-input'
  | 'unknown-output'
  | 'wrong-shape'
  | 'wrong-type'
  | 'out-of-memory'
  | 'device-lost'
  /** WebGPU reported an error that none of the above explains. */
  | 'gpu-error'
  /** The model was used after `destroy()`. */
  | 'destroyed';

export class PlanError extends Error {
  override readonly name = 'PlanError';

  constructor(
    readonly code: PlanErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** `: did you mean …?`, or else what there is. */
export function meant(name: string, candidates: readonly string[]): string {
  const near = candidates
    .map((candidate) => ({ candidate, slips: slips(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.slips - b.slips)[0];
  // Two letters that changed places are two slips.
  const most = name.length < 4 ? 1 : Math.max(2, name.length / 3);
  if (near !== undefined && near.slips <= most) {
    return `: did you mean '${near.candidate}'?`;
  }
  return candidates.length === 0 ? '' : `; there is ${candidates.map((c) => `'${c}'`).join(', ')}`;
}

/** Letters wrong, missing or added (Levenshtein's distance). */
function slips(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const [left = 0, above = 0, before = 0] = [next[j - 1], row[j], row[j - 1]];
      next.push(Math.min(left + 1, above + 1, before + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
