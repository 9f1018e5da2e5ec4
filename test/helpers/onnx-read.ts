/** Reads ONNX files with schemas that are not archc's, and with Debian's own checker. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, type ModelProto } from 'onnx-buf';
import onnxProto, { type onnx as Onnx } from 'onnx-proto';

/** By `onnx-buf`, which knows IR 13. */
export function readModel(bytes: Uint8Array): ModelProto {
  return fromBinary(ModelProtoSchema, bytes);
}

/** By `onnx-proto`, which knows IR 8. */
export function readOldModel(bytes: Uint8Array): Onnx.ModelProto {
  return onnxProto.onnx.ModelProto.decode(bytes);
}

const PYTHON = '/usr/bin/python3';

/** Whether Debian's `python3-onnx` is installed. */
export function hasOnnxChecker(): boolean {
  return spawnSync(PYTHON, ['-c', 'import onnx']).status === 0;
}

const CHECK = `
import onnx, sys
for path in sys.argv[1:]:
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True)
    except Exception as problem:
        print(path, problem)
`;

/** What the checker, with strict shape inference, objects to in any of these models, by name. */
export function onnxProblems(models: ReadonlyMap<string, Uint8Array>): string {
  const folder = mkdtempSync(join(tmpdir(), 'archc-onnx-'));
  try {
    const paths = [...models].map(([name, bytes], i) => {
      const path = join(folder, `${i} ${name.replace(/[^\w ]/g, '_')}.onnx`);
      writeFileSync(path, bytes);
      return path;
    });
    return execFileSync(PYTHON, ['-c', CHECK, ...paths], { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
