/** Reads a node's attributes with their types: what the operator's record promises, checked. */
import { isBody, type Attribute, type Node } from '../compiler/ir.js';
import type { Padding } from '../compiler/ops/kinds.js';
import type { Dim } from '../compiler/shape.js';

function wrong(node: Node, name: string): never {
  throw new Error(`${node.op}: attribute ${name} is not what its record says`);
}

function attribute(node: Node, name: string): Attribute {
  const value = node.attributes[name];
  return value === undefined ? wrong(node, name) : value;
}

function isDim(value: Attribute): value is Dim {
  if (typeof value === 'number') return true;
  return typeof value === 'object' && value !== null && 'kind' in value && !isBody(value);
}

function list(value: Attribute): readonly Attribute[] | undefined {
  return typeof value === 'object' && value !== null && !('kind' in value) ? value : undefined;
}

export function numberAttribute(node: Node, name: string): number {
  const value = attribute(node, name);
  return typeof value === 'number' ? value : wrong(node, name);
}

export function booleanAttribute(node: Node, name: string): boolean {
  const value = attribute(node, name);
  return typeof value === 'boolean' ? value : wrong(node, name);
}

export function stringAttribute(node: Node, name: string): string {
  const value = attribute(node, name);
  return typeof value === 'string' ? value : wrong(node, name);
}

/** A size, which may be symbolic. */
export function dimAttribute(node: Node, name: string): Dim {
  const value = attribute(node, name);
  return isDim(value) ? value : wrong(node, name);
}

/** A size, or null where the program says `none`. */
export function optionalDimAttribute(node: Node, name: string): Dim | null {
  return attribute(node, name) === null ? null : dimAttribute(node, name);
}

export function numbersAttribute(node: Node, name: string): readonly number[] {
  const values = list(attribute(node, name)) ?? wrong(node, name);
  return values.map((value) => (typeof value === 'number' ? value : wrong(node, name)));
}

/** Numbers, or null where the program says `none`. */
export function optionalNumbersAttribute(node: Node, name: string): readonly number[] | null {
  return attribute(node, name) === null ? null : numbersAttribute(node, name);
}

/** Height, width. */
export function pairAttribute(node: Node, name: string): readonly [number, number] {
  const [height, width] = numbersAttribute(node, name);
  return height === undefined || width === undefined ? wrong(node, name) : [height, width];
}

/** Top, bottom, left, right. */
export function amountsAttribute(
  node: Node,
  name: string,
): readonly [number, number, number, number] {
  const [top, bottom, left, right] = numbersAttribute(node, name);
  if (top === undefined || bottom === undefined) return wrong(node, name);
  if (left === undefined || right === undefined) return wrong(node, name);
  return [top, bottom, left, right];
}

export function paddingAttribute(node: Node, name: string): Padding {
  const value = attribute(node, name);
  if (value === 'same' || value === 'valid') return value;
  return amountsAttribute(node, name);
}
