import { ShapelawError } from '../../errors.js';
import { requireDraws, requireLevel } from '../intervals.js';

/** @throws ShapelawError `bad-usage` for draws, a seed or a level out of range. */
export function requireDrawing(draws: number, seed: number, level: number): void {
  if (!(Number.isInteger(draws) && draws >= 0 && draws <= 1e6))
    throw new ShapelawError('bad-usage', `draws must be an integer from 0 to 1,000,000, not ${draws}`);
  if (!(Number.isInteger(seed) && Math.abs(seed) < 2 ** 31))
    throw new ShapelawError('bad-usage', `the seed must be a 32-bit integer, not ${seed}`);
  requireLevel(level);
  if (draws > 0) requireDraws(draws, level);
}

/** @throws ShapelawError `bad-usage` for a source of FLOPs that there is none of. */
export function requireSource(flops: string): void {
  if (flops === 'table' || flops === '6ND') return;
  throw new ShapelawError('bad-usage', `FLOPs can't be taken from "${flops}": table, 6ND`, { flops });
}
