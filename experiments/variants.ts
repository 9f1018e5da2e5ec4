/** Trainings on drawn membranes that more than one experiment looks at. */
import type { Options, Training } from './experiment.js';

/** SD-UNet with neither, with each, and with both. */
export const ABLATION: readonly Training[] = [
  variant('plain', ['ws=false', 'groups=0']),
  variant('WS', ['ws=true', 'groups=0']),
  variant('GN', ['ws=false']),
  variant('WS + GN', []),
];

/** By ascending size; those of the ablation are the same trainings. */
export const SWEEP: readonly Training[] = [
  ...[4, 8, 16].flatMap((width) => [
    ofWidth('SD-UNet', 'membranes', width),
    ofWidth('SD-UNet without WS', 'membranes', width, ['ws=false']),
  ]),
  ...[4, 8].map((width) => ofWidth('U-Net', 'membranes_unet', width)),
];

function ofWidth(
  family: string,
  recipe: string,
  width: number,
  others: readonly string[] = [],
): Training {
  const label = `${family}, width ${width}`;
  const same = ABLATION.find(({ set = [] }) => set.join() === others.join());
  if (width === 8 && recipe === 'membranes' && same !== undefined) return { ...same, label };
  return { label, name: fileName(label), recipe, set: [...others, `width=${width}`] };
}

function fileName(label: string): string {
  return `membranes_${label.toLowerCase().replace(/\W+/g, '_')}`;
}

function variant(label: string, set: readonly string[]): Training {
  return { label, name: fileName(label), recipe: 'membranes', set };
}

/** Ten small images where it has to be quick. */
export function drawnArguments(
  trainings: readonly Training[],
  { quick }: Options,
): readonly Training[] {
  const few = quick ? ['count=10', 'size=64'] : [];
  return trainings.map((each) => ({ ...each, set: [...(each.set ?? []), ...few] }));
}
