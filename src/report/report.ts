/** A report on models: one page of HTML that needs nothing but itself. */
import { boxesOf, buildDiagram, MAX_SVG_BOXES, writeDiagram } from '../backends/diagram/index.js';
import { formatTensor, labels } from '../tables/stats-format.js';
import { VERSION } from '../version.js';
import { SCRIPT } from './assets.js';
import { conventionsSection, gapsSection } from './conventions.js';
import { costSection, layersSection } from './layers.js';
import { markup, trusted, type Markup } from './markup.js';
import { memorySection } from './memory.js';
import { shown, type ReportModel, type Shown } from './model.js';
import { figure, heading, integer, pageHead, type Section } from './parts.js';
import { rooflineSection } from './roofline.js';
import { sourceSection } from './source.js';
import { summarySection } from './summary.js';
import { sizesSection, trainingSection } from './training.js';

export { gatherModel } from './gather.js';
export type { ReportModel } from './model.js';

interface ReportOptions {
  /** To how many steps of their paths blocks are opened in the pictures; see `buildDiagram`. */
  readonly depth?: number | undefined;
  /** Columns for the conventions in the tables of layers. */
  readonly layerConventions?: boolean;
}

/** The page; at least one model. The same models give the same bytes. */
export async function reportPage(
  models: readonly ReportModel[],
  options: ReportOptions = {},
): Promise<string> {
  const names = labels(models.map(({ figures }) => figures));
  const all = models.map((model, i) => shown(model, names[i] ?? '', `m${i + 1}`));
  const common = [summarySection(all), conventionsSection(all)].flatMap((s) => s ?? []);
  const parts: ModelPart[] = [];
  // One after the other: the layout of pictures takes memory.
  for (const model of all) parts.push(await modelPart(model, options));
  return (await page(names, common, parts)).html;
}

interface ModelPart {
  readonly model: Shown;
  readonly sections: readonly Section[];
}

async function modelPart(model: Shown, options: ReportOptions): Promise<ModelPart> {
  const sections = [
    await pictureSection(model, options.depth),
    costSection(model),
    layersSection(model, options.layerConventions === true),
    memorySection(model),
    trainingSection(model),
    sizesSection(model),
    rooflineSection(model),
    gapsSection(model),
    sourceSection(model),
  ];
  return { model, sections: sections.flatMap((section) => section ?? []) };
}

async function pictureSection(model: Shown, depth: number | undefined): Promise<Section> {
  const id = `${model.id}-picture`;
  const diagram = buildDiagram(model.graph, model.figures, depth);
  const boxes = boxesOf(diagram.items).length;
  const picture =
    boxes > MAX_SVG_BOXES
      ? markup`<p>A picture at depth ${diagram.depth} would have ${integer(boxes)} boxes, which is more than anyone could read.</p>`
      : figure(
          trusted(await writeDiagram(diagram, 'svg')),
          `Architecture of ${model.label}`,
          markup`Point at a box for its exact figures.`,
        );
  return { id, title: 'Architecture', body: markup`${heading(id, 'Architecture')}${picture}` };
}

function modelHead({ label, figures, graph }: Shown): Markup {
  const doc = graph.doc === '' ? undefined : markup`<p class="doc">${graph.doc}</p>`;
  const tensors = (title: string, found: typeof figures.inputs): Markup =>
    markup`<span>${title} <b>${found.map(formatTensor).join(', ')}</b></span>`;
  return markup`<h2>${label}</h2>
${doc}<p class="facts"><span>in <code>${figures.file}</code></span> ${tensors('takes', figures.inputs)} ${tensors('gives', figures.outputs)}</p>
`;
}

async function page(
  names: readonly string[],
  common: readonly Section[],
  parts: readonly ModelPart[],
): Promise<Markup> {
  const title = `${names.join(', ')}: figures by archc`;
  // Nothing is loaded from anywhere, and no script runs but the page's own.
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${await sha256(SCRIPT)}'`;
  const link = ({ id, title: to }: Section): Markup => markup`<li><a href="#${id}">${to}</a></li>`;
  const contents = [
    ...common.map(link),
    ...parts.map(
      ({ model, sections }) =>
        markup`<li><a href="#${model.id}">${model.label}</a><ul>${sections.map(link)}</ul></li>`,
    ),
  ];
  return markup`<!doctype html>
<html lang="en">
${pageHead(title, policy)}
<body>
<a class="skip" href="#main">Skip to the figures</a>
<header>
<p class="kind">archc stats</p>
<h1>${names.join(', ')}</h1>
<nav aria-label="Contents"><ul>${contents}</ul></nav>
</header>
<main id="main">
${common.map(
  ({ id, body }) => markup`<section aria-labelledby="${id}">
${body}</section>
`,
)}${parts.map(
    ({ model, sections }) => markup`<article id="${model.id}" aria-label="${model.label}">
${modelHead(model)}${sections.map(
      ({ id, body }) => markup`<section aria-labelledby="${id}">
${body}</section>
`,
    )}</article>
`,
  )}</main>
<footer><p>Written by archc ${VERSION} from the sources shown. Counts are exact, for one image, at inference.</p></footer>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`;
}

/** In base64, as a Content-Security-Policy names a script. */
async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
