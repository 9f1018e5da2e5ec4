/** From what the emitter has gathered to the files of a plan. */
import type {
  Plan,
  PlanBinding,
  PlanConstant,
  PlanDispatch,
  PlanModule,
  PlanPipeline,
  PlanVariant,
  PlanWeight,
  Size,
} from '../../webgpu/plan.js';
import { ALIGNMENT } from '../../webgpu/arena.js';
import { NO_SEAL, seal } from '../../webgpu/validate.js';
import { groupDigits } from '../../compiler/constant.js';
import {
  locationOf,
  PROFILES,
  type ConstantDraft,
  type Draft,
  type KernelDraft,
  type Place,
  type VariantDraft,
} from './emitter.js';
import { halfBits } from './half.js';
import { comment, isHalf, shaderText, type Shader, type ShaderBinding } from './shader.js';
import { plus, times } from './size.js';
import { printPlan } from './print-plan.js';

export interface PlanFile {
  /** Relative to the plan's folder. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

type Header = Omit<
  Plan,
  'sha256' | 'macs' | 'constants' | 'weights' | 'profiles' | 'modules' | 'pipelines' | 'dispatches'
>;

const WEIGHTS_FILE = 'weights.bin';

export async function assemble(
  draft: Draft,
  header: Header,
): Promise<{ readonly plan: Plan; readonly files: readonly [PlanFile, ...PlanFile[]] }> {
  const { bytes, constants, weights } = packWeights(draft);
  const shaders = await writeShaders(draft.kernels);
  const pipelines: PlanPipeline[] = [];
  const pipelineNumbers = new Map<string, number>();
  const pipelineOf = ({ shader }: VariantDraft): number => {
    const pipeline: PlanPipeline = {
      module: shaders.moduleOf(shader),
      entryPoint: 'main',
      bindings: shader.bindings.map(({ access }) => access),
      params: shader.params,
    };
    const key = JSON.stringify(pipeline);
    const number = pipelineNumbers.get(key) ?? pipelines.push(pipeline) - 1;
    pipelineNumbers.set(key, number);
    return number;
  };
  const dispatches = draft.kernels.map((kernel): PlanDispatch => {
    const [first, ...others] = kernel.variants.map((variant): PlanVariant => ({
      ...(variant.profile === undefined ? {} : { profile: variant.profile }),
      pipeline: pipelineOf(variant),
      bindings: kernel.places.map((place, i) => bindingOf(place, variant.shader.bindings[i])),
      params: variant.params,
      workgroups: variant.workgroups,
    }));
    if (first === undefined) throw new Error(`${kernel.label}: no variant`);
    return {
      label: kernel.label,
      op: kernel.op,
      source: locationOf(kernel.origin),
      macs: kernel.macs,
      traffic: kernel.places.reduce<Size>((sum, place) => plus(sum, bytesAt(place, draft)), 0),
      variants: [first, ...others],
    };
  });
  const profiles = new Set(
    draft.kernels.flatMap((k) => k.variants.flatMap((v) => v.profile ?? [])),
  );
  const plan: Plan = {
    sha256: NO_SEAL,
    ...header,
    macs: draft.kernels.reduce<Size>((sum, { macs }) => plus(sum, macs), 0),
    constants,
    weights: {
      file: WEIGHTS_FILE,
      bytes: bytes.length,
      sha256: await sha256(bytes),
      tensors: weights,
    },
    profiles: Object.fromEntries([...profiles].map((name) => [name, PROFILES[name]])),
    modules: shaders.modules,
    pipelines,
    dispatches,
  };
  const json = await seal(printPlan(plan));
  return {
    // As printed, with its hash.
    plan: JSON.parse(json) as Plan,
    files: [
      { name: 'plan.json', bytes: new TextEncoder().encode(json) },
      { name: WEIGHTS_FILE, bytes },
      ...shaders.files,
    ],
  };
}

function bindingOf(place: Place, as: ShaderBinding | undefined): PlanBinding {
  if (place.kind === 'tensor') return { tensor: place.tensor };
  const { constant } = place;
  return as !== undefined && isHalf(as.element) ? { constant, dtype: 'f16' } : { constant };
}

function bytesAt(place: Place, { tensors, constants }: Draft): Size {
  if (place.kind === 'tensor') return times(4, tensors[place.tensor]?.elements ?? 0);
  const constant = constants[place.constant];
  return constant === undefined ? 0 : bytesOf(constant);
}

function bytesOf({ data, precision }: ConstantDraft): number {
  return data.length * (precision === 'f16' ? 2 : 4);
}

/** The constants one after the other, each at an offset that can be bound. */
function packWeights({ constants: drafts }: Draft): {
  readonly bytes: Uint8Array;
  readonly constants: readonly PlanConstant[];
  readonly weights: readonly PlanWeight[];
} {
  let end = 0;
  const constants = drafts.map((draft): PlanConstant => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    const size = bytesOf(draft);
    end = offset + size;
    return { offset, bytes: size, ...(draft.precision === 'f16' ? { dtype: 'f16' } : {}) };
  });
  const bytes = new Uint8Array(end);
  const view = new DataView(bytes.buffer);
  drafts.forEach(({ data, precision }, i) => {
    const offset = constants[i]?.offset ?? 0;
    data.forEach((value, j) =>
      precision === 'f16'
        ? view.setUint16(offset + 2 * j, halfBits(value), true)
        : view.setFloat32(offset + 4 * j, value, true),
    );
  });
  const weights = drafts.flatMap((draft, constant): PlanWeight[] => {
    const { name, shape, layout, precision: dtype, isWeight } = draft;
    return isWeight ? [{ name, shape, dtype, constant, layout }] : [];
  });
  return { bytes, constants, weights };
}

interface Shaders {
  readonly modules: readonly PlanModule[];
  readonly files: readonly PlanFile[];
  readonly moduleOf: (shader: Shader) => number;
}

/** The most uses that the head of a shader names. */
const MAX_USES = 64;

/** A file for each text; its head says what uses it. */
async function writeShaders(kernels: readonly KernelDraft[]): Promise<Shaders> {
  const texts = new Map<string, { readonly shader: Shader; readonly users: KernelDraft[] }>();
  const textOf = new Map<Shader, string>();
  for (const kernel of kernels) {
    for (const { shader } of kernel.variants) {
      const text = shaderText(shader);
      textOf.set(shader, text);
      const known = texts.get(text);
      if (known === undefined) texts.set(text, { shader, users: [kernel] });
      else known.users.push(kernel);
    }
  }
  const names = new Set<string>();
  const files = [...texts].map(([text, { shader, users }]): PlanFile => {
    const file = `kernels/${freshName(shortName(shader.name), names)}.wgsl`;
    const uses = users
      .slice(0, MAX_USES)
      .map(
        ({ label, origin, shapes, macs }) =>
          `${label}  ${locationOf(origin)}  ${shapes}${macsText(macs)}`,
      );
    const others = users.length - uses.length;
    const more = others === 0 ? [] : [`and ${groupDigits(others)} more, which plan.json has`];
    const head = comment([...shader.about, '', ...uses, ...more]);
    return { name: file, bytes: new TextEncoder().encode(`${head}\n${text}`) };
  });
  const numbers = new Map([...texts.keys()].map((text, i) => [text, i]));
  return {
    files,
    modules: await Promise.all(
      files.map(async ({ name, bytes }) => ({
        file: name,
        bytes: bytes.length,
        sha256: await sha256(bytes),
      })),
    ),
    moduleOf: (shader) => numbers.get(textOf.get(shader) ?? '') ?? 0,
  };
}

function macsText(macs: Size): string {
  return typeof macs === 'number' && macs > 0 ? `  ${groupDigits(macs)} MACs` : '';
}

/** File systems allow 255 bytes, of which numbers and the ending need some. */
const MAX_NAME = 100;

/** Names join those of all operators that a kernel computes: of many, the first. */
function shortName(name: string): string {
  if (name.length <= MAX_NAME) return name;
  const parts = name.split('_');
  let kept = parts.length;
  while (kept > 1 && parts.slice(0, kept).join('_').length > MAX_NAME) kept--;
  const first = parts.slice(0, kept).join('_').slice(0, MAX_NAME);
  return kept === parts.length ? first : `${first}_and_${parts.length - kept}_more`;
}

function freshName(wanted: string, names: Set<string>): string {
  for (let name = wanted, n = 2; ; name = `${wanted}_${n++}`) {
    if (names.has(name)) continue;
    names.add(name);
    return name;
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
