/** Pictures of a model: what they show, and the formats that they are written in. */
import { diagramDot } from './dot.js';
import { diagramMermaid } from './mermaid.js';
import type { Diagram } from './model.js';
import { diagramSvg } from './svg.js';

export { boxesOf, buildDiagram, type Diagram } from './model.js';

export type DiagramFormat = 'svg' | 'dot' | 'mmd';

/** The most boxes of an SVG picture: nobody could read more, and to lay them out takes seconds. */
export const MAX_SVG_BOXES = 1000;

/** The text of a file in a format. */
export async function writeDiagram(diagram: Diagram, format: DiagramFormat): Promise<string> {
  switch (format) {
    case 'svg':
      return diagramSvg(diagram);
    case 'dot':
      return diagramDot(diagram);
    case 'mmd':
      return diagramMermaid(diagram);
  }
}
