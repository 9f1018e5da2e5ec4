/** What is particular to terminals: colour, width, progress, closed pipes. */
import type { WriteStream } from 'node:tty';

/** A standard stream, which may be a terminal, a pipe or a file. */
export type OutputStream = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Colour only on a terminal, and never with a non-empty `NO_COLOR` (no-color.org). */
export function usesColor(stream: OutputStream, env: Environment = process.env): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

export function widthOf(stream: OutputStream): number | undefined {
  // Some terminals say 0 where they do not know.
  return stream.columns === undefined || stream.columns < 1 ? undefined : stream.columns;
}

/** Writes and waits until the stream has taken it all, so that the process may end then. */
export function write(stream: OutputStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** A reader that stops early (`archc stats | head -3`) ends the command in silence. */
export function endOnClosedPipe(stream: OutputStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    throw error;
  });
}

export interface Progress {
  /** Shows that `done` of the total is done, and something about it. */
  readonly update: (done: number, detail?: string) => void;
  /** Removes the bar. */
  readonly end: () => void;
}

const BAR_WIDTH = 24;
/** Milliseconds between two drawings, and before the first: short work shows no bar. */
const REDRAW_INTERVAL = 100;

/** A progress bar on a terminal, and nothing anywhere else. */
export function startProgress(
  stream: OutputStream,
  label: string,
  total: number,
  now: () => number = () => performance.now(),
): Progress {
  if (stream.isTTY !== true || total <= 0) return { update: () => undefined, end: () => undefined };
  let drawnAt = now();
  let isShown = false;
  const erase = '\r\u001b[K';
  return {
    update(done, detail = '') {
      if (now() - drawnAt < REDRAW_INTERVAL) return;
      drawnAt = now();
      isShown = true;
      const part = Math.max(0, Math.min(1, done / total));
      const filled = Math.round(part * BAR_WIDTH);
      const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
      const line = `${label} ${bar} ${done}/${total}${detail === '' ? '' : `  ${detail}`}`;
      stream.write(erase + line.slice(0, (widthOf(stream) ?? 80) - 1));
    },
    end() {
      if (isShown) stream.write(erase);
      isShown = false;
    },
  };
}
