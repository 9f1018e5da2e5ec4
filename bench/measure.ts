/** Times on shared machines: the minimum is what the work costs, the rest is what others did. */
export interface Times {
  readonly min: number;
  readonly median: number;
}

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
  return times.map(summarise);
}

/** The same for functions that take their time elsewhere, one after another. */
export async function interleaveAsync(
  rounds: number,
  runs: readonly (() => Promise<void>)[],
): Promise<Times[]> {
  const times = runs.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, run] of runs.entries()) {
      const start = performance.now();
      await run();
      times[i]?.push(performance.now() - start);
    }
  }
  return times.map(summarise);
}

function summarise(list: readonly number[]): Times {
  const sorted = [...list].sort((a, b) => a - b);
  return { min: sorted[0] ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}
