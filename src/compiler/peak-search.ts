/** Orders of tasks that need little memory: the search behind `bestOrder`, which knows no graphs. */

/** What runs, one after another. */
export interface Task {
  /** Tasks that run before it. */
  readonly after: readonly number[];
  /** Tensors that its end may free. */
  readonly reads: readonly number[];
  /** Bytes that come to be alive when it begins. */
  readonly makes: number;
  /** Those of them that something reads after its end. */
  readonly keeps: number;
}

/** A tensor that is freed once all of its readers have run. */
export interface Held {
  readonly bytes: number;
  /** How many of the tasks read it. */
  readonly readers: number;
}

export interface Part {
  /** In an order in which they can run. */
  readonly tasks: readonly Task[];
  readonly held: readonly Held[];
  /** Bytes alive before the first of them. */
  readonly alive: number;
}

export interface Ordered {
  readonly order: readonly number[];
  /** The most bytes that are alive at once in it. */
  readonly peak: number;
  /** Bytes that every order needs; `peak` at the least, where that is as low as can be. */
  readonly lowerBound: number;
}

/** How many steps a search may still take; it counts them down. */
interface Budget {
  steps: number;
}

/** For the search that proves an order the best, and for what follows where it has to give up. */
interface Budgets {
  readonly search: Budget;
  readonly beam: Budget;
}

/** Which tasks have run. Changed in place until it is part of a state. */
interface Done {
  /** A bit a task. */
  readonly bits: Uint32Array;
  /** For each tensor, how many of its readers have not run. */
  readonly waiting: Int32Array;
}

/** A set of tasks that have run, and how they came to. */
interface State {
  readonly done: Done;
  readonly count: number;
  readonly alive: number;
  readonly peak: number;
  readonly before: State | undefined;
  /** The tasks that ran after those of `before`. */
  readonly ran: readonly number[];
}

/**
 * An order whose peak is as low as the budget lets it find; peaks below `floor` are all the same to
 * it. Best-first over sets of tasks that have run: memory depends on the set alone, so of all orders
 * that lead to one only the best is kept.
 */
export function lowestPeak(part: Part, floor: number, budgets: Budgets): Ordered {
  const budget = budgets.search;
  const { tasks } = part;
  const least = Math.max(floor, part.alive);
  const start: State = {
    done: {
      bits: new Uint32Array(Math.ceil(tasks.length / 32)),
      waiting: Int32Array.from(part.held, ({ readers }) => readers),
    },
    count: 0,
    alive: part.alive,
    peak: least,
    before: undefined,
    ran: [],
  };
  const best = [givenOrder(start, part), greedyOrder(start, part, budget)].reduce((a, b) =>
    b.peak < a.peak ? b : a,
  );
  if (best.peak === least) return ordered(best, best.peak);
  const seen = new Map<string, number>();
  const open = [start];
  for (let state = pop(open); state !== undefined; state = pop(open)) {
    if (state.peak >= best.peak) break;
    if (state.count === tasks.length) return ordered(state, state.peak);
    for (const task of readyTasks(state.done, part, budget)) {
      if (budget.steps <= 0) {
        const beam = beamOrder(start, part, budgets.beam);
        return ordered(beam !== undefined && beam.peak < best.peak ? beam : best, state.peak);
      }
      const next = settle(run(state, task, part), part, budget);
      if (next.peak >= best.peak) continue;
      const key = keyOf(next);
      if ((seen.get(key) ?? Infinity) <= next.peak) continue;
      seen.set(key, next.peak);
      push(open, next);
      // A state costs more to keep than to reach.
      budget.steps -= 16 + next.done.bits.length + next.done.waiting.length;
    }
  }
  return ordered(best, best.peak);
}

function ordered(last: State, lowerBound: number): Ordered {
  const order: number[] = [];
  for (let state: State | undefined = last; state !== undefined; state = state.before) {
    order.push(...state.ran.toReversed());
  }
  return { order: order.reverse(), peak: last.peak, lowerBound };
}

function givenOrder(start: State, part: Part): State {
  const done = copyOf(start.done);
  let { alive, peak } = start;
  for (const task of part.tasks.keys()) {
    const { during, after } = effect(task, part, done, alive);
    finish(task, part, done);
    peak = Math.max(peak, during);
    alive = after;
  }
  const ran = [...part.tasks.keys()];
  return { done, count: ran.length, alive, peak, before: start, ran };
}

/** At most so many of the tasks that could be next are looked at, so that time stays linear. */
const GREEDY_CHOICES = 256;

/** Each time the task that raises the peak least; of those, the one that leaves least alive. */
function greedyOrder(start: State, part: Part, budget: Budget): State {
  const { tasks } = part;
  const waiting = tasks.map(({ after }) => after.length);
  const followers = tasks.map((): number[] => []);
  tasks.forEach(({ after }, task) => {
    for (const other of after) followers[other]?.push(task);
  });
  let ready = [...tasks.keys()].filter((task) => waiting[task] === 0);
  const done = copyOf(start.done);
  const ran: number[] = [];
  let { alive, peak } = start;
  while (ready.length > 0) {
    let best = { task: -1, peak: Infinity, alive: Infinity };
    for (const task of ready.slice(0, GREEDY_CHOICES)) {
      const next = effect(task, part, done, alive);
      const at = { task, peak: Math.max(peak, next.during), alive: next.after };
      if (at.peak < best.peak || (at.peak === best.peak && at.alive < best.alive)) best = at;
      budget.steps--;
    }
    const { task } = best;
    ({ alive, peak } = best);
    finish(task, part, done);
    ran.push(task);
    const freed: number[] = [];
    for (const follower of followers[task] ?? []) {
      waiting[follower] = (waiting[follower] ?? 0) - 1;
      if (waiting[follower] === 0) freed.push(follower);
    }
    // What a task has made possible comes first, so that what is begun is finished.
    ready = [...freed, ...ready.filter((other) => other !== task)];
  }
  return { done, count: ran.length, alive, peak, before: start, ran };
}

/** The most sets of tasks that a beam keeps. */
const MAX_BEAM = 32;

/** Goes forward with the few best sets of each size; undefined where the budget is too small. */
function beamOrder(start: State, part: Part, budget: Budget): State | undefined {
  const { length } = part.tasks;
  let best: State | undefined;
  let states = budget.steps < 3 * length ** 2 ? [] : [start];
  while (states.length > 0) {
    // The budget is shared by the tasks that are left; to try one looks at all of them a few times.
    const left = length - Math.min(...states.map(({ count }) => count));
    const tries = Math.max(1, Math.floor(budget.steps / (3 * length * left)));
    const width = Math.min(MAX_BEAM, tries);
    const next = new Map<string, State>();
    for (const state of states) {
      for (const task of promising(state, part, budget, Math.ceil(tries / states.length))) {
        const reached = settle(run(state, task, part), part, budget);
        if (reached.count === part.tasks.length) {
          if (best === undefined || reached.peak < best.peak) best = reached;
          continue;
        }
        const key = keyOf(reached);
        const known = next.get(key);
        if (known === undefined || reached.peak < known.peak) next.set(key, reached);
      }
    }
    states = [...next.values()]
      .sort((a, b) => a.peak - b.peak || a.alive - b.alive)
      .slice(0, width);
  }
  return best;
}

/** So many of the tasks that could be next: those that raise the peak least, then leave least alive. */
function promising(state: State, part: Part, budget: Budget, count: number): readonly number[] {
  const ready = readyTasks(state.done, part, budget);
  if (ready.length <= count) return ready;
  const effects = ready.map((task) => ({ task, ...effect(task, part, state.done, state.alive) }));
  const peakOf = ({ during }: { readonly during: number }): number => Math.max(state.peak, during);
  return effects
    .sort((a, b) => peakOf(a) - peakOf(b) || a.after - b.after)
    .slice(0, count)
    .map(({ task }) => task);
}

/**
 * The state after every task that costs nothing. One that leaves no more alive than there was, and
 * stays below the peak, may run at once: moved to the front of any order, it lowers what is alive
 * while the tasks before it run, since what it frees then it still frees once they have run.
 */
function settle(state: State, part: Part, budget: Budget): State {
  let { alive, count } = state;
  const done = state.done;
  const ran = [...state.ran];
  for (let changed = true; changed;) {
    changed = false;
    for (const task of readyTasks(done, part, budget)) {
      const { during, after } = effect(task, part, done, alive);
      if (during > state.peak || after > alive) continue;
      finish(task, part, done);
      ran.push(task);
      alive = after;
      count++;
      changed = true;
    }
  }
  return { ...state, alive, count, ran };
}

function run(state: State, task: number, part: Part): State {
  const { during, after } = effect(task, part, state.done, state.alive);
  const done = copyOf(state.done);
  finish(task, part, done);
  return {
    done,
    count: state.count + 1,
    alive: after,
    peak: Math.max(state.peak, during),
    before: state,
    ran: [task],
  };
}

/** Bytes alive while a task runs, and after it. */
function effect(
  task: number,
  { tasks, held }: Part,
  { waiting }: Done,
  alive: number,
): { readonly during: number; readonly after: number } {
  const { reads = [], makes = 0, keeps = 0 } = tasks[task] ?? {};
  let freed = 0;
  for (const tensor of reads) {
    if (waiting[tensor] === 1) freed += held[tensor]?.bytes ?? 0;
  }
  return { during: alive + makes, after: alive + keeps - freed };
}

function keyOf({ done }: State): string {
  return String.fromCharCode(...new Uint16Array(done.bits.buffer));
}

/** Tasks that could run next. */
function readyTasks({ bits }: Done, { tasks }: Part, budget: Budget): number[] {
  budget.steps -= tasks.length;
  return [...tasks.keys()].filter(
    (task) => !isDone(bits, task) && tasks[task]?.after.every((other) => isDone(bits, other)),
  );
}

function isDone(bits: Uint32Array, task: number): boolean {
  return (((bits[task >> 5] ?? 0) >> (task & 31)) & 1) === 1;
}

function finish(task: number, { tasks }: Part, { bits, waiting }: Done): void {
  bits[task >> 5] = (bits[task >> 5] ?? 0) | (1 << (task & 31));
  for (const tensor of tasks[task]?.reads ?? []) waiting[tensor] = (waiting[tensor] ?? 0) - 1;
}

function copyOf({ bits, waiting }: Done): Done {
  return { bits: bits.slice(), waiting: waiting.slice() };
}

/** Adds to a binary heap of states. */
function push(heap: State[], state: State): void {
  let place = heap.push(state) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (!isBefore(heap, place, parent)) return;
    swap(heap, place, parent);
    place = parent;
  }
}

/** Takes the state that comes first out of a binary heap. */
function pop(heap: State[]): State | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  heap[0] = last;
  for (let place = 0; ;) {
    const [left, right] = [2 * place + 1, 2 * place + 2];
    let least = place;
    if (isBefore(heap, left, least)) least = left;
    if (isBefore(heap, right, least)) least = right;
    if (least === place) return first;
    swap(heap, place, least);
    place = least;
  }
}

/** States go by peak, then the furthest first, so that an order is found soon. */
function isBefore(heap: readonly State[], a: number, b: number): boolean {
  const [x, y] = [heap[a], heap[b]];
  if (x === undefined || y === undefined) return false;
  if (x.peak !== y.peak) return x.peak < y.peak;
  return x.count === y.count ? x.alive < y.alive : x.count > y.count;
}

function swap(heap: State[], a: number, b: number): void {
  const [x, y] = [heap[a], heap[b]];
  if (x !== undefined && y !== undefined) [heap[a], heap[b]] = [y, x];
}
