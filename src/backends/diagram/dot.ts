/** A diagram as text for Graphviz (graphviz.org/doc/info/lang.html). */
import { shapeText, type Diagram, type DiagramBox, type DiagramItem } from './model.js';
import { boxLines, headLines } from './text.js';

/** What `dot -Tsvg` or any other of its formats draws. */
export function diagramDot(diagram: Diagram): string {
  const title = [...headLines(diagram), 'filled: has parameters; dashed: skip connection'];
  return [
    `digraph ${quote(diagram.name)} {`,
    `  graph [label=${quote(title.join('\n'))}, labelloc=t, fontname=Helvetica, fontsize=14]`,
    '  node [shape=box, fontname=Helvetica, fontsize=11]',
    '  edge [fontname=Helvetica, fontsize=10]',
    ...diagram.items.flatMap((item) => itemLines(item, '  ')),
    ...diagram.edges.map(({ from, to, shape, isSkip }) => {
      const style = isSkip ? ', style=dashed, color="#b3411e", fontcolor="#b3411e"' : '';
      return `  ${from} -> ${to} [label=${quote(shapeText(shape))}${style}]`;
    }),
    '}',
    '',
  ].join('\n');
}

function itemLines(item: DiagramItem, indent: string): string[] {
  if (item.kind !== 'group') return [`${indent}${item.id} [${attributesOf(item)}]`];
  return [
    `${indent}subgraph cluster_${item.id} {`,
    `${indent}  label=${quote(item.label)}`,
    `${indent}  style=dashed`,
    ...item.items.flatMap((inner) => itemLines(inner, `${indent}  `)),
    `${indent}}`,
  ];
}

function attributesOf(box: DiagramBox): string {
  const isEndpoint = box.kind === 'input' || box.kind === 'output';
  const label = `label=${quote(boxLines(box).join('\n'))}, tooltip=${quote(box.path)}`;
  if (isEndpoint) return `${label}, style="rounded,filled", fillcolor="#efefef"`;
  return box.figures.params > 0 ? `${label}, style=filled, fillcolor="#e8f0fa"` : label;
}

/** A string, in which Graphviz reads `\n` as the end of a centred line. */
function quote(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  return `"${escaped}"`;
}
