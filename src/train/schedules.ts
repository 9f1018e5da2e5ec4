/** How the learning rate goes over the steps: pure functions of the step. */
import type { Schedule } from './recipe.js';

/** What `plateau` remembers of the validations so far. */
export interface PlateauState {
  /** The least validation loss. */
  readonly best: number;
  /** Validations since then, or since the last reduction. */
  readonly waited: number;
  readonly reductions: number;
}

export const PLATEAU_START: PlateauState = { best: Infinity, waited: 0, reductions: 0 };

/** After a validation: a reduction is due once `patience` of them have brought no lower loss. */
export function afterValidation(state: PlateauState, loss: number, patience: number): PlateauState {
  if (loss < state.best) return { ...state, best: loss, waited: 0 };
  const waited = state.waited + 1;
  return waited < patience
    ? { ...state, waited }
    : { ...state, waited: 0, reductions: state.reductions + 1 };
}

/** What multiplies the learning rate at `step`, from 0, of `steps`. */
export function rateFactor(
  schedule: Schedule,
  step: number,
  steps: number,
  plateau: PlateauState = PLATEAU_START,
): number {
  const { warmup } = schedule;
  if (step < warmup) return (step + 1) / warmup;
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'cosine': {
      const { floor } = schedule;
      const progress = (step - warmup) / Math.max(1, steps - 1 - warmup);
      return floor + ((1 - floor) * (1 + Math.cos(Math.PI * Math.min(1, progress)))) / 2;
    }
    case 'step':
      return schedule.factor ** Math.floor(step / schedule.every);
    case 'plateau':
      return schedule.factor ** plateau.reductions;
  }
}
