/** Pages of results: what was run, on what and when, the figures, and what they say of the paper. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNow, machineLine, today } from '../scripts/machine.js';
import { formatScore, formatTime } from '../src/train/words.js';
import { RECIPES, ROOT, type JsonScores, type Options, type Trained } from './experiment.js';

export interface ResultPage {
  /** Of the files: `isbi`. */
  readonly name: string;
  readonly title: string;
  /** What is asked, and how small the experiment is. */
  readonly about: string;
  readonly trained: readonly Trained[];
  /** Commands besides those of the trainings. */
  readonly commands?: readonly string[];
  /** Tables and pictures. */
  readonly sections: readonly string[];
  readonly against: readonly Claim[];
  /** What limits all of that. */
  readonly limits: string;
}

/** A claim of the paper, and what came out here. */
export interface Claim {
  readonly claim: string;
  readonly here: string;
  readonly verdict: Verdict;
}

export type Verdict = 'agrees' | 'does not agree' | 'cannot be told';

/** Figures that differ by less say nothing, with one seed. */
const MARGIN = 0.02;
/** A network that scores less has not learnt enough to be compared. */
const LEARNT = 0.5;

export function isEnough(value: number): boolean {
  return value >= LEARNT;
}

/** Whether `a` is less than `b`, by more than one seed may make of nothing. */
export function isLower(a: number, b: number): Verdict {
  // Of two that are infinite the difference is none.
  if (!(Math.abs(a - b) >= MARGIN)) return 'cannot be told';
  return a < b ? 'agrees' : 'does not agree';
}

/** Whether a score is better than another, likewise. */
export function isBetter(a: number, b: number): Verdict {
  return !isEnough(Math.min(a, b)) ? 'cannot be told' : isLower(b, a);
}

/** Whether a score is the same as another or better. */
export function isAsGood(a: number, b: number): Verdict {
  if (!isEnough(Math.min(a, b))) return 'cannot be told';
  return a > b - MARGIN ? 'agrees' : 'does not agree';
}

/** Writes `NAME.md`, and the pictures beside it. */
export function writePage(
  page: ResultPage,
  pictures: Readonly<Record<string, string | Uint8Array>>,
  { output, quick }: Options,
): void {
  for (const [file, content] of Object.entries(pictures)) {
    writeFileSync(join(output, file), content);
  }
  const path = join(output, `${page.name}.md`);
  writeFileSync(path, pageText(page, quick));
  console.log(path);
}

function pageText(page: ResultPage, quick: boolean): string {
  const { name, title, about, trained, commands = [], sections, against, limits } = page;
  const recipes = [...new Set(trained.map(({ recipe }) => recipe))];
  const engines = [...new Set(trained.map(({ engine }) => engine))];
  const hasData = trained.some(({ command }) => command.includes(' PATH '));
  const script = `node scripts/run.mjs experiments/${name}.ts${hasData ? ' --data PATH' : ''}`;
  const seconds = trained.reduce((sum, each) => sum + each.seconds, 0);
  const parts = [
    `# ${title}`,
    ...(quick ? ['**A trial of the script (`--quick`): these figures mean nothing.**'] : []),
    about,
    `Written by \`${script}\` on ${today()}; ${machineLine()}, with a load of ${loadNow().toFixed(1)}, much of it other work; ${engines.join(', ')}. The trainings took ${formatTime(seconds)} together.`,
    ...sections,
    '## Against the paper',
    table(
      ['claim', 'here', 'verdict'],
      against.map(({ claim, here, verdict }) => [claim, here, `**${verdict}**`]),
    ),
    `Differences below ${MARGIN} are held for nothing, and scores below ${LEARNT} for those of networks that have not learnt yet. ${limits}`,
    '## What was run',
    fence('', [...trained.map(({ command }) => command), ...commands].join('\n')),
    `The recipes, from [${RECIPES}](../recipes.arch); a recipe whose name ends in \`_unet\` is the same for U-Net:`,
    ...recipes.filter((each) => !each.endsWith('_unet')).map((each) => fence('', recipeText(each))),
  ];
  return `${parts.join('\n\n')}\n`;
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

/** A recipe as it is written. */
function recipeText(recipe: string): string {
  const text = readFileSync(join(ROOT, RECIPES), 'utf8');
  const found = new RegExp(`^train ${recipe}\\b[\\s\\S]*?^}`, 'm').exec(text);
  if (found === null) throw new Error(`${RECIPES} has no recipe ${recipe}`);
  return found[0];
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Accuracy, mean IoU and Dice of all classes but the background. */
export function scoreTable(trained: readonly Trained[]): string {
  const classes = trained[0]?.classes.slice(1) ?? [];
  return table(
    ['network', 'accuracy', 'mean IoU', ...classes.map((name) => `Dice of ${name}`), 'training'],
    trained.map(({ label, scores, seconds, steps }) => [
      label,
      score(scores.accuracy),
      score(scores.meanIou),
      ...classes.map((_, i) => score(scores.dice[i + 1])),
      `${steps.length} steps, ${formatTime(seconds)}`,
    ]),
  );
}

export function score(value: number | null | undefined): string {
  return formatScore(value ?? undefined);
}

/** Dice of a class; 0 where it is undefined: there is nothing of it. */
export function diceOf({ dice }: JsonScores, index: number): number {
  return dice[index] ?? 0;
}

export function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}
