/** Times on shared machines. */
import { timesOf, type Times } from '../src/bench/times.js';

/** Milliseconds of `rounds` runs of each function, taken in turns so that noise meets all alike. */
export function interleave(rounds: number, runs: readonly (() => void)[]): Times[] {
  const times = runs.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    runs.forEach((run, i) => {
      const start = performance.now();
      run();
      times[i]?.push(performance.now() - start);
    });
  }
  return times.map(timesOf);
}
