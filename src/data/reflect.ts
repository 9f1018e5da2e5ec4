/** Reflection at the border, the edge itself not repeated: `d c b | a b c d | c b a`. */

/** Where in [0, size) the integer `index` falls; a size of 1 has but one place. */
export function reflected(index: number, size: number): number {
  if (index >= 0 && index < size) return index;
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const within = ((index % period) + period) % period;
  return within < size ? within : period - within;
}
