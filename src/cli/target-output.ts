/** Where and how the files of each target are written. */
import { dirname, join } from 'node:path';
import type { Artifact, Target } from '../compile.js';
import type { Diagnostic } from '../compiler/diagnostic.js';
import { isOnnxFile, isPlanFolder } from './artifacts.js';
import { writeOutputFiles, writeOutputFolder } from './output.js';

interface PlacedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Where a target's files go. */
interface OutputForm {
  /** `models/sdunet.arch` gives `sdunet.onnx` in the folder where the command runs. */
  readonly suffix: string;
  /** Each file with its place, the first in the artifact first. */
  readonly paths: (output: string, artifact: Artifact) => readonly PlacedFile[];
  readonly write: (
    output: string,
    artifact: Artifact,
    force: boolean,
  ) => Promise<readonly Diagnostic[]>;
}

export const TARGET_OUTPUTS: Readonly<Record<Target, OutputForm>> = {
  onnx: {
    suffix: '.onnx',
    paths: besideFirst,
    write: (output, artifact, force) =>
      // What refers to the others is put in place last.
      writeOutputFiles(
        [...besideFirst(output, artifact)]
          .reverse()
          .map(({ path, bytes }) => ({ path, content: bytes })),
        {
          force,
          // The data file has no marks of its own; it goes with the model beside it.
          isSameKind: (path) => isOnnxFile(path.endsWith(DATA_SUFFIX) ? modelFileOf(path) : path),
        },
      ),
  },
  wgsl: folderOutput('.wgsl', isPlanFolder),
};

/** The first file under the name that was asked for, the others beside it under their own. */
function besideFirst(output: string, { files }: Artifact): readonly PlacedFile[] {
  return files.map(({ name, bytes }, i) => ({
    path: i === 0 ? output : join(dirname(output), name),
    bytes,
  }));
}

/** A target whose files make a folder. */
export function folderOutput(
  suffix: string,
  isSameKind: (path: string) => boolean | Promise<boolean>,
): OutputForm {
  return {
    suffix,
    paths: (output, { files }) =>
      files.map(({ name, bytes }) => ({ path: join(output, name), bytes })),
    write: (output, { files }, force) =>
      writeOutputFolder(output, new Map(files.map(({ name, bytes }) => [name, bytes])), {
        force,
        isSameKind,
      }),
  };
}

const DATA_SUFFIX = '.data';

/** Where the weights of an ONNX model are put that do not stand in it. */
export function dataFileOf(output: string): string {
  return `${output}${DATA_SUFFIX}`;
}

function modelFileOf(dataFile: string): string {
  return dataFile.slice(0, -DATA_SUFFIX.length);
}
