/** Whether the tensors of a file are those of a model. */
import { distance } from 'fastest-levenshtein';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor, Weight, WeightValues } from '../compiler/ir.js';
import { equalShapes, formatShape } from '../compiler/shape.js';
import { quote } from '../data/elements.js';

/** Above this many pairs of names, no near names are looked for: it takes too long. */
const MAX_COMPARISONS = 250_000;

/**
 * The values of `weights` out of `tensors`, or every difference: weights that the file lacks, then
 * tensors of another shape, then tensors that the model does not know, each one `weights-mismatch`.
 */
export function matchWeights(
  weights: readonly Weight[],
  tensors: ReadonlyMap<string, Tensor>,
): Outcome<WeightValues> {
  const names = new Set(weights.map((w) => w.name));
  const unexpected = [...tensors.keys()].filter((name) => !names.has(name));
  const missing = weights.filter((w) => !tensors.has(w.name));
  const near = nearestNames(missing, unexpected, tensors);

  const differences: Diagnostic[] = missing.map(({ name, shape }) => {
    const candidate = near.get(name);
    return diagnostic('weights-mismatch', `the file lacks ${name} ${formatShape(shape)}`, {
      hints: candidate === undefined ? [] : [`rename ${quote(candidate)} of the file`],
    });
  });
  const values = new Map<string, Tensor>();
  for (const weight of weights) {
    const tensor = tensors.get(weight.name);
    if (tensor === undefined) continue;
    if (equalShapes(weight.shape, tensor.shape)) {
      values.set(weight.name, { shape: weight.shape, data: tensor.data });
    } else {
      differences.push(wrongShape(weight, tensor.shape));
    }
  }
  for (const name of unexpected) {
    const shape = formatShape(tensors.get(name)?.shape ?? []);
    differences.push(
      diagnostic(
        'weights-mismatch',
        `the model has no weight ${quote(name)}, which the file gives ${shape}`,
      ),
    );
  }
  return differences.length === 0
    ? { ok: true, value: values }
    : { ok: false, diagnostics: differences };
}

function wrongShape(weight: Weight, found: readonly number[]): Diagnostic {
  const [h, w, into, out] = weight.shape;
  const isPyTorch =
    weight.shape.length === 4 &&
    equalShapes(
      [out, into, h, w].map((d) => d ?? 0),
      found,
    );
  return diagnostic(
    'weights-mismatch',
    `${weight.name} is ${formatShape(weight.shape)} in the model and ${formatShape(found)} in the file`,
    {
      hints: isPyTorch
        ? [
            "the file has PyTorch's [out, in, height, width]; transpose it to [height, width, in, out]",
          ]
        : [],
    },
  );
}

/**
 * For each missing weight, the unexpected tensor that it probably is: of the same shape, with the
 * nearest name, at most a third of the name away. No tensor is offered twice.
 */
function nearestNames(
  missing: readonly Weight[],
  unexpected: readonly string[],
  tensors: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, string> {
  if (missing.length * unexpected.length > MAX_COMPARISONS) return new Map();
  const pairs = missing.flatMap((weight) =>
    unexpected
      .filter((name) => equalShapes(weight.shape, tensors.get(name)?.shape ?? []))
      .map((name) => ({ weight: weight.name, name, distance: distance(weight.name, name) }))
      .filter((pair) => pair.distance <= weight.name.length / 3),
  );
  pairs.sort((a, b) => a.distance - b.distance);
  const nearest = new Map<string, string>();
  const taken = new Set<string>();
  for (const { weight, name } of pairs) {
    if (nearest.has(weight) || taken.has(name)) continue;
    nearest.set(weight, name);
    taken.add(name);
  }
  return nearest;
}
