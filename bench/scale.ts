/** How the cost of checking and counting a model grows with its number of layers. */
import { check } from '../src/compiler/check.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { stats } from '../src/compiler/stats.js';
import { interleave } from './measure.js';

const LAYERS = [1_000, 3_000, 10_000, 30_000, 100_000];
/** The project's target, in ms, for 10,000 layers. */
const TARGET = 2000;

/** A model with a line of source for every layer, or with one loop over them. */
function program(layers: number, written: 'lines' | 'loop'): string {
  const head = 'model Deep() {\n  input x0: f32[H = 64, W = 64, 8] where H % 2 == 0\n';
  if (written === 'loop') {
    return `${head}  x = x0\n  for _ in 0..${layers} {\n    x = x -> conv(8)\n  }\n  output y = x\n}\n`;
  }
  const lines = Array.from({ length: layers }, (_, i) => `  x${i + 1} = x${i} -> conv(8)\n`);
  return `${head}${lines.join('')}  output y = x${layers} -> relu\n}\n`;
}

function checkAndCount(text: string): void {
  const checked = check({ path: 'deep.arch', text }, NO_FILES);
  const graph = checked.models[0]?.staticGraph;
  if (!checked.valid || graph === undefined) throw new Error('the generated model is not valid');
  const counted = stats(graph);
  if (!counted.ok) throw new Error('the generated model is not counted');
}

export function scale(): void {
  checkAndCount(program(1000, 'lines')); // so that the first row does not pay for compilation
  for (const written of ['lines', 'loop'] as const) {
    console.log(`check and count, layers written as ${written}   ms      µs a layer`);
    for (const layers of LAYERS) {
      const text = program(layers, written);
      const [time] = interleave(layers >= 30_000 ? 2 : 3, [
        () => {
          checkAndCount(text);
        },
      ]);
      const ms = time?.min ?? 0;
      const target = layers === 10_000 ? `   (target: under ${TARGET} ms)` : '';
      console.log(
        `  ${layers.toLocaleString('en').padStart(9)} layers ${ms.toFixed(0).padStart(25)} ` +
          `${((ms * 1000) / layers).toFixed(1).padStart(15)}${target}`,
      );
    }
  }
}
