/**
 * Places the tensors of a plan in as little memory as can be found quickly: offline packing by
 * lifetime. Several greedy orders are tried; where none comes close to what is alive at once, the
 * tensors that stick out are placed earlier and the packing is made again.
 */
import type { Place, PlanTensor } from './plan.js';

/** What a storage binding's offset must be a multiple of on every device (WebGPU, §3.6.2). */
export const ALIGNMENT = 256;
/** `maxBufferSize` that every device grants. */
export const MAX_BUFFER_BYTES = 256 * 1024 * 1024;

/** An arena this close to the least possible is good enough. */
const GOOD_ENOUGH = 1.01;
/** Pairs of tensors compared after which nothing more is tried: some tenths of a second. */
const MAX_COMPARISONS = 2e6;
const MIN_PACKINGS = 3;
const MAX_PACKINGS = 400;

type Lifetime = Pick<PlanTensor, 'first' | 'last'> & { readonly bytes: number };

interface Placement {
  readonly places: readonly Place[];
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
}

/** Bytes that a tensor takes in the arena. */
export function alignedBytes(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
}

/** The most that is alive at one dispatch, in aligned bytes: no arena can be smaller. */
export function liveBytes(tensors: readonly Lifetime[]): number {
  const changes = tensors.flatMap(({ first, last, bytes }) => [
    { at: first, bytes: alignedBytes(bytes) },
    { at: last + 1, bytes: -alignedBytes(bytes) },
  ]);
  // What dies before a dispatch makes room for what is born at it.
  changes.sort((a, b) => a.at - b.at || a.bytes - b.bytes);
  let live = 0;
  return changes.reduce((most, { bytes }) => Math.max(most, (live += bytes)), 0);
}

/**
 * A place for each tensor such that no two that are alive at the same dispatch overlap, and the
 * bytes of each buffer. Every tensor is at most `maxBuffer`. Deterministic.
 */
export function placeTensors(
  tensors: readonly Lifetime[],
  maxBuffer = MAX_BUFFER_BYTES,
): Placement {
  const enough = liveBytes(tensors) * GOOD_ENOUGH;
  let comparisons = 0;
  let best: Placement = { places: [], buffers: [] };
  let fewest = Infinity;
  let order: readonly number[] = [];
  for (let round = 0; round < MAX_PACKINGS && fewest > enough; round++) {
    if (round >= MIN_PACKINGS && comparisons > MAX_COMPARISONS) break;
    const start = startOrders[round];
    if (start !== undefined) {
      order = tensors.map((_, i) => i).sort((a, b) => start(tensors, a, b) || a - b);
    } else if (round === startOrders.length) {
      order = bestFirst(best.places);
    }
    const packed = pack(tensors, order, maxBuffer);
    const { places, buffers } = packed;
    const bytes = buffers.reduce((sum, each) => sum + each, 0);
    comparisons += packed.comparisons;
    if (bytes < fewest) [best, fewest] = [{ places, buffers }, bytes];
    order = raised(tensors, packed, order);
  }
  return best;
}

type Order = (tensors: readonly Lifetime[], a: number, b: number) => number;

const by =
  (key: (tensor: Lifetime) => number): Order =>
  (tensors, a, b) => {
    const [x, y] = [tensors[a], tensors[b]];
    return x === undefined || y === undefined ? 0 : key(x) - key(y);
  };

const span = ({ first, last }: Lifetime): number => last - first + 1;

/** By size, by area (bytes × time), by start, by time. */
const startOrders: readonly Order[] = [
  by(({ bytes }) => -bytes),
  by((tensor) => -tensor.bytes * span(tensor)),
  by(({ first }) => first),
  by((tensor) => -span(tensor)),
];

/** The order of the addresses: greedy packing of it is as good as the placement itself. */
function bestFirst(places: readonly Place[]): number[] {
  const address = (i: number): readonly [number, number] => {
    const { buffer, offset } = places[i] ?? { buffer: 0, offset: 0 };
    return [buffer, offset];
  };
  return places
    .map((_, i) => i)
    .sort((a, b) => {
      const [[bufferA, offsetA], [bufferB, offsetB]] = [address(a), address(b)];
      return bufferA - bufferB || offsetA - offsetB || a - b;
    });
}

/** The tensors that reach the end of a buffer are placed earlier: halfway to the front. */
function raised(
  tensors: readonly Lifetime[],
  { places, buffers }: Placement,
  order: readonly number[],
): number[] {
  const ends = (i: number): boolean => {
    const place = places[i];
    const bytes = alignedBytes(tensors[i]?.bytes ?? 0);
    return place !== undefined && place.offset + bytes === buffers[place.buffer];
  };
  return order
    .map((tensor, rank) => ({ tensor, rank: ends(tensor) ? rank / 2 - 0.5 : rank }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ tensor }) => tensor);
}

/** Places the tensors in the given order, each into the tightest gap that is free all its life. */
function pack(
  tensors: readonly Lifetime[],
  order: readonly number[],
  maxBuffer: number,
): Placement & { readonly comparisons: number } {
  const bytes = tensors.map((tensor) => alignedBytes(tensor.bytes));
  const places: Place[] = [];
  const buffers: number[] = [];
  const timeline = createTimeline(tensors, places);
  let comparisons = 0;
  for (const tensor of order) {
    const size = bytes[tensor] ?? 0;
    const neighbours = timeline.neighbours(tensor);
    comparisons += neighbours.length;
    let next = 0;
    // Growing costs more than any gap, and a new buffer more than growing one.
    let [home, offset, cost] = [buffers.length, 0, Infinity];
    for (const [buffer, extent] of buffers.entries()) {
      let free = 0;
      for (; next < neighbours.length; next++) {
        const other = neighbours[next] ?? 0;
        const place = places[other];
        if (place?.buffer !== buffer) break;
        const gap = place.offset - free;
        if (gap >= size && gap < cost) [home, offset, cost] = [buffer, free, gap];
        free = Math.max(free, place.offset + (bytes[other] ?? 0));
      }
      const grown = Math.max(0, free + size - extent);
      const gap = grown === 0 ? extent - free : maxBuffer + grown;
      if (free + size <= maxBuffer && gap < cost) [home, offset, cost] = [buffer, free, gap];
    }
    buffers[home] = Math.max(buffers[home] ?? 0, offset + size);
    places[tensor] = { buffer: home, offset };
    timeline.add(tensor);
  }
  return { places, buffers, comparisons };
}

interface Timeline {
  /** The tensors added so far that live when this one does, in the order of their places. */
  neighbours(tensor: number): readonly number[];
  add(tensor: number): void;
}

/** Tensors a stretch of the timeline, on average, if all lived for one dispatch. */
const STRETCH = 32;
/** A life of more stretches is a long one. */
const LONG = 4;

/** The timeline in stretches, each with its tensors in the order of their places. */
function createTimeline(tensors: readonly Lifetime[], places: readonly Place[]): Timeline {
  const start = tensors.reduce((least, { first }) => Math.min(least, first), Infinity);
  const end = tensors.reduce((most, { last }) => Math.max(most, last), -Infinity);
  const width = Math.max(1, ((end - start + 1) * STRETCH) / tensors.length);
  const all: number[] = [];
  const stretches: number[][] = [];
  const stretchOf = (time: number): number => Math.floor((time - start) / width);
  const byPlace = (a: number, b: number): number => {
    const [p, q] = [places[a], places[b]];
    return p === undefined || q === undefined ? 0 : p.buffer - q.buffer || p.offset - q.offset;
  };
  return {
    neighbours(tensor) {
      const { first = 0, last = 0 } = tensors[tensor] ?? {};
      const [from, to] = [stretchOf(first), stretchOf(last)];
      const lives = (other: number): boolean => {
        const { first: birth = 0, last: death = 0 } = tensors[other] ?? {};
        return birth <= last && death >= first;
      };
      // Sorting costs more than looking at all, which are sorted.
      if (to - from > LONG) return all.filter(lives);
      const found: number[] = [];
      for (let stretch = from; stretch <= to; stretch++) {
        for (const other of stretches[stretch] ?? []) {
          // What began in an earlier stretch has been seen there.
          const isSeen = stretch > from && stretchOf(tensors[other]?.first ?? 0) < stretch;
          if (!isSeen && lives(other)) found.push(other);
        }
      }
      return from === to ? found : found.sort(byPlace);
    },
    add(tensor) {
      const { first = 0, last = 0 } = tensors[tensor] ?? {};
      insert(all, tensor, byPlace);
      for (let stretch = stretchOf(first); stretch <= stretchOf(last); stretch++) {
        insert((stretches[stretch] ??= []), tensor, byPlace);
      }
    },
  };
}

/** Into a sorted list, after its equals. */
function insert(list: number[], item: number, compare: (a: number, b: number) => number): void {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(list[middle] ?? 0, item) <= 0) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, item);
}
