/** Where and when something was measured, for pages that say so. */
import { cpus, loadavg, type as systemName } from 'node:os';

/** Processor, how many, system and Node, in one line. */
export function machineLine(): string {
  const processors = cpus();
  return (
    `${processors[0]?.model.trim() ?? 'an unknown processor'} (${processors.length} of them), ` +
    `${systemName()}, Node ${process.version}`
  );
}

/** How many processes wanted a processor in the last minute, on average. */
export function loadNow(): number {
  return loadavg()[0] ?? 0;
}

/** `2026-01-31`, in UTC. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
