/**
 * Drawn images that look like electron microscopy of neural tissue, with their membranes labelled: a
 * set to train on where there is none to download. Cells are those of a warped diagram of weighted
 * sites; membranes differ in width and darkness; inside are mitochondria and vesicles, which are
 * dark as well and no membranes.
 */
import { uniformStream, type Uniform } from '../weights/random.js';
import { blurred } from './blur.js';
import { DRAWN_SETS, type Dataset, type Sample } from './dataset.js';
import { fractalNoise, mix, square, step, valueNoise, type Noise } from './noise.js';

/** Pixels; of large cells, whose neighbours are up to a few times smaller. */
const CELL = 62;
/** Pixels that one octave of the warp moves by at most; finer ones add less than that again. */
const WARP = 12;
/** Sites are drawn so far beyond the image. */
const REACH = 2 * WARP;
/** From the middle of the longest organelle to beyond its wall. */
const LONGEST = 22;
/** Side of the squares for which the things near them are listed. */
const SQUARE = 16;

/**
 * `count` images of `size` × `size`, one channel with values in [0, 1]; class 1 is membrane. Each is
 * drawn when it is loaded, from the seed and its number, and is the same everywhere.
 */
export function membranes(count: number, size: number, seed: number): Dataset {
  const indices = Array.from({ length: count }, (_, i) => i);
  return {
    description: `${count} drawn slices of ${size} × ${size} (membranes, seed ${seed})`,
    count,
    channels: 1,
    classes: DRAWN_SETS.membranes.classes,
    groups: indices.map(() => 'membranes'),
    load: (index) => Promise.resolve({ ok: true, value: drawSlice(size, seed, index) }),
  };
}

interface Cell {
  readonly x: number;
  readonly y: number;
  /** Subtracted from squared distances: cells with more are larger. */
  readonly weight: number;
  /** Brightness of its inside. */
  readonly tone: number;
  /** Adds to the width of the membranes around it, in pixels. */
  readonly width: number;
}

/** An ellipse in a cell: a mitochondrion (long, striped, with a wall) or a vesicle (a small ring). */
interface Organelle {
  readonly kind: 'mitochondrion' | 'vesicle';
  readonly x: number;
  readonly y: number;
  /** Along and across, in pixels; `alongX`, `alongY` is the direction, a unit vector. */
  readonly length: number;
  readonly breadth: number;
  readonly alongX: number;
  readonly alongY: number;
  readonly tone: number;
}

function drawSlice(size: number, seed: number, index: number): Sample {
  const uniform = uniformStream(seed, `membranes/${index}`);
  const cells = drawCells(size, uniform);
  // What is farther than one and a half large cells is neither here nor beside what is here.
  const near = nearby(cells, 1.5 * CELL);
  const organellesNear = nearby(drawOrganelles(size, cells, uniform), LONGEST);
  const [warpX, warpY] = [fractalNoise(uniform, 2), fractalNoise(uniform, 2)];
  const [widths, shade] = [valueNoise(uniform), fractalNoise(uniform, 2)];
  const [texture, grain] = [fractalNoise(uniform, 3), valueNoise(uniform)];
  const labels = new Uint8Array(size * size);
  const clean = new Float64Array(size * size);
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++, at++) {
      const wx = x + WARP * warpX(x / 42, y / 42, 0);
      const wy = y + WARP * warpY(x / 42, y / 42, 0);
      const { cell, other, edge } = nearestEdge(near(wx, wy), wx, wy);
      const half = 1.7 + (cell.width + other.width) / 2 + 0.6 * widths(x / 17, y / 17, 0);
      labels[at] = edge < half ? 1 : 0;

      let tone = cell.tone + 0.06 * shade(x / 40, y / 40, 0) + 0.1 * texture(x / 4, y / 4, 0);
      tone += 0.05 * grain(x / 1.7, y / 1.7, 0);
      tone = organelleTone(organellesNear(x, y), cell, { x, y, tone, ripple: texture });
      // Membranes cut at a slant are grey rather than black.
      const dark = 0.2 + 0.13 * widths(x / 31, y / 31, 5) + 0.05 * grain(x / 2, y / 2, 3);
      clean[at] = mix(dark, tone, step(half - 1.4, half + 1.4, edge));
    }
  }
  const image = exposed(clean, size, uniform);
  return { name: `membranes#${index + 1}`, height: size, width: size, channels: 1, image, labels };
}

/** Sites on a jittered grid, of which some clusters are split into small cells. */
function drawCells(size: number, uniform: Uniform): Cell[] {
  const cells: Cell[] = [];
  const add = (x: number, y: number, large: number): void => {
    const weight = large * 500 * uniform();
    const tone = 0.66 + 0.08 * (uniform() - 0.5);
    cells.push({ x, y, weight, tone, width: 1.6 * uniform() * uniform() });
  };
  for (let y = -REACH; y < size + REACH; y += CELL) {
    for (let x = -REACH; x < size + REACH; x += CELL) {
      const parts = uniform() < 0.5 ? 4 + Math.floor(6 * uniform()) : 1;
      for (let i = 0; i < parts; i++) {
        add(x + CELL * uniform(), y + CELL * uniform(), parts === 1 ? 1 : 0.2);
      }
    }
  }
  return cells;
}

/** Those of some things that lie less than `reach` from a place, and some that lie a little farther. */
function nearby<T extends { readonly x: number; readonly y: number }>(
  things: readonly T[],
  reach: number,
): (x: number, y: number) => readonly T[] {
  const lists = new Map<number, readonly T[]>();
  const far = reach + SQUARE;
  return (x, y) => {
    const [column, row] = [Math.floor(x / SQUARE), Math.floor(y / SQUARE)];
    const key = row * 65_536 + column;
    const known = lists.get(key);
    if (known !== undefined) return known;
    const [midX, midY] = [(column + 0.5) * SQUARE, (row + 0.5) * SQUARE];
    const list = things.filter((t) => square(t.x - midX) + square(t.y - midY) < far * far);
    lists.set(key, list);
    return list;
  };
}

/** The cell at a place, its nearest neighbour there, and the distance to their border in pixels. */
function nearestEdge(
  cells: readonly Cell[],
  x: number,
  y: number,
): { readonly cell: Cell; readonly other: Cell; readonly edge: number } {
  let [first] = cells;
  let least = Infinity;
  for (const cell of cells) {
    const distance = square(cell.x - x) + square(cell.y - y) - cell.weight;
    if (distance < least) [first, least] = [cell, distance];
  }
  if (first === undefined) throw new Error('an image has cells');
  let other = first;
  let edge = Infinity;
  for (const cell of cells) {
    if (cell === first) continue;
    const distance = square(cell.x - x) + square(cell.y - y) - cell.weight;
    const apart = Math.sqrt(square(cell.x - first.x) + square(cell.y - first.y));
    const toBorder = (distance - least) / (2 * Math.max(apart, 1e-6));
    if (toBorder < edge) [other, edge] = [cell, toBorder];
  }
  return { cell: first, other, edge };
}

function drawOrganelles(size: number, cells: readonly Cell[], uniform: Uniform): Organelle[] {
  const organelles: Organelle[] = [];
  const add = (cell: Cell, kind: Organelle['kind'], spread: number): void => {
    const [dx, dy] = [2 * uniform() - 1, 2 * uniform() - 1];
    const norm = Math.max(1e-6, Math.sqrt(dx * dx + dy * dy));
    const isLong = kind === 'mitochondrion';
    organelles.push({
      kind,
      x: cell.x + spread * (2 * uniform() - 1),
      y: cell.y + spread * (2 * uniform() - 1),
      length: isLong ? 10 + 9 * uniform() : 2.2 + 1.2 * uniform(),
      breadth: isLong ? 6 + 4 * uniform() : 2.2 + 1.2 * uniform(),
      alongX: dx / norm,
      alongY: dy / norm,
      tone: 0.42 + 0.1 * uniform(),
    });
  };
  for (const cell of cells) {
    const isInside = cell.x > -REACH && cell.y > -REACH && cell.x < size + REACH;
    if (!isInside || cell.weight < 40) continue;
    if (uniform() < 0.5) add(cell, 'mitochondrion', 12);
    const vesicles = Math.floor(12 * uniform());
    for (let i = 0; i < vesicles; i++) add(cell, 'vesicle', 26);
  }
  return organelles;
}

interface Spot {
  readonly x: number;
  readonly y: number;
  readonly tone: number;
  readonly ripple: Noise;
}

/** The tone at a pixel after the organelles over it; a vesicle or mitochondrion stays in its cell. */
function organelleTone(organelles: readonly Organelle[], cell: Cell, spot: Spot): number {
  let { tone } = spot;
  for (const o of organelles) {
    const [dx, dy] = [spot.x - o.x, spot.y - o.y];
    const reach = o.length + 3;
    if (dx * dx + dy * dy > reach * reach) continue;
    if (square(cell.x - o.x) + square(cell.y - o.y) > 40 * 40) continue;
    const along = dx * o.alongX + dy * o.alongY;
    const across = dy * o.alongX - dx * o.alongY;
    const ragged = 1 + 0.12 * spot.ripple(spot.x / 9, spot.y / 9, 7);
    const radius = Math.sqrt(square(along / o.length) + square(across / o.breadth)) * ragged;
    // Pixels inside the wall, about.
    const inside = (1 - radius) * o.breadth;
    const wall = 1 - Math.min(1, Math.abs(inside) / 1.2);
    if (o.kind === 'mitochondrion') {
      const stripe = 0.1 * spot.ripple(along / 1.7, across / 7, 9);
      tone = mix(tone, o.tone + stripe + 0.3 * (tone - 0.66), step(-0.7, 0.7, inside));
      tone -= 0.16 * wall;
    } else tone -= 0.24 * wall;
  }
  return tone;
}

/** What a microscope makes of it: a little blur, noise of single pixels, and a range of [0, 1]. */
function exposed(clean: Float64Array, size: number, uniform: Uniform): Float32Array {
  const contrast = 0.9 + 0.2 * uniform();
  return Float32Array.from(blurred(clean, size, size), (value) => {
    const noise = 0.09 * (uniform() + uniform() + uniform() - 1.5);
    return Math.min(1, Math.max(0, 0.5 + (value - 0.5) * contrast + noise));
  });
}
