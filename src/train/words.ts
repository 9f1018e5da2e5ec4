/** Scores and times in words. */

/** `0.912`; `undefined` of what is not defined. */
export function formatScore(value: number | undefined): string {
  return value === undefined ? 'undefined' : value.toFixed(3);
}

/** `45 s`, `3 min 20 s`, `1 h 5 min`. */
export function formatTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
