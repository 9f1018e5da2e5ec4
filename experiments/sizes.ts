/** Small and large tumours apart: what the experiments on drawn and on real ones share. */
import {
  evaluateOne,
  type EvalOutput,
  type JsonScores,
  type Options,
  type Trained,
} from './experiment.js';
import { isAsGood, isBetter, meanOf, score, table, type Claim } from './page.js';

export interface Judged {
  readonly trained: Trained;
  readonly command: string;
  readonly small: JsonScores;
  readonly large: JsonScores;
  readonly images: EvalOutput['images'];
}

/** Scores of what was held out, with `large` tumour pixels as the border between the sizes. */
export async function judge(
  trained: readonly Trained[],
  large: number,
  options: Options,
): Promise<readonly Judged[]> {
  const judged: Judged[] = [];
  for (const each of trained) {
    const { command, output } = await evaluateOne(each, ['--large', String(large)], options);
    if (output.small === undefined || output.large === undefined) {
      throw new Error('archc eval tells no sizes apart');
    }
    const { images } = output;
    judged.push({ trained: each, command, small: output.small, large: output.large, images });
  }
  return judged;
}

/** The mean over the kinds of tissue; 0 for one that is undefined: there is nothing of it. */
export function meanDice({ dice }: JsonScores): number {
  return meanOf(dice.slice(1).map((each) => each ?? 0));
}

/** Dice of each kind of tissue in slices of small and of large tumours. */
export function sizeTable(judged: readonly Judged[]): string {
  const classes = judged[0]?.trained.classes.slice(1) ?? [];
  /** Of one class there is no mean. */
  const mean = (cells: readonly string[]): readonly string[] => (classes.length > 1 ? cells : []);
  return table(
    [
      'network',
      'tumours',
      'slices',
      ...classes.map((name) => `Dice of ${name}`),
      ...mean(['mean']),
    ],
    judged.flatMap(({ trained: { label }, images, ...own }) =>
      (['small', 'large'] as const).map((size) => [
        label,
        size,
        String(images[size]),
        ...classes.map((_, i) => score(own[size].dice[i + 1])),
        ...mean([score(meanDice(own[size]))]),
      ]),
    ),
  );
}

/** What the paper says of SD-UNet on small and large tumours, of each network but the last. */
export function sizeClaims(judged: readonly Judged[]): readonly Claim[] {
  const unet = judged.at(-1);
  if (unet === undefined) return [];
  return judged.slice(0, -1).flatMap((each) => {
    const { label } = each.trained;
    const said = (size: 'small' | 'large'): string =>
      `mean Dice ${score(meanDice(each[size]))}, U-Net’s ${score(meanDice(unet[size]))}`;
    return [
      {
        claim: `${label} is as good as U-Net on large tumours`,
        here: said('large'),
        verdict: isAsGood(meanDice(each.large), meanDice(unet.large)),
      },
      {
        claim: `${label} is better than U-Net on small tumours`,
        here: said('small'),
        verdict: isBetter(meanDice(each.small), meanDice(unet.small)),
      },
    ];
  });
}
