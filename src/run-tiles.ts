/** Images through an engine in overlapping tiles. */
import type { Outcome } from './compiler/diagnostic.js';
import type { Tensor } from './compiler/ir.js';
import { joinChannels, partChannels } from './data/channels.js';
import { predictTiled, tilingOf } from './data/tiles.js';
import type { Engine } from './engines/engine.js';

/** `inputs` has one, `[N, H, W, C]`; the outputs, `[N, H, W, …]` each, are blended tile by tile. */
export async function runTiled(
  engine: Engine,
  inputs: ReadonlyMap<string, Tensor>,
  side: number,
  onImage: (done: number, total: number) => void,
): Promise<Outcome<ReadonlyMap<string, Tensor>>> {
  const [[name, { shape, data }] = ['', { shape: [], data: new Float32Array() }]] = inputs;
  const [images = 0, ...size] = shape;
  const length = data.length / Math.max(1, images);
  let names: readonly string[] = [];
  let channels: readonly number[] = [];
  const whole: Tensor[][] = [];
  for (let n = 0; n < images; n++) {
    const image = { shape: size, data: data.subarray(n * length, (n + 1) * length) };
    const found = await predictTiled(image, tilingOf(side), async (tile) => {
      const made = await engine.run(
        new Map([[name, { shape: [1, ...tile.shape], data: tile.data }]]),
      );
      if (!made.ok) return made;
      const parts = [...made.value.values()].map((each) => ({
        shape: each.shape.slice(1),
        data: each.data,
      }));
      names = [...made.value.keys()];
      channels = parts.map((part) => part.shape.at(-1) ?? 1);
      return { ok: true, value: joinChannels(parts) };
    });
    if (!found.ok) return found;
    whole.push([...partChannels(found.value, channels)]);
    onImage(n + 1, images);
  }
  return {
    ok: true,
    value: new Map(names.map((output, i) => [output, stacked(whole.map((parts) => parts[i]))])),
  };
}

function stacked(images: readonly (Tensor | undefined)[]): Tensor {
  const parts = images.filter((image) => image !== undefined);
  const [first] = parts;
  if (first === undefined) throw new Error('no images');
  const data = new Float32Array(parts.length * first.data.length);
  parts.forEach((part, i) => data.set(part.data, i * first.data.length));
  return { shape: [parts.length, ...first.shape], data };
}
