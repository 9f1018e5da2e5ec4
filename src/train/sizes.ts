/** A model at the sizes of images, and what to do with such as it does not take. */
import type { OpenModel } from '../compile.js';
import { chooseSizes } from '../compiler/check.js';
import { diagnostic, hasErrors, type Outcome } from '../compiler/diagnostic.js';
import type { Graph } from '../compiler/ir.js';
import { canTile, fittingSize } from '../compiler/recipe-size.js';
import type { Size } from './predict.js';

/** `image-size` where a fact of the model says no, with the nearest size that fits. */
export function graphAt(model: OpenModel, size: Size): Outcome<Graph> {
  const sized = chooseSizes(model, { image: size });
  if (sized.graph !== undefined && !hasErrors(sized.diagnostics)) {
    return { ok: true, value: sized.graph };
  }
  const fitting = fittingSize(model.graph, size);
  const [height, width] = size;
  const said = sized.diagnostics.map(({ message }) => message).join('; ');
  const hints =
    fitting === undefined
      ? []
      : [
          `crop or pad the images to ${fitting.join(' × ')}`,
          ...(canTile(model.graph)
            ? [`or run them in tiles: \`--tile ${Math.min(...fitting)}\``]
            : []),
        ];
  const message = `\`${model.name}\` does not take images of ${height} × ${width}: ${said}`;
  const labels = sized.diagnostics.flatMap((each) => each.labels);
  return { ok: false, diagnostics: [diagnostic('image-size', message, { hints, labels })] };
}
