import type { Command } from 'commander';
import type { Shell } from '../shell.js';
export function register(_p: Command, _s: Shell): void { return; }
