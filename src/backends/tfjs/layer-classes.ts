/** Which class of layer each operator is, with its configuration as Keras writes it. */
import type { Attribute, Node, Value, Weight } from '../../compiler/ir.js';
import type { CoreName } from '../../compiler/ops/index.js';
import {
  booleanAttribute,
  numberAttribute,
  numbersAttribute,
  paddingAttribute,
  pairAttribute,
} from '../attributes.js';
import { operand, rankOf, resultType } from '../nodes.js';
import { formedShape, type KernelForm } from './layout.js';

export interface LayerClass {
  readonly className: string;
  /** Without the name. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly weights: readonly {
    readonly weight: Weight;
    /** As the class calls it: `kernel`. */
    readonly name: string;
    readonly shape: readonly number[];
    readonly form: KernelForm;
  }[];
}

type Classify = (node: Node) => LayerClass;

/** Classes of `archc/tfjs`, which registers them. */
export const OWN_CLASSES = {
  convolution: 'ArchcConv2D',
  depthwise: 'ArchcDepthwiseConv2D',
  transposed: 'ArchcConv2DTranspose',
  groupNorm: 'GroupNormalization',
  operator: 'ArchcOperator',
} as const;

export function layerOf(node: Node): LayerClass {
  const classify: Classify | undefined = CLASSES[node.op as CoreName];
  return (classify ?? operator)(node);
}

/** All others are `ArchcOperator`: they have no weights, or are made of such as have none. */
const CLASSES: Readonly<Partial<Record<CoreName, Classify>>> = {
  conv(node) {
    const groups = numberAttribute(node, 'groups');
    const config = { ...kernelConfig(node), filters: numberAttribute(node, 'filters') };
    return isPlain(node) && groups === 1
      ? withKernel(node, 'Conv2D', config, 'kernel', 'plain')
      : withKernel(
          node,
          OWN_CLASSES.convolution,
          { ...config, ...ownConfig(node), groups },
          'kernel',
          'plain',
        );
  },
  dwconv(node) {
    const channels = Number(operand(node, 0).type.shape.at(-1));
    const config = { ...kernelConfig(node), depth_multiplier: numberAttribute(node, 'multiplier') };
    const form = { depthwise: channels };
    return isPlain(node)
      ? withKernel(node, 'DepthwiseConv2D', config, 'depthwise_kernel', form)
      : withKernel(
          node,
          OWN_CLASSES.depthwise,
          { ...config, ...ownConfig(node) },
          'depthwise_kernel',
          form,
        );
  },
  convtranspose(node) {
    const [height, width] = resultType(node).shape.map(Number);
    return withKernel(
      node,
      OWN_CLASSES.transposed,
      {
        filters: numberAttribute(node, 'filters'),
        kernel_size: pairAttribute(node, 'k'),
        strides: pairAttribute(node, 'stride'),
        padding: paddingAttribute(node, 'pad'),
        output_size: [height, width],
        use_bias: booleanAttribute(node, 'bias'),
      },
      'kernel',
      'transposed',
    );
  },
  dense: (node) =>
    withKernel(
      node,
      'Dense',
      {
        units: numberAttribute(node, 'units'),
        activation: 'linear',
        use_bias: booleanAttribute(node, 'bias'),
      },
      'kernel',
      'plain',
    ),
  batchnorm: (node) => ({
    className: 'BatchNormalization',
    config: {
      axis: -1,
      momentum: numberAttribute(node, 'momentum'),
      epsilon: numberAttribute(node, 'eps'),
      center: true,
      scale: true,
    },
    weights: named(node, ['gamma', 'beta', 'moving_mean', 'moving_variance']),
  }),
  groupnorm: (node) => groupNorm(node, numberAttribute(node, 'groups')),
  // As Keras has it: -1 is a group a channel.
  instancenorm: (node) => groupNorm(node, -1),
  // Without scale and shift, TensorFlow.js has no gradient of its own class.
  layernorm: (node) =>
    booleanAttribute(node, 'affine')
      ? {
          className: 'LayerNormalization',
          config: { axis: [rankOf(operand(node, 0))], ...affineConfig(node) },
          weights: named(node, ['gamma', 'beta']),
        }
      : operator(node),
  prelu(node) {
    const shape = operand(node, 0).type.shape;
    const [alpha] = named(node, ['alpha']);
    const shared = shape.slice(0, -1).map((_, axis) => axis + 1);
    const channels = Number(shape.at(-1));
    return {
      className: 'PReLU',
      config: { shared_axes: shared.length === 0 ? null : shared },
      weights: alpha === undefined ? [] : [{ ...alpha, shape: [...shared.map(() => 1), channels] }],
    };
  },
  relu: () => ({ className: 'Activation', config: { activation: 'relu' }, weights: [] }),
  sigmoid: () => ({ className: 'Activation', config: { activation: 'sigmoid' }, weights: [] }),
  tanh: () => ({ className: 'Activation', config: { activation: 'tanh' }, weights: [] }),
  dropout: (node) => ({
    className: 'Dropout',
    config: { rate: numberAttribute(node, 'rate') },
    weights: [],
  }),
  maxpool: (node) => pool(node, 'MaxPooling2D'),
  avgpool: (node) => pool(node, 'AveragePooling2D'),
};

/** An operator by its name, evaluated as archc defines it. */
function operator(node: Node): LayerClass {
  return {
    className: OWN_CLASSES.operator,
    config: {
      operator: node.op,
      attributes: node.attributes,
      shapes: node.results.map(({ type }) => type.shape.map(Number)),
      // Operands that are no activations; null stands for those that are.
      constants: node.operands.map(constantOf),
    },
    weights: [],
  };
}

function constantOf({ definition, type }: Value): object | null {
  return definition.kind === 'constant' ? { shape: type.shape, data: [...definition.data] } : null;
}

function pool(node: Node, className: string): LayerClass {
  const padding = paddingAttribute(node, 'pad');
  if (typeof padding !== 'string') return operator(node);
  return {
    className,
    config: {
      pool_size: pairAttribute(node, 'k'),
      strides: pairAttribute(node, 'stride'),
      padding,
    },
    weights: [],
  };
}

function groupNorm(node: Node, groups: number): LayerClass {
  return {
    className: OWN_CLASSES.groupNorm,
    config: { groups, axis: -1, ...affineConfig(node) },
    weights: named(node, ['gamma', 'beta']),
  };
}

function affineConfig(node: Node): Readonly<Record<string, unknown>> {
  const affine = booleanAttribute(node, 'affine');
  return { epsilon: numberAttribute(node, 'eps'), center: affine, scale: affine };
}

/** What Keras's convolutions can do, and TensorFlow.js has the gradients of. */
function isPlain(node: Node): boolean {
  const isWhole = numbersAttribute(node, 'dilation').every((d) => d === 1);
  return isWhole && typeof paddingAttribute(node, 'pad') === 'string' && !isStandardized(node);
}

function isStandardized(node: Node): boolean {
  const { definition } = operand(node, 1);
  return definition.kind === 'result' && definition.node.op === 'standardize';
}

function kernelConfig(node: Node): Readonly<Record<string, unknown>> {
  return {
    kernel_size: pairAttribute(node, 'k'),
    strides: pairAttribute(node, 'stride'),
    padding: paddingAttribute(node, 'pad'),
    dilation_rate: pairAttribute(node, 'dilation'),
    data_format: 'channels_last',
    activation: 'linear',
    use_bias: booleanAttribute(node, 'bias'),
  };
}

function ownConfig(node: Node): Readonly<Record<string, unknown>> {
  return { standardize: isStandardized(node) };
}

function withKernel(
  node: Node,
  className: string,
  config: Readonly<Record<string, unknown>>,
  kernelName: string,
  form: KernelForm,
): LayerClass {
  const [kernel, ...bias] = named(node, [kernelName, 'bias']);
  if (kernel === undefined) throw new Error(`${node.op}: kernel missing`);
  const shape = formedShape(kernel.weight.shape, form);
  return { className, config, weights: [{ ...kernel, shape, form }, ...bias] };
}

/** The node's weights under the names that the class has for them. */
function named(node: Node, names: readonly string[]): LayerClass['weights'][number][] {
  return node.operands.slice(1).map((value, i) => {
    const weight = weightOf(value);
    return { weight, name: names[i] ?? '', shape: weight.shape, form: 'plain' };
  });
}

function weightOf({ definition }: Value): Weight {
  if (definition.kind === 'weight') return definition.weight;
  const [kernel] = definition.kind === 'result' ? definition.node.operands : [];
  if (kernel?.definition.kind === 'weight') return kernel.definition.weight;
  throw new Error('a layer whose weight is computed');
}

/** Of an operator in a layers model, as its configuration has it. */
export interface OperatorConfig {
  readonly operator: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly shapes: readonly (readonly number[])[];
  readonly constants: readonly ({
    readonly shape: readonly number[];
    readonly data: readonly number[];
  } | null)[];
}
