/** An estimate of how long a model takes on a device. */
import { barChart } from '../charts/bar-chart.js';
import { BINARY_UNITS, formatNumber, inUnit, unitFor } from '../tables/table.js';
import type { Roofline } from '../compiler/roofline.js';
import { largest } from './layers.js';
import { figure, heading, integer, plainTable, share, type Section } from './parts.js';
import { markup, trusted, type Markup } from './markup.js';
import { placeNamed, type Shown } from './model.js';

const MICRO = 1e6;

export function rooflineSection(model: Shown): Section | undefined {
  const { roofline } = model.figures;
  if (roofline === undefined) return undefined;
  const id = `${model.id}-roofline`;
  const { device, seconds, memorySeconds, layers } = roofline;
  const chart = barChart({
    title: `Time by layer on ${device.name}`,
    unit: 'µs',
    rows: largest(layers, (layer) => layer.seconds * MICRO),
  });
  const rows = layers.map((layer) => [
    markup`<code>${layer.path}</code>`,
    layer.bound,
    integer(layer.flops),
    integer(layer.bytes),
    formatNumber(layer.seconds * MICRO, 1),
    share(layer.seconds, seconds),
    placeNamed(model, layer.source),
  ]);
  return {
    id,
    title: 'Time on a device',
    body: markup`${heading(id, `Time on ${device.name}`)}<p>An estimated <strong>${formatNumber(seconds * 1e3, 2)} ms</strong> an image, ${share(memorySeconds, seconds)} of it in layers that are bound by memory. ${fit(roofline)}</p>
${figure(trusted(chart), `Time of ${model.label} by layer on ${device.name}`)}<details class="gap"><summary>Every layer</summary>
${plainTable(
  `Time of the layers of ${model.label}`,
  [
    { title: 'Layer' },
    { title: 'Bound by' },
    { title: 'FLOPs', isNumber: true },
    { title: 'Bytes', isNumber: true },
    { title: 'µs', isNumber: true },
    { title: 'Share', isNumber: true },
    { title: 'Source' },
  ],
  rows,
)}</details>
<p class="note">An estimate by the roofline model (Williams, Waterman &amp; Patterson 2009): a layer takes the longer of computing ${integer(device.peakFlops)} FLOP/s and moving ${integer(device.memoryBandwidth)} bytes/s, float32, one layer after another, none fused.${device.source === undefined ? '' : ` Figures of the device: ${device.source}.`}</p>
`,
  };
}

function fit({ device, neededBytes, neededBytesAtBest, fits, fitsAtBest }: Roofline): Markup {
  const unit = unitFor([device.memoryBytes, neededBytes], BINARY_UNITS);
  const bytes = (count: number): string => `${inUnit(count, unit)} ${unit.name}`;
  const needs = `Weights and activations need ${bytes(neededBytes)} of ${bytes(device.memoryBytes)}`;
  if (fits) return markup`${needs}: it fits.`;
  if (fitsAtBest)
    return markup`${needs}; in the best order of operators ${bytes(neededBytesAtBest)}, which fit.`;
  return markup`${needs}: it does not fit.`;
}
