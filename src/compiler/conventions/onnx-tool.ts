/** onnx-tool: nodes of an ONNX graph; what is no MAC is weighed by instructions of a processor. */
import { pair } from '../ops/kinds.js';
import { elementCount } from '../ops/tensor.js';
import {
  attribute,
  biasAdditions,
  byMode,
  counts,
  each,
  FREE,
  inputs,
  macs,
  outputs,
  pairwise,
  pixels,
  uncounted,
  type Convention,
  type Rule,
} from './convention.js';

/** So many operations an output element. */
function perOutput(operations: number): Rule {
  return counts(`${operations} an output element`, (call) => operations * outputs(call));
}

const WITH_BIAS = counts(
  '1 a MAC, and 1 an output element where there is a bias',
  (call) => macs(call) + biasAdditions(call),
);
const POOL = counts(
  '1 a tap of the window of each output element',
  (call) => outputs(call) * pixels(attribute(call, 'k', pair(1))),
);
const RESAMPLING = byMode(
  counts('0', () => 0),
  perOutput(4),
);
const ARITHMETIC = counts('1 an output element for each tensor after the first', pairwise);
const UNREGISTERED = uncounted('the node is not registered');

/** An addition, a square root and a division: 1, 24 and 4 instructions. */
const ROOT_OF_A_ROW = 29;

export const onnxTool: Convention = {
  name: 'onnx-tool',
  version: '1.0.1',
  unit: 'operations',
  source: 'onnx_tool/node.py',
  rules: {
    ...FREE,
    ...each(['conv', 'dwconv', 'dense'], WITH_BIAS),
    convtranspose: counts(
      'output channels · k² an output element, where input channels were due, and 1 for a bias',
      (call) => {
        const [, [kh = 1, kw = 1, , filters = 1] = []] = call.operands;
        return outputs(call) * filters * kh * kw + biasAdditions(call);
      },
    ),
    matmul: counts('1 a MAC', macs),
    batchnorm: perOutput(31),
    instancenorm: perOutput(14),
    layernorm: counts(`7 an input element and ${ROOT_OF_A_ROW} a row`, (call) => {
      const [shape = []] = call.operands;
      return 7 * inputs(call) + ROOT_OF_A_ROW * elementCount(shape.slice(0, -1));
    }),
    relu: perOutput(1),
    ...each(['relu6', 'leakyrelu', 'prelu'], perOutput(2)),
    elu: perOutput(35),
    gelu: perOutput(34),
    silu: perOutput(33),
    sigmoid: perOutput(32),
    tanh: perOutput(76),
    hardswish: perOutput(5),
    hardsigmoid: perOutput(4),
    softmax: perOutput(36),
    ...each(['maxpool', 'avgpool'], POOL),
    globalavgpool: counts(
      '1 an input element and 4 an output element',
      (call) => inputs(call) + 4 * outputs(call),
    ),
    ...each(['upsample', 'resize'], RESAMPLING),
    ...each(['add', 'sub', 'mul', 'maximum', 'minimum'], ARITHMETIC),
    div: counts(
      '4 an output element for each tensor after the first',
      (call) => 4 * pairwise(call),
    ),
    ...each(['mean', 'sum', 'max'], counts('1 an input element', inputs)),
    ...each(['groupnorm', 'selu', 'mish', 'softplus', 'globalmaxpool'], UNREGISTERED),
  },
};
