/** Inputs for a model of which only the numbers that come out matter, or how long they take. */
import { inputName, type Graph, type Tensor } from '../compiler/ir.js';
import { elementCount } from '../compiler/ops/tensor.js';
import { uniformStream } from '../weights/random.js';

/** Images for each input of a graph at its sizes, uniform between 0 and 1. */
export function noiseFor(graph: Graph, images = 1, seed = 0): ReadonlyMap<string, Tensor> {
  return new Map(
    graph.inputs.map((value) => {
      const shape = [images, ...value.type.shape.map(Number)];
      const uniform = uniformStream(seed, inputName(value));
      const data = Float32Array.from({ length: elementCount(shape) }, () => uniform());
      return [inputName(value), { shape, data }];
    }),
  );
}
