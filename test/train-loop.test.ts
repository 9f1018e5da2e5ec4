/** Training a tiny model: the same again, the same after a break, nothing leaks, faults are named. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCheckpoint, type TrainingIdentity } from '../src/train/checkpoint.js';
import type { TrainResult } from '../src/train/train.js';
import { readSafetensors, writeSafetensors } from '../src/weights/safetensors.js';
import { useBackend } from './helpers/tfjs-run.js';
import { RECIPE, refused, squares, trained, TINY, type TinyTraining } from './helpers/training.js';

const IDENTITY: TrainingIdentity = {
  model: 'Tiny',
  arguments: [],
  recipe: RECIPE,
  data: squares(9).description,
};

const bytesOf = (result: TrainResult): Uint8Array =>
  encodeCheckpoint(result.state, IDENTITY, 'test');

/** Trains to a step, and the checkpoint of that. */
async function brokenOff(after: number, options: TinyTraining = {}): Promise<Uint8Array> {
  let step = 0;
  let checkpoint: Uint8Array | undefined;
  const result = await trained({
    ...options,
    onStep: (record) => (step = record.step),
    stopped: () => step === after,
    save(bytes) {
      checkpoint = bytes;
      return [];
    },
  });
  expect(result.finished).toBe(false);
  expect(result.state.step).toBe(after);
  if (checkpoint === undefined) throw new Error('no checkpoint');
  return checkpoint;
}

describe.each(['wasm', 'cpu'] as const)('training on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('is the same twice, and another with another seed', async () => {
    const [a, b] = [await trained(), await trained()];
    expect(bytesOf(a)).toEqual(bytesOf(b));
    const c = await trained({ recipe: { seed: 2 } });
    expect(c.state.steps[0]?.loss).not.toBe(a.state.steps[0]?.loss);
  });

  it.each([1, 4, 6, 11])('comes to the same after a break after step %i', async (after) => {
    const whole = await trained();
    const resumed = await trained({ resume: await brokenOff(after) });
    expect(resumed.plan.done).toBe(after);
    expect(bytesOf(resumed)).toEqual(bytesOf(whole));
    expect(resumed.state.validations).toEqual(whole.state.validations);
  });
});

describe('training', () => {
  beforeAll(() => useBackend('wasm'));

  it('learns, and says how well', async () => {
    const schedule = { kind: 'cosine', floor: 0.1, warmup: 5 } as const;
    const result = await trained({
      recipe: { schedule, length: { steps: 150 }, validate: 150, augment: [] },
    });
    const [first] = result.state.steps;
    const [validation] = result.state.validations;
    expect(validation?.loss).toBeLessThan(0.4 * (first?.loss ?? 0));
    expect(validation?.scores.accuracy).toBeGreaterThan(0.95);
    expect(validation?.scores.dice[1]).toBeGreaterThan(0.85);
    // Three images of 12 × 12.
    expect(validation?.scores.pixels).toBe(3 * 144);
  });

  it('keeps no tensor over 1,000 steps', async () => {
    const counts: number[] = [];
    const after = tf.memory().numTensors;
    await trained({
      text: `model Tiny {
  input image: f32[H = 8, W = 8, 1]
  output mask = image -> conv(2) -> groupnorm(1) -> dropout(0.1) -> upsample(2) -> maxpool(2) -> conv(1) -> sigmoid
}
`,
      recipe: { crop: [4, 4], batch: 1, length: { steps: 1000 }, validate: 250 },
      dataset: squares(5, 8),
      onStep: ({ step }) => {
        if (step % 100 === 0) counts.push(tf.memory().numTensors);
      },
    });
    expect(counts).toHaveLength(10);
    expect(new Set(counts).size).toBe(1);
    expect(tf.memory().numTensors).toBe(after);
  });

  it('runs images of several sizes, in tiles where asked', async () => {
    const shown: string[] = [];
    const mixed = {
      ...squares(6),
      load: (index: number) => squares(6, index % 2 === 0 ? 12 : 16).load(index),
    };
    const options = { dataset: mixed, recipe: { length: { steps: 2 }, validate: 2 } };
    const whole = await trained({
      ...options,
      onShown: ({ name, example }) => shown.push(`${name}: ${example.height}`),
    });
    expect(shown).toEqual(['square 3: 16', 'square 4: 12', 'square 5: 16']);
    const tiled = await trained({ ...options, tile: 16 });
    expect(tiled.state.validations[0]?.scores.pixels).toBe(
      whole.state.validations[0]?.scores.pixels,
    );
    const [problem] = await refused({ ...options, recipe: { crop: undefined } });
    expect(problem).toMatchObject({ code: 'data-mismatch' });
    expect(problem?.hints).toEqual(['crop them: `crop = [12, 12]` in the recipe']);
  });

  it('goes on for longer from a checkpoint, but not with another training', async () => {
    const resume = await brokenOff(4);
    const longer = await trained({ resume, recipe: { length: { steps: 14 }, metrics: [] } });
    expect(longer.state.steps).toHaveLength(14);
    const problems = await refused({
      resume,
      text: TINY.replace('conv(4)', 'conv(8)'),
      recipe: { batch: 2, seed: 3 },
      identity: { arguments: ['width=8'] },
      dataset: squares(10),
    });
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['checkpoint-mismatch']));
    const messages = problems.map(({ message }) => message);
    expect(messages).toContain('its arguments: none in the checkpoint, here width=8');
    expect(messages).toContain("the recipe's batch: 3 in the checkpoint, here 2");
    expect(messages).toContain("the recipe's seed: 1 in the checkpoint, here 3");
    expect(messages).toContain(
      'the data: 9 squares of 12 in the checkpoint, here 10 squares of 12',
    );
    expect(
      messages.some((m) => /\[3, 3, 1, 8\] in the model and \[3, 3, 1, 4\] in the file/.test(m)),
    ).toBe(true);
  });

  it('does not make fewer steps than it has made', async () => {
    const resume = await brokenOff(4);
    const [problem, ...more] = await refused({ resume, recipe: { length: { steps: 3 } } });
    expect(problem).toMatchObject({
      code: 'checkpoint-mismatch',
      message: 'the checkpoint has 4 steps behind it, and this training has 3',
    });
    expect(more).toEqual([]);
    const ended = await trained({ resume, recipe: { length: { steps: 4 } } });
    expect(ended.finished).toBe(true);
  });

  it('does not go on from weights alone, nor from a damaged state', async () => {
    const { state } = await trained({ recipe: { length: { steps: 1 } } });
    const [alone] = await refused({ resume: writeSafetensors(state.weights) });
    expect(alone?.code).toBe('checkpoint-mismatch');
    const whole = new TextDecoder('latin1').decode(await brokenOff(4));
    const damaged = Uint8Array.from(whole.replace('\\"losses\\":[', '\\"losses\\":{'), (c) =>
      c.charCodeAt(0),
    );
    expect((await refused({ resume: damaged }))[0]?.code).toBe('bad-safetensors');
    expect((await refused({ resume: new Uint8Array(4) }))[0]?.code).toBe('bad-safetensors');
  });

  it('does not go on from a state of which a part is missing or another thing', async () => {
    const read = readSafetensors(await brokenOff(4));
    if (!read.ok) throw new Error('no checkpoint');
    const { tensors, metadata } = read.value;
    const state = JSON.parse(metadata.get('state') ?? '') as Readonly<Record<string, unknown>>;
    const [validation] = state['validations'] as readonly Readonly<Record<string, unknown>>[];
    const scores = validation?.['scores'] as object;
    const broken: readonly object[] = [
      { plateau: null },
      { plateau: {} },
      { plateau: { best: 'x', waited: 0, reductions: 0 } },
      { plateau: { best: 1, waited: -1, reductions: 0 } },
      { validations: [null] },
      { validations: [{ step: 4, loss: 1 }] },
      { validations: [{ ...validation, scores: { ...scores, iou: 3 } }] },
      { validations: [{ ...validation, scores: { ...scores, dice: ['x'] } }] },
      { losses: ['x', 1, 1, 1] },
      { norms: [1, 1, 1, null] },
      { step: -4 },
    ];
    const codes = async (own: Parameters<typeof writeSafetensors>[0], change: object) => {
      const text = JSON.stringify({ ...state, ...change });
      const resume = writeSafetensors(own, new Map([...metadata, ['state', text]]));
      return (await refused({ resume })).map(({ code }) => code);
    };
    for (const change of broken) {
      expect(await codes(tensors, change), JSON.stringify(change)).toEqual(['bad-safetensors']);
    }
    const slot = [...tensors.keys()].find((name) => name.startsWith('optimiser:m:'));
    const without = new Map([...tensors].filter(([name]) => name !== slot));
    expect(await codes(without, {})).toEqual(['bad-safetensors']);
    // A loss that is no number is written as null.
    const lost = { validations: [{ ...validation, loss: null }] };
    const text = JSON.stringify({ ...state, ...lost });
    const resume = writeSafetensors(tensors, new Map([...metadata, ['state', text]]));
    const resumed = await trained({ resume });
    expect(resumed.state.validations[0]?.loss).toBeNaN();
  });

  it('ends where a checkpoint cannot be kept', async () => {
    const { diagnostic } = await import('../src/compiler/diagnostic.js');
    const problems = await refused({
      save: () => [diagnostic('cannot-write', 'the disk is full')],
    });
    expect(problems.map(({ message }) => message)).toEqual(['the disk is full']);
  });

  it('stops where numbers are lost, with the step, the layer and its line', async () => {
    const text = `model Tiny {
  input image: f32[H = 8, W = 8, 1]
  output mask = image -> conv(2)
    -> elu -> conv(1) -> sigmoid
}
`;
    const sgd = { kind: 'sgd', lr: 1e25, momentum: 0, nesterov: false, decay: 0 } as const;
    const recipe = { optimiser: sgd, clip: undefined, length: { steps: 50 } };
    const [problem, ...others] = await refused({ text, recipe });
    expect(others).toEqual([]);
    expect(problem?.code).toBe('training-diverged');
    expect(problem?.message).toMatch(
      /^at step \d+, (the output of mask\.\w+ \(tiny\.arch:[34]\) is the first that is not finite|the loss is .*, far from where it began|the gradient of .* is the first that is not finite.*)$/,
    );
    const nan = squares(9);
    const [ofImage] = await refused({
      recipe: { normalise: 'none' },
      dataset: {
        ...nan,
        async load(index) {
          const sample = await nan.load(index);
          if (sample.ok) sample.value.image.fill(Number.NaN);
          return sample;
        },
      },
    });
    expect(ofImage?.message).toBe('at step 1, an image has values that are not finite');
  });

  it('names the layer', async () => {
    const text = `model Tiny {
  input image: f32[H = 8, W = 8, 1]
  scaled = image -> conv(2)
  broken = scaled
    -> div(0.0)
  output mask = broken -> conv(1) -> sigmoid
}
`;
    const [problem] = await refused({ text });
    expect(problem?.message).toBe(
      'at step 1, the output of broken.div (tiny.arch:5) is the first that is not finite',
    );
  });

  it('says what it cannot train', async () => {
    const without = TINY.replace(' -> sigmoid', '');
    expect((await refused({ text: without }))[0]).toMatchObject({ code: 'untrainable-model' });
    const smaller = TINY.replace(' -> upsample(2)', '');
    expect((await refused({ text: smaller }))[0]?.message).toMatch(
      /`mask` is \[4, 4, 1\], and labels are a class for each pixel of the image, \[8, 8\]/,
    );
    const coloured = { ...squares(9), channels: 3 };
    expect((await refused({ dataset: coloured }))[0]?.message).toMatch(
      /the images have 3 channels .* and the model takes 1/,
    );
    const [empty] = await refused({ dataset: squares(3) });
    expect(empty?.code).toBe('empty-split');
  });
});
