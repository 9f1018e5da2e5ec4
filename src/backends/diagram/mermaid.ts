/** A diagram as a Mermaid flowchart (mermaid.js.org/syntax/flowchart.html). */
import { boxesOf, shapeText, type Diagram, type DiagramBox, type DiagramItem } from './model.js';
import { boxLines, headLines } from './text.js';

/** What Markdown pages show, on GitHub among others. */
export function diagramMermaid(diagram: Diagram): string {
  const [name = '', ...totals] = headLines(diagram);
  const boxes = boxesOf(diagram.items);
  const learned = boxes.filter(({ figures }) => figures.params > 0).map(({ id }) => id);
  const endpoints = boxes.filter(isEndpoint).map(({ id }) => id);
  return [
    '---',
    `title: ${JSON.stringify([name, ...totals].join(': '))}`,
    '---',
    'flowchart TB',
    ...diagram.items.flatMap((item) => itemLines(item, '  ')),
    ...diagram.edges.map(
      ({ from, to, shape, isSkip }) =>
        `  ${from} ${isSkip ? '-.->' : '-->'}|"${escape(shapeText(shape))}"| ${to}`,
    ),
    '  classDef learned fill:#e8f0fa,stroke:#333333',
    '  classDef endpoint fill:#efefef,stroke:#333333',
    ...(learned.length === 0 ? [] : [`  class ${learned.join(',')} learned`]),
    ...(endpoints.length === 0 ? [] : [`  class ${endpoints.join(',')} endpoint`]),
    '',
  ].join('\n');
}

function isEndpoint({ kind }: DiagramBox): boolean {
  return kind === 'input' || kind === 'output';
}

function itemLines(item: DiagramItem, indent: string): string[] {
  if (item.kind === 'group') {
    return [
      `${indent}subgraph ${item.id}["${escape(item.label)}"]`,
      ...item.items.flatMap((inner) => itemLines(inner, `${indent}  `)),
      `${indent}end`,
    ];
  }
  const label = boxLines(item).map(escape).join('<br/>');
  const [open, close] = isEndpoint(item) ? ['(["', '"])'] : ['["', '"]'];
  return [`${indent}${item.id}${open}${label}${close}`];
}

/** Mermaid's own entities, for what has a meaning in its strings or in HTML. */
function escape(text: string): string {
  return text.replace(/[#&<>"`]/g, (character) => `#${character.codePointAt(0) ?? 0};`);
}
