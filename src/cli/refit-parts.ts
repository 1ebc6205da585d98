import { type Refits, type RefitTask, refitRange } from '../fit/refit.js';

/** Refits of one part of the draws. */
export interface RefitPart {
  readonly index: number;
  readonly refits: Refits;
}

/** Draws of a part: so many that taking it costs nothing, so few that no thread waits long for the last. */
const partDraws = 50;

/** Refits the parts of a task that nobody has taken yet, one after the other; `next` counts those taken, for all threads. */
export function takeParts(task: RefitTask, count: number, next: SharedArrayBuffer): readonly RefitPart[] {
  const taken = new Int32Array(next);
  const parts: RefitPart[] = [];
  for (;;) {
    const index = Atomics.add(taken, 0, 1);
    const from = index * partDraws;
    if (from >= count) return parts;
    parts.push({ index, refits: refitRange(task, from, Math.min(count, from + partDraws)) });
  }
}
