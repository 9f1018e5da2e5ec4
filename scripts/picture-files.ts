/** The pictures in docs/, drawn from the models. */
import { readFileSync } from 'node:fs';
import { buildDiagram, writeDiagram } from '../src/backends/diagram/index.js';
import { openModel, sizedGraph } from '../src/compile.js';
import { stats } from '../src/compiler/stats.js';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

/** Each picture by its path from the root of the project. */
export async function pictureFiles(): Promise<ReadonlyMap<string, string>> {
  const source = { path: 'models/sdunet.arch', text: read('models/sdunet.arch') };
  const opened = openModel(source, { read: (path) => ({ ok: true, text: read(path) }) });
  const graph = opened.value && sizedGraph(opened.value);
  const figures = graph?.ok === true ? stats(graph.value) : undefined;
  if (graph?.ok !== true || figures?.ok !== true) throw new Error(`${source.path} is not valid`);
  const diagram = buildDiagram(graph.value, figures.value);
  return new Map([['docs/sdunet.svg', await writeDiagram(diagram, 'svg')]]);
}
