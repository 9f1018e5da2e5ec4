/** The text of a kernel: its declarations, which every kernel writes alike, and its code. */
import type { Access } from '../../webgpu/plan.js';

/** The type of the elements of a storage buffer. */
export type Element = 'f32' | 'vec4f' | 'mat4x4f' | 'vec4h' | 'mat4x4h';

/** Whether the elements are of f16. */
export function isHalf(element: Element): boolean {
  return element.endsWith('h');
}

export interface ShaderBinding {
  readonly name: string;
  readonly element: Element;
  readonly access: Access;
}

export interface Shader {
  /** How the file is called: letters, digits, `_`. */
  readonly name: string;
  /** What it does, one line each. */
  readonly about: readonly string[];
  readonly bindings: readonly ShaderBinding[];
  /** Names of 32-bit signed integers. */
  readonly params: readonly string[];
  /** Constants, functions and the entry point `main`. */
  readonly code: string;
}

/** The text without the head comment, which tells where the kernel is used. */
export function shaderText({ bindings, params, code }: Shader): string {
  const storage = bindings.map(
    ({ name, element, access }, i) =>
      `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>;`,
  );
  const uniform =
    params.length === 0
      ? []
      : [
          '',
          'struct Params {',
          ...params.map((name) => `  ${name}: i32,`),
          '}',
          `@group(0) @binding(${bindings.length}) var<uniform> params: Params;`,
        ];
  const enabled = [
    ...(bindings.some(({ element }) => isHalf(element)) ? ['enable f16;', ''] : []),
    ...(code.includes('subgroupBroadcast(') ? ['enable subgroups;', ''] : []),
  ];
  return [...enabled, ...storage, ...uniform, '', code.trim(), ''].join('\n');
}

export function comment(lines: readonly string[]): string {
  return lines.map((line) => (line === '' ? '//\n' : `// ${line}\n`)).join('');
}

/** Threads of a workgroup where each works for itself. */
export const THREADS = 64;

/**
 * The entry point of a kernel whose threads are in a row of `params.count`, spread over two
 * dimensions as `linearGroups` does: thread `i` runs the body.
 */
export function linearMain(body: string): string {
  return `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32((group.y * 65535u + group.x) * ${THREADS}u + local);
  if (i >= params.count) {
    return;
  }
${indent(body)}
}`;
}

/** Parts of a program, those that are empty left out, with a blank line between. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Lines of code, those that are empty left out. */
export function lines(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}

/** Lines with two more spaces in front of each. */
export function indent(text: string, depth = 1): string {
  const space = '  '.repeat(depth);
  return text
    .split('\n')
    .map((line) => (line === '' ? line : space + line))
    .join('\n');
}

/** 0, 1, … n − 1 */
export function upTo(n: number): readonly number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** The shortest literal of an f32 that is the number rounded to one. */
export function float(value: number): string {
  const single = Math.fround(value);
  if (!Number.isFinite(single)) throw new Error(`${value} is no f32`);
  for (let digits = 1; ; digits++) {
    const text = String(Number(single.toPrecision(digits)));
    if (Math.fround(Number(text)) === single) return /[.e]/.test(text) ? text : `${text}.0`;
  }
}
