/** What a diagram says in words, wherever it is drawn. */
import { shortNumber } from '../../charts/svg.js';
import { groupDigits } from '../../compiler/constant.js';
import type { Figures } from '../../compiler/stats.js';
import type { Diagram, DiagramBox } from './model.js';

/** `3,935,041 parameters · 8,384,544,768 MACs · 17,064,984,576 FLOPs for one image` */
export function totals({ params, buffers, macs, flops }: Figures): string {
  return [
    `${groupDigits(params)} parameters`,
    ...(buffers > 0 ? [`${groupDigits(buffers)} running statistics`] : []),
    `${groupDigits(macs)} MACs`,
    `${groupDigits(flops)} FLOPs for one image`,
  ].join(' · ');
}

/** The name of the model and its figures. */
export function headLines({ name, figures }: Diagram): string[] {
  return [name, totals(figures)];
}

/** A box's parameters and MACs, in short; undefined where it has neither. */
export function figureTexts({
  figures: { params, macs },
}: DiagramBox): readonly [params: string, macs: string] | undefined {
  return params > 0 || macs > 0
    ? [`${shortNumber(params)} params`, `${shortNumber(macs)} MACs`]
    : undefined;
}

/** The lines of a box, for pictures without bars. */
export function boxLines(box: DiagramBox): string[] {
  const figures = figureTexts(box);
  return [
    box.label,
    ...(box.detail === '' ? [] : [box.detail]),
    ...(figures === undefined ? [] : [figures.join(', ')]),
  ];
}
