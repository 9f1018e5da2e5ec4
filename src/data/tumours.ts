/**
 * Drawn brains with tumours in the four modalities and classes of the Medical Segmentation Decathlon's
 * Task01: a set to train on where there is none to download. A patient is a volume of smooth random
 * functions of space, so consecutive slices belong together. No anatomy is claimed.
 */
import { uniformStream, type Uniform } from '../weights/random.js';
import { blurred } from './blur.js';
import { DRAWN_SETS, type Dataset, type Sample } from './dataset.js';
import { fractalNoise, mix, square, step, type Noise } from './noise.js';

/** The order of the channels. */
export const TUMOUR_MODALITIES = DRAWN_SETS.tumours.channels;
const [OEDEMA, CORE, ENHANCING] = [1, 2, 3] as const;

/** Intensity in each modality: fluid is dark but in T2, contrast agent bright in T1gd alone. */
const TISSUES = {
  fluid: [0.12, 0.2, 0.2, 0.95],
  grey: [0.52, 0.48, 0.5, 0.6],
  white: [0.42, 0.66, 0.67, 0.44],
  oedema: [0.86, 0.46, 0.47, 0.82],
  core: [0.5, 0.32, 0.33, 0.86],
  enhancing: [0.7, 0.52, 1.05, 0.66],
} as const;

/** Half axes of the brain in halves of the image: across, along, up. */
const BRAIN = [0.62, 0.78, 0.75] as const;
/** Slices lie between minus and plus this height. */
const HEIGHT = 0.3;

/**
 * `slices` axial slices of each of `patients`, `size` × `size` × 4 with values in [0, 1];
 * groups are patients. Tumours are large
 * and small in turns. Each slice is drawn when it is loaded, from the seed and its patient's number.
 */
export function tumours(patients: number, slices: number, size: number, seed: number): Dataset {
  const count = patients * slices;
  const patientOf = (index: number): number => Math.floor(index / slices);
  let last: { readonly number: number; readonly patient: Patient } | undefined;
  return {
    description: `${count} drawn slices of ${size} × ${size} (tumours of ${patients} patients, seed ${seed})`,
    count,
    channels: TUMOUR_MODALITIES.length,
    classes: DRAWN_SETS.tumours.classes,
    groups: Array.from({ length: count }, (_, i) => `patient${patientOf(i) + 1}`),
    load: (index) => {
      const number = patientOf(index);
      if (last?.number !== number) last = { number, patient: drawPatient(seed, number) };
      const slice = index % slices;
      const height = slices === 1 ? 0 : HEIGHT * ((2 * slice) / (slices - 1) - 1);
      const name = `patient${number + 1}#${slice + 1}`;
      const noise = uniformStream(seed, `tumours/${number}/${slice}/noise`);
      return Promise.resolve({
        ok: true,
        value: { name, ...drawSlice(last.patient, { size, height }, noise) },
      });
    },
  };
}

interface Patient {
  readonly shape: Noise;
  readonly folds: Noise;
  readonly fields: readonly Noise[];
  readonly growth: Noise;
  readonly spread: Noise;
  /** Intensities times this: scanners have no common scale. */
  readonly gains: readonly number[];
  readonly tumour: { readonly centre: readonly number[]; readonly radius: number };
}

function drawPatient(seed: number, number: number): Patient {
  const uniform = uniformStream(seed, `tumours/${number}`);
  const isLarge = number % 2 === 0;
  const radius = isLarge ? 0.3 + 0.12 * uniform() : 0.12 + 0.06 * uniform();
  const side = uniform() < 0.5 ? -1 : 1;
  const centre = [
    side * (0.16 + 0.18 * uniform()),
    0.7 * (uniform() - 0.5),
    0.2 * (uniform() - 0.5),
  ];
  return {
    shape: fractalNoise(uniform, 2),
    folds: fractalNoise(uniform, 3),
    fields: TUMOUR_MODALITIES.map(() => fractalNoise(uniform, 2)),
    growth: fractalNoise(uniform, 3),
    spread: fractalNoise(uniform, 3),
    gains: TUMOUR_MODALITIES.map(() => 0.5 + 0.25 * uniform()),
    tumour: { centre, radius },
  };
}

function drawSlice(
  patient: Patient,
  { size, height }: { readonly size: number; readonly height: number },
  uniform: Uniform,
): Omit<Sample, 'name'> {
  const channels = TUMOUR_MODALITIES.length;
  const labels = new Uint8Array(size * size);
  const inside = new Uint8Array(size * size);
  const planes = TUMOUR_MODALITIES.map(() => new Float64Array(size * size));
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++, at++) {
      const x = (2 * column + 1) / size - 1;
      const y = (2 * row + 1) / size - 1;
      const depth = 1 - brainRadius(patient, x, y, height);
      if (depth <= 0) continue;
      inside[at] = 1;
      const label = tumourAt(patient, [x, y, height], depth);
      labels[at] = label;
      const tissue =
        label === ENHANCING
          ? TISSUES.enhancing
          : label === CORE
            ? TISSUES.core
            : label === OEDEMA
              ? TISSUES.oedema
              : healthyAt(patient, [x, y, height], depth);
      for (const [c, plane] of planes.entries()) {
        const field = 1 + 0.08 * (patient.fields[c]?.(x * 1.5, y * 1.5, height) ?? 0);
        plane[at] = (tissue[c] ?? 0) * field * (patient.gains[c] ?? 1);
      }
    }
  }
  const image = new Float32Array(size * size * channels);
  for (const [c, plane] of planes.entries()) {
    const soft = blurred(plane, size, size);
    for (let i = 0; i < soft.length; i++) {
      const noise = 0.03 * (uniform() + uniform() + uniform() - 1.5);
      // The skull and all around it are taken away, as in the real sets.
      if (inside[i] === 1) image[i * channels + c] = Math.max(0, (soft[i] ?? 0) + noise);
    }
  }
  return { height: size, width: size, channels, image, labels };
}

/** 0 in the middle of the brain, 1 at its surface. */
function brainRadius({ shape }: Patient, x: number, y: number, z: number): number {
  const [across, along, up] = BRAIN;
  const radius = Math.sqrt(square(x / across) + square(y / along) + square(z / up));
  return radius * (1 + 0.05 * shape(2 * x, 2 * y, 2 * z));
}

type Point = readonly [x: number, y: number, z: number];

function healthyAt({ folds, shape }: Patient, [x, y, z]: Point, depth: number): readonly number[] {
  const fold = folds(7 * x, 7 * y, 7 * z);
  const isSulcus = depth < 0.13 && Math.abs(fold) < 0.12 * (1 - depth / 0.13) + 0.03;
  const isFissure = Math.abs(x + 0.01 * shape(3 * y, 3, z)) < 0.014 && Math.abs(y) > 0.3;
  const bend = 0.1 + 0.08 * y * y + 0.02 * shape(3 * y, z, 5);
  const horn = square((Math.abs(x) - bend) / 0.055) + square((y + 0.02) / 0.27) + square(z / 0.3);
  if (isSulcus || isFissure || horn < 1) return TISSUES.fluid;
  const nucleus = square((Math.abs(x) - 0.24) / 0.09) + square(y / 0.17) + square(z / 0.25);
  const grey = Math.max(
    1 - step(0.1, 0.17, depth + 0.06 * fold),
    1 - step(0.7, 1.2, nucleus + 0.3 * fold),
  );
  return TISSUES.white.map((white, c) => mix(white, TISSUES.grey[c] ?? 0, grey));
}

/** The class at a place: a core in a bright rim, both within the oedema, all of ragged outline. */
function tumourAt({ tumour, growth, spread }: Patient, point: Point, depth: number): number {
  const { centre, radius } = tumour;
  const [x, y, z] = point;
  const distance = Math.sqrt(
    point.reduce((sum, p, axis) => sum + square(p - (centre[axis] ?? 0)), 0),
  );
  if (distance > 2 * radius) return 0;
  const scale = 1.6 / radius;
  const solid = distance / (0.6 * radius) + 0.28 * growth(x * scale, y * scale, z * scale);
  if (solid < 1) {
    const rim = 0.66 + 0.2 * growth(x * scale * 1.5, y * scale * 1.5, z * scale + 5);
    return solid < rim ? CORE : ENHANCING;
  }
  const reach = distance / radius + 0.42 * spread(x * scale, y * scale, z * scale);
  // Oedema follows the white matter and stops before the cortex.
  return reach < 1 && depth > 0.07 ? OEDEMA : 0;
}
