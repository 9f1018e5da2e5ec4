/** Whole images through a model: at the size of each image, or in overlapping tiles. */
import type { Outcome } from '../compiler/diagnostic.js';
import type { Graph, Tensor, WeightValues } from '../compiler/ir.js';
import { joinChannels, partChannels } from '../data/channels.js';
import { predictTiled, tilingOf } from '../data/tiles.js';
import { evaluationGraph } from './graph.js';
import { createNet, disposeNet, logitsOf, type Net } from './net.js';
import type { TrainedOutput } from './targets.js';

export type Size = readonly [height: number, width: number];

/** The model at a size of its image; diagnostics say why it has none there. */
export type GraphAt = (size: Size) => Outcome<Graph>;

export interface Predictor {
  readonly outputs: readonly TrainedOutput[];
  /** The outputs before their activation, `[H, W, channels]` each, of an image `[H, W, C]`. */
  readonly predict: (image: Tensor) => Promise<Outcome<readonly Tensor[]>>;
  /** Predicts with these weights from now on. */
  readonly use: (weights: WeightValues) => void;
  readonly dispose: () => void;
}

interface PredictorOptions {
  readonly graphAt: GraphAt;
  /** Names of outputs. */
  readonly outputs: readonly string[];
  readonly weights: WeightValues;
  /** Side of the tiles, for images that are to run in parts. */
  readonly tile?: number | undefined;
}

/** Models of so many sizes are kept. */
const MOST_NETS = 4;

/** Diagnostics are those of the model at the size of the first image: `size`. */
export async function createPredictor(
  options: PredictorOptions,
  size: Size,
): Promise<Outcome<Predictor>> {
  const { graphAt, outputs, tile } = options;
  let { weights } = options;
  const nets = new Map<string, Net>();

  const netAt = async (at: Size): Promise<Outcome<Net>> => {
    const key = at.join('×');
    const known = nets.get(key);
    if (known !== undefined) return { ok: true, value: known };
    const graph = graphAt(at);
    const whole = graph.ok ? evaluationGraph(graph.value, outputs) : graph;
    const net = whole.ok ? await createNet(whole.value, weights) : whole;
    if (!net.ok) return net;
    const [oldest] = nets;
    if (nets.size >= MOST_NETS && oldest !== undefined) {
      nets.delete(oldest[0]);
      disposeNet(oldest[1]);
    }
    nets.set(key, net.value);
    return net;
  };
  const joined = async (image: Tensor): Promise<Outcome<Tensor>> => {
    const [height = 0, width = 0] = image.shape;
    const net = await netAt([height, width]);
    if (!net.ok) return net;
    const made = await logitsOf(net.value, { shape: [1, ...image.shape], data: image.data });
    return { ok: true, value: joinChannels(made.map(withoutBatch)) };
  };
  const first = await netAt(tile === undefined ? size : [tile, tile]);
  if (!first.ok) return first;
  const trained = first.value.outputs;
  const channels = trained.map((output) => output.channels);
  return {
    ok: true,
    value: {
      outputs: trained,
      async predict(image) {
        const found =
          tile === undefined
            ? await joined(image)
            : await predictTiled(image, tilingOf(tile), joined);
        return found.ok ? { ok: true, value: partChannels(found.value, channels) } : found;
      },
      use(values) {
        weights = values;
        for (const net of nets.values()) {
          const own = new Map(
            net.graph.weights.flatMap(({ name }) => {
              const tensor = values.get(name);
              return tensor === undefined ? [] : [[name, tensor] as const];
            }),
          );
          const problems = net.model.setWeights(own);
          if (problems.length > 0) throw new Error(problems[0]?.message);
        }
      },
      dispose: () => nets.forEach(disposeNet),
    },
  };
}

function withoutBatch({ shape, data }: Tensor): Tensor {
  return { shape: shape.slice(1), data };
}
