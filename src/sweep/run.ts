/** Counts many variants, in this thread or in several. The results do not depend on how many. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import {
  countPortion,
  variantCounter,
  type Counted,
  type Portion,
  type SweepJob,
  type VariantResult,
} from './count.js';

interface SweepRunOptions {
  /** Threads at the most; one is this thread. */
  readonly jobs: number;
  /** The script of `worker.ts`, for more than one thread. */
  readonly workerFile: string | URL;
  readonly onProgress?: (done: number) => void;
}

/** Variants that a worker counts at a time. */
const PORTION = 64;
/** Below this, starting workers takes longer than counting. */
const LEAST_FOR_WORKERS = 4 * PORTION;

/**
 * The results of the variants at these places, in their order. Where `--where` cannot be evaluated
 * they end with the first variant that it refuses.
 */
export async function countVariants(
  job: SweepJob,
  places: readonly number[],
  options: SweepRunOptions,
): Promise<readonly VariantResult[]> {
  const portions: Portion[] = [];
  for (let start = 0; start < places.length; start += PORTION) {
    portions.push({ index: portions.length, places: places.slice(start, start + PORTION) });
  }
  const done: (readonly VariantResult[])[] = [];
  let count = 0;
  const keep = ({ index, results }: Counted): void => {
    done[index] = results;
    count += results.length;
    options.onProgress?.(count);
  };
  const isOver = (): boolean => done.at(-1)?.at(-1)?.kind === 'refused';
  if (options.jobs === 1 || places.length < LEAST_FOR_WORKERS) {
    const counter = variantCounter(job);
    for (const portion of portions) {
      keep(countPortion(counter, portion));
      if (isOver()) break;
    }
  } else {
    let refused = false;
    let next = 0;
    const take = (): Portion | undefined => (refused ? undefined : portions[next++]);
    const workers = Math.min(options.jobs, portions.length);
    await Promise.all(
      Array.from({ length: workers }, () =>
        employ(job, options.workerFile, take, (counted) => {
          keep(counted);
          refused ||= counted.results.at(-1)?.kind === 'refused';
        }),
      ),
    );
  }
  return untilRefused(done.flat());
}

/** Portions are taken in order, so that all before one that was refused have been counted. */
function untilRefused(results: readonly VariantResult[]): readonly VariantResult[] {
  const first = results.findIndex((result) => result.kind === 'refused');
  return first === -1 ? results : results.slice(0, first + 1);
}

/** Gives a worker one portion after the other until there is none. */
async function employ(
  job: SweepJob,
  file: string | URL,
  take: () => Portion | undefined,
  keep: (counted: Counted) => void,
): Promise<void> {
  const worker = new Worker(file, { workerData: job });
  try {
    for (let portion = take(); portion !== undefined; portion = take()) {
      worker.postMessage(portion);
      // An error in the worker rejects this.
      const [counted] = (await once(worker, 'message')) as [Counted];
      keep(counted);
    }
  } finally {
    await worker.terminate();
  }
}
