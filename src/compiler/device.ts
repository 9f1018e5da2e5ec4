/** Devices as files describe them, for estimates of time and of what fits. */
import { diagnostic, type Diagnostic, type Outcome } from './diagnostic.js';
import { didYouMean } from './names.js';
import type { Source } from './source.js';

export interface Device {
  readonly name: string;
  /** FLOP/s in float32 that a good kernel reaches. */
  readonly peakFlops: number;
  /** Bytes/s between memory and the processor. */
  readonly memoryBandwidth: number;
  /** Bytes that a model may use. */
  readonly memoryBytes: number;
  /** Where the figures come from. */
  readonly source?: string;
  readonly notes?: string;
}

/** The figures of a device, what each is, and the greatest value that is taken seriously. */
const FIGURES = {
  peakFlops: { what: 'operations a second', max: 1e21 },
  memoryBandwidth: { what: 'bytes a second', max: 1e18 },
  memoryBytes: { what: 'bytes', max: 1e18 },
} as const;

const TEXTS = ['source', 'notes'] as const;
const FIELDS: readonly string[] = ['name', ...Object.keys(FIGURES), ...TEXTS];

/** Reads a device from JSON, or says all that is wrong with it, naming the file and the field. */
export function readDevice({ path, text }: Source): Outcome<Device> {
  const fields = parseObject(text);
  if (typeof fields === 'string') return { ok: false, diagnostics: [bad(path, fields)] };
  const diagnostics: Diagnostic[] = Object.keys(fields)
    .filter((field) => !FIELDS.includes(field))
    .map((field) =>
      bad(path, `there is no field \`${field}\``, [
        ...didYouMean(field, FIELDS),
        `its fields are ${FIELDS.join(', ')}`,
      ]),
    );
  const textOf = (field: string): string | undefined => {
    const value = fields[field];
    if (typeof value === 'string' && value.trim() !== '') return value;
    const found = value === undefined ? 'is missing' : `is ${describe(value)}`;
    diagnostics.push(bad(path, `\`${field}\` ${found}`, ['it is a text']));
    return undefined;
  };
  const figureOf = (field: keyof typeof FIGURES): number => {
    const { what, max } = FIGURES[field];
    const value = fields[field];
    if (typeof value === 'number' && value >= 1 && value <= max) return value;
    const found = value === undefined ? 'is missing' : `is ${describe(value)}`;
    const range = `it is a number of ${what} from 1 to ${max}`;
    diagnostics.push(bad(path, `\`${field}\` ${found}`, [range]));
    return Number.NaN;
  };
  const device = {
    name: textOf('name') ?? '',
    peakFlops: figureOf('peakFlops'),
    memoryBandwidth: figureOf('memoryBandwidth'),
    memoryBytes: figureOf('memoryBytes'),
    ...Object.fromEntries(
      TEXTS.filter((field) => fields[field] !== undefined).map((field) => [field, textOf(field)]),
    ),
  };
  return diagnostics.length === 0 ? { ok: true, value: device } : { ok: false, diagnostics };
}

/** The fields of a JSON object, or why there are none. */
function parseObject(text: string): Readonly<Record<string, unknown>> | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `it is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value));
  }
  return `it is not a JSON object but ${describe(value)}`;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value);
}

function bad(path: string, message: string, hints: readonly string[] = []): Diagnostic {
  return diagnostic('bad-device', `${path}: ${message}`, { hints });
}
