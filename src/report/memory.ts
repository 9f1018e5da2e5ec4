/** The memory of a model's activations: over time, and at its peak. */
import { stepChart, type StepSeries } from '../charts/step-chart.js';
import { formatSizes } from '../tables/stats-format.js';
import { BINARY_UNITS, inUnit, unitFor, type Unit } from '../tables/table.js';
import type { ActivationMoment, ActivationPeak } from '../compiler/memory.js';
import { figure, heading, plainTable, share, type Section } from './parts.js';
import { markup, trusted, type Markup } from './markup.js';
import { placeNamed, type Shown } from './model.js';

/** Over time in the order of the source, and in the best order where that needs less. */
export function memorySection(model: Shown): Section {
  const id = `${model.id}-memory`;
  const { peak, activationTimeline, memory } = model.figures;
  const { best } = memory;
  const unit = unitFor([peak.bytes], BINARY_UNITS);
  const series = (label: string, timeline: readonly ActivationMoment[]): StepSeries => ({
    label,
    steps: timeline.map(({ path, during }) => ({ label: path, value: during / unit.bytes })),
  });
  const isBetter = best.peak.bytes < peak.bytes;
  const chart = stepChart({
    title: 'Activations alive, operator by operator',
    x: 'operators, in order',
    y: unit.name,
    series: [
      series('in the order of the source', activationTimeline),
      ...(isBetter ? [series('in the best order', best.timeline)] : []),
    ],
  });
  const lower = best.isOptimal
    ? 'No order needs less'
    : `Every order needs at least ${inUnit(best.lowerBound, unit)} ${unit.name}`;
  const order = isBetter
    ? markup`<p>In the best order of operators that is found it is <strong>${inUnit(best.peak.bytes, unit)} ${unit.name}</strong>, ${share(peak.bytes - best.peak.bytes, peak.bytes)} less, ${whileRuns(model, best.peak)}. ${lower}.</p>
<details class="gap"><summary>What is alive at the peak of the best order</summary>
${aliveTable(model, best.peak, unit, 'best order')}</details>
`
    : markup`<p>${best.isOptimal ? 'No order of the operators needs less.' : `No better order of the operators is found. ${lower}.`}</p>
`;
  return {
    id,
    title: 'Memory over time',
    body: markup`${heading(id, 'Memory over time')}${figure(trusted(chart), `Memory of ${model.label} over time`)}
<p>The most at once is <strong>${inUnit(peak.bytes, unit)} ${unit.name}</strong>, ${whileRuns(model, peak)}. Alive then:</p>
${aliveTable(model, peak, unit, 'order of the source')}${order}<p class="note">One image, float32, each value from the operator that makes it to its last reader; nothing is computed in place. Weights are not part of it.</p>`,
  };
}

function whileRuns(model: Shown, { layer }: ActivationPeak): Markup {
  if (layer === undefined) return markup`before anything has run`;
  return markup`while <code>${layer.path}</code> runs (${placeNamed(model, layer.source)})`;
}

function aliveTable(model: Shown, peak: ActivationPeak, unit: Unit, order: string): Markup {
  const rows = peak.values.map(({ name, shape, bytes, source }) => [
    markup`<code>${name}</code>`,
    formatSizes(shape),
    inUnit(bytes, unit),
    share(bytes, peak.bytes),
    placeNamed(model, source),
  ]);
  return plainTable(
    `What is alive at the peak of ${model.label} in the ${order}`,
    [
      { title: 'Tensor made by' },
      { title: 'Shape', isNumber: true },
      { title: unit.name, isNumber: true },
      { title: 'Share', isNumber: true },
      { title: 'Source' },
    ],
    [...rows, [markup`<b>Together</b>`, '', inUnit(peak.bytes, unit), '100%', '']],
  );
}
