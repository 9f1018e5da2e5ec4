/** Figures and facts in words, as several commands print them. */
import type { WeightOrigin } from '../compile.js';

/** `15.8 MB`: powers of 1000, as disks and downloads are measured. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB'];
  const power = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toPrecision(3)} ${units[power] ?? ''}`;
}

/** `2 models` */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `(untrained, seed 0)` */
export function describeWeights(weights: WeightOrigin): string {
  return 'file' in weights ? `from ${weights.file}` : `(untrained, seed ${weights.seed})`;
}
