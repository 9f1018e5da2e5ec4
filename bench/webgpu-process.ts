/** Processes that take turns, and what a piece of work costs in one. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '../src/compiler/ir.js';
import type { Adapter } from '../src/engines/engine.js';
import type { Peak } from './webgpu-peak.js';

/** In milliseconds. */
export interface Cost {
  readonly wall: number;
  /** Of all threads of the process, those of a driver that computes on the CPU among them. */
  readonly cpu: number;
}

export async function cost<T>(work: () => Promise<T>): Promise<{ cost: Cost; value: T }> {
  const start = performance.now();
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return { cost: { wall: performance.now() - start, cpu: (user + system) / 1000 }, value };
}

export interface First {
  readonly cost: Cost;
  readonly version: string;
  readonly adapter: Adapter | undefined;
  readonly output: Tensor;
}

/** What the processes answer. */
export interface Answers {
  /** Loads, compiles shaders, and computes once. */
  readonly first: First;
  readonly run: Cost;
  /** What the adapter can do, on the engine's device. */
  readonly peak: Peak;
}
export type Request = keyof Answers;

export type Reply =
  | { readonly ok: true; readonly value: Answers[Request] }
  | { readonly ok: false; readonly message: string };

export interface Worker {
  ask<R extends Request>(request: R): Promise<Answers[R]>;
  stop(): void;
}

/** Starts a process of `bench/webgpu-worker.ts`, once it is ready to load. */
export async function startWorker(args: readonly string[]): Promise<Worker> {
  const root = fileURLToPath(new URL('../', import.meta.url));
  const child = fork('scripts/run.mjs', ['bench/webgpu-worker.ts', ...args], {
    cwd: root,
    serialization: 'advanced',
    // Mesa keeps compiled shaders from one process to the next: a first run would be none.
    env: { ...process.env, MESA_SHADER_CACHE_DISABLE: 'true' },
  });
  await answer(child);
  return {
    async ask<R extends Request>(request: R) {
      child.send(request);
      const reply = await answer(child);
      if (!reply.ok) throw new Error(`${args.join(' ')}: ${reply.message}`);
      // The worker answers what it is asked.
      return reply.value as Answers[R];
    },
    stop: () => void child.kill(),
  };
}

function answer(child: ChildProcess): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null): void =>
      reject(new Error(`the process ended with ${signal ?? code}`));
    child.once('exit', onExit);
    child.once('message', (reply) => {
      child.off('exit', onExit);
      // Both ends are this program.
      resolve(reply as Reply);
    });
  });
}
