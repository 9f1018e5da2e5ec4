/** Images of one size as one image with all their channels. */
import type { Tensor } from '../compiler/ir.js';

/**
 * Images of one size as one, their channels one after the other. Where one has another size, that is
 * the result: whoever asks how large it is will find it wrong.
 */
export function joinChannels(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  const sizeOf = ({ shape }: Tensor): string => shape.slice(0, -1).join();
  const odd = parts.find((part) => first !== undefined && sizeOf(part) !== sizeOf(first));
  if (odd !== undefined) return odd;
  if (first === undefined || parts.length === 1)
    return first ?? { shape: [], data: new Float32Array() };
  const channels = parts.map(({ shape }) => shape.at(-1) ?? 1);
  const total = channels.reduce((sum, n) => sum + n, 0);
  const pixels = first.data.length / (channels[0] ?? 1);
  const data = new Float32Array(pixels * total);
  let offset = 0;
  parts.forEach((part, i) => {
    const own = channels[i] ?? 1;
    for (let p = 0; p < pixels; p++) {
      data.set(part.data.subarray(p * own, (p + 1) * own), p * total + offset);
    }
    offset += own;
  });
  return { shape: [...first.shape.slice(0, -1), total], data };
}

/** The same parted again. */
export function partChannels(
  { shape, data }: Tensor,
  channels: readonly number[],
): readonly Tensor[] {
  const total = shape.at(-1) ?? 1;
  const pixels = data.length / total;
  let offset = 0;
  return channels.map((own): Tensor => {
    if (own === total) return { shape, data };
    const part = new Float32Array(pixels * own);
    for (let p = 0; p < pixels; p++) {
      const from = p * total + offset;
      part.set(data.subarray(from, from + own), p * own);
    }
    offset += own;
    return { shape: [...shape.slice(0, -1), own], data: part };
  });
}
