/** The size of a training image: the recipe's crop, else that of the data, held against the model. */
import { chooseSizes, type Sized, type SizeRequest } from './check.js';
import { diagnostic, type Diagnostic } from './diagnostic.js';
import type { ElaboratedModel } from './elaborate.js';
import type { Graph } from './ir.js';
import type { Settings } from './recipe-settings.js';
import { equal, equalShapes, formatDim, nearestSize } from './shape.js';
import type { Span } from './source.js';

/** `otherwise` is asked for where neither is known. */
export function trainingSize(
  model: ElaboratedModel,
  { crop, data }: Settings,
  otherwise: SizeRequest | undefined,
): Sized {
  if (crop !== undefined) {
    const [height, width] = crop.value;
    return sizeAt(model, crop.value, crop.span, {
      what: `crops of ${height}×${width}`,
      write: ([h, w]) => `write \`crop = [${h}, ${w}]\``,
    });
  }
  if (data === undefined || data.value.kind === 'given') return chooseSizes(model, otherwise);
  const { size, kind } = data.value;
  return sizeAt(model, [size, size], data.span, {
    what: `images of ${size}×${size}`,
    write: ([h, w]) =>
      h === w ? `write \`${kind}(size = ${h})\`` : `write \`crop = [${h}, ${w}]\``,
  });
}

interface Words {
  readonly what: string;
  readonly write: (size: readonly [number, number]) => string;
}

function sizeAt(
  model: ElaboratedModel,
  image: readonly [number, number],
  span: Span,
  { what, write }: Words,
): Sized {
  const sized = chooseSizes(model, { image, span });
  const problems = sized.diagnostics.filter(
    (d) => d.code === 'fact-broken' || d.code === 'unknown-size-name',
  );
  if (problems.length === 0) return sized;
  const fitting = model.graph === undefined ? undefined : fittingSize(model.graph, image);
  const said = problems.map((d) => d.message).join('; ');
  const mismatch: Diagnostic = diagnostic(
    'crop-mismatch',
    `\`${model.name}\` does not take ${what}: ${said}`,
    {
      span,
      labels: problems.flatMap((d) => d.labels),
      hints: fitting === undefined ? problems.flatMap((d) => d.hints) : [write(fitting)],
    },
  );
  const others = sized.diagnostics.filter((d) => !problems.includes(d));
  return { ...sized, diagnostics: [mismatch, ...others] };
}

/** The nearest size that the axes take, each by itself; undefined where an axis is no plain symbol. */
export function fittingSize(
  graph: Graph,
  image: readonly [number, number],
): readonly [number, number] | undefined {
  const shape = graph.inputs[0]?.type.shape ?? [];
  const [height, width] = image.map((size, i) => {
    const dim = shape.at(i - 3);
    if (typeof dim === 'number') return dim;
    const symbol = graph.symbols.find(
      (s) => dim !== undefined && formatDim(dim) === s.symbol.name,
    )?.symbol;
    return symbol && nearestSize(symbol, size);
  });
  if (height === undefined || width === undefined) return undefined;
  const [down, across] = [shape.at(-3), shape.at(-2)];
  const isSquare = down !== undefined && across !== undefined && equal(down, across);
  return isSquare ? [Math.min(height, width), Math.min(height, width)] : [height, width];
}

/** Whether what the model makes of tiles can be joined: one image in, and outputs as high and wide. */
export function canTile({ inputs, outputs }: Graph): boolean {
  const [image, ...others] = inputs;
  const size = image?.type.shape.slice(0, 2) ?? [];
  return (
    others.length === 0 &&
    [image, ...outputs.map(({ value }) => value)].every(
      (value) => value?.type.shape.length === 3 && equalShapes(value.type.shape.slice(0, 2), size),
    )
  );
}
