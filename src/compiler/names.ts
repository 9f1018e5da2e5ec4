/** Names that were meant. */
import { distance } from 'fastest-levenshtein';

/** The candidate that a misspelt name most likely meant, if one is near enough. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // A third of the letters may be wrong, and at least one.
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  const lower = name.toLowerCase();
  for (const candidate of candidates) {
    if (candidate === name) continue;
    const d = slips(lower, candidate.toLowerCase());
    // Where every letter is wrong, nothing was meant: `3` is no slip of `0`.
    const isOther = d >= Math.max(name.length, candidate.length);
    if (d < bestDistance && !isOther) [best, bestDistance] = [candidate, d];
  }
  return best;
}

/** Letters wrong, missing or added; two that changed places are one slip. */
function slips(a: string, b: string): number {
  const letters = (s: string): string => Array.from(s).sort().join('');
  const d = distance(a, b);
  return d === 2 && letters(a) === letters(b) ? 1 : d;
}

/** `did you mean …?` as a list of hints, empty where nothing is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string[] {
  const near = nearest(name, candidates);
  return near === undefined ? [] : [`did you mean \`${near}\`?`];
}
