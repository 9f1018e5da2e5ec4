/** Options of commands that take a dataset. */
import type { Command } from 'commander';
import type { Outcome } from '../compiler/diagnostic.js';
import type { Dataset, DatasetOptions } from '../data/dataset.js';
import { MAX_CLASSES } from '../data/labels.js';
import { membranes } from '../data/membranes.js';
import { openDataset } from '../data/open.js';
import { tumours } from '../data/tumours.js';
import type { DataSource } from '../train/recipe.js';
import { optional, readChoice, wrongOption } from './options.js';

export interface DataFlags {
  readonly data?: string;
  readonly foreground?: string;
  readonly classes?: string;
  readonly merge?: boolean;
}

const FOREGROUNDS = ['rarer', 'bright', 'dark'] as const;

export function withData(command: Command): Command {
  return command
    .option('--data <path>', 'a folder of images and masks, stacks, a dataset.json, .npy, …')
    .option(
      '--foreground <which>',
      `of masks with two values, which is class 1: ${FOREGROUNDS.join(', ')} (default: rarer)`,
    )
    .option('--classes <names>', 'names of the classes, background first, by commas')
    .option('--merge', 'make one class of all but the background');
}

export function readDataOptions(flags: DataFlags): Outcome<DatasetOptions> {
  const foreground = optional(flags.foreground, (text) =>
    readChoice('foreground', text, FOREGROUNDS),
  );
  if (!foreground.ok) return foreground;
  const classes = flags.classes?.split(',').map((name) => name.trim());
  if (flags.classes !== undefined && (classes?.length ?? 0) < 2) {
    return wrongOption('classes', flags.classes, '`--classes` takes two names at least', [
      'as in `--classes background,membrane`',
    ]);
  }
  if (classes !== undefined && classes.length > MAX_CLASSES) {
    return wrongOption(
      'classes',
      flags.classes ?? '',
      `\`--classes\` takes ${MAX_CLASSES} names at most, and these are ${classes.length}`,
    );
  }
  return {
    ok: true,
    value: {
      ...(classes === undefined ? {} : { classes }),
      ...(foreground.value === undefined ? {} : { foreground: foreground.value }),
      ...(flags.merge === true ? { merge: true } : {}),
    },
  };
}

/** The dataset of `--data`, else the one that the recipe draws. */
export async function openData(
  path: string | undefined,
  source: DataSource | undefined,
  seed: number,
  options: DatasetOptions,
): Promise<Outcome<Dataset>> {
  if (path !== undefined) return openDataset(path, options);
  if (source?.kind === 'membranes') {
    return { ok: true, value: membranes(source.count, source.size, seed) };
  }
  if (source?.kind === 'tumours') {
    const { patients, slices, size } = source;
    return { ok: true, value: tumours(patients, slices, size, seed) };
  }
  return wrongOption('data', '', 'there is nothing to take images from', [
    'name a dataset: `--data PATH`',
  ]);
}
