/**
 * `archc/webgpu`: runs kernel plans, as `archc compile --target wgsl` writes them, on any WebGPU
 * device. No dependencies; for browsers and Node.
 */
export { requestDevice } from './device.js';
export { PlanError, type PlanErrorCode } from './error.js';
export type { RunInput, RunInputs, TensorBuffer, TensorData } from './inputs.js';
export { loadPlan, type LoadOptions } from './load.js';
export type { DispatchTime, GpuOutputs, GpuTensor, Model, Port } from './model.js';
export { PLAN_FORMAT, PLAN_VERSION, type Plan } from './plan.js';
export type { SymbolValues } from './size.js';
export type { PlanSource } from './source.js';
