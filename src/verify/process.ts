/** Runs jobs in processes of their own: an engine that crashes or hangs takes no other with it. */
import { fork, type ChildProcess } from 'node:child_process';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { RuntimeName } from '../engines/runtimes.js';
import type { Job, JobResult, JobRunner } from './job.js';

interface ProcessOptions {
  /** The script of `worker.ts`. */
  readonly workerFile: string;
  /** How long a job may take, loading included, in seconds. */
  readonly timeout: number;
}

/** Of what an engine says on standard error before it crashes, in characters. */
const KEPT = 4000;
const MAX_QUOTE = 200;

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

interface Running {
  readonly runtime: RuntimeName;
  readonly child: ChildProcess;
  /** The end of its standard error. */
  readonly said: () => string;
}

/**
 * A process for each runtime, which is kept from job to job of that runtime and started anew after
 * it has crashed (`engine-crashed`) or was stopped (`engine-timed-out`).
 */
export function processRunner({ workerFile, timeout }: ProcessOptions): JobRunner {
  let running: Running | undefined;
  const stop = (): void => {
    running?.child.kill('SIGKILL');
    running = undefined;
  };
  // An engine that hangs does not see that this process is gone. A signal ends it without `exit`.
  process.once('exit', stop);
  const onSignal = (signal: NodeJS.Signals): void => {
    end();
    process.kill(process.pid, signal);
  };
  SIGNALS.forEach((signal) => process.on(signal, onSignal));
  const end = (): void => {
    process.off('exit', stop);
    SIGNALS.forEach((signal) => process.off(signal, onSignal));
    stop();
  };
  return {
    async run(job) {
      if (running?.runtime !== job.runtime) stop();
      const asked = (running ??= start(workerFile, job.runtime));
      const outcome = await ask(asked, job, timeout);
      const { exitCode, killed, connected } = asked.child;
      if (exitCode !== null || killed || !connected) stop();
      return outcome;
    },
    stop: end,
  };
}

function start(workerFile: string, runtime: RuntimeName): Running {
  const child = fork(workerFile, [], {
    serialization: 'advanced',
    execArgv: [],
    // Standard output is for results: what engines print there is not.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (text: Buffer) => {
    said = `${said}${text.toString()}`.slice(-KEPT);
  });
  return { runtime, child, said: () => said };
}

function ask(
  { runtime, child, said }: Running,
  job: Job,
  timeout: number,
): Promise<Outcome<JobResult>> {
  return new Promise((resolve) => {
    const settle = (outcome: Outcome<JobResult>): void => {
      clearTimeout(timer);
      child.removeAllListeners('message').removeAllListeners('close').removeAllListeners('error');
      // What it says later is of no interest, and must not end this process.
      child.on('error', () => undefined);
      resolve(outcome);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      settle(timedOut(runtime, timeout));
    }, timeout * 1000);
    child.once('message', (outcome) => {
      // Both ends are this program.
      settle(outcome as Outcome<JobResult>);
    });
    // `close` comes after `exit`, when standard error has been read.
    child.once('close', (code, signal) =>
      settle(crashed(runtime, signal ?? `code ${code}`, said())),
    );
    child.once('error', (error) => settle(crashed(runtime, error.message, said())));
    child.send(job, (error) => {
      // Where the process has ended, `close` says more.
      if (error !== null && child.connected) settle(crashed(runtime, error.message, said()));
    });
  });
}

function timedOut(runtime: RuntimeName, timeout: number): Outcome<never> {
  const message = `${runtime} gave no result in ${timeout} s, and was stopped`;
  const hints = [`give it longer: \`--timeout ${timeout * 10}\``, 'or less to do: `--size`'];
  return { ok: false, diagnostics: [diagnostic('engine-timed-out', message, { hints })] };
}

function crashed(runtime: RuntimeName, how: string, said: string): Outcome<never> {
  const lines = said.split('\n').map((line) => line.trim());
  const why = lines.find((line) => /^(\w*error|fatal|terminate|what)\b|assert/i.test(line));
  const words = why === undefined ? '' : `: ${why.slice(0, MAX_QUOTE)}`;
  const message = `the process of ${runtime} ended with ${how}${words}`;
  return { ok: false, diagnostics: [diagnostic('engine-crashed', message)] };
}
