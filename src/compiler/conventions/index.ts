/** The conventions by name: what published tools count. A new one is a file and a line here. */
import { calflops } from './calflops.js';
import type { Convention } from './convention.js';
import { fvcore } from './fvcore.js';
import { onnxTool } from './onnx-tool.js';
import { paper } from './paper.js';
import { ptflops, ptflopsModules } from './ptflops.js';
import { tf } from './tf.js';
import { thop } from './thop.js';
import { torch } from './torch.js';
import { torchinfo } from './torchinfo.js';

export const CONVENTIONS = {
  fvcore,
  ptflops,
  'ptflops-modules': ptflopsModules,
  thop,
  torchinfo,
  calflops,
  'onnx-tool': onnxTool,
  torch,
  tf,
  paper,
} as const satisfies Record<string, Convention>;

export type ConventionName = keyof typeof CONVENTIONS;

export const CONVENTION_NAMES = Object.keys(CONVENTIONS) as readonly ConventionName[];
