/** Sizes and costs of trained networks, as archc counts them. */
import { groupDigits } from '../src/compiler/constant.js';
import { stats, type ModelStats } from '../src/compiler/stats.js';
import { graphAt } from '../src/train/sizes.js';
import type { Training } from './experiment.js';
import { table } from './page.js';
import { need, recipeOf } from './pictures.js';

/** Height and width of the image that costs are counted for. */
const SIZE = 256;

export function countsOf(training: Training): ModelStats {
  return need(stats(need(graphAt(recipeOf(training).model, [SIZE, SIZE]))));
}

/** Parameters and multiply-accumulates of each network, and how many times fewer than the last's. */
export function countedModels(trainings: readonly Training[]): string {
  const counted = trainings.map((each) => ({ label: each.label, counts: countsOf(each) }));
  const last = counted.at(-1)?.counts;
  const share = (all: number | undefined, own: number): string =>
    `${((all ?? 0) / own).toFixed(1)}×`;
  return table(
    ['network', 'parameters', 'fewer', `multiply-accumulates at ${SIZE} × ${SIZE}`, 'fewer'],
    counted.map(({ label, counts: { params, macs } }) => [
      label,
      groupDigits(params),
      share(last?.params, params),
      groupDigits(macs),
      share(last?.macs, macs),
    ]),
  );
}
