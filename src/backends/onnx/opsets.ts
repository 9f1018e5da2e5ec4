/** The operator sets of ONNX that the backend writes. */

/** The version of the file format that goes with each (ONNX's Versioning.md). */
export const IR_VERSIONS: ReadonlyMap<number, number> = new Map([
  [17, 8],
  [18, 8],
  [19, 9],
  [20, 9],
  [21, 10],
]);
export const DEFAULT_OPSET = 17;
export const OPSETS = {
  min: Math.min(...IR_VERSIONS.keys()),
  max: Math.max(...IR_VERSIONS.keys()),
};
