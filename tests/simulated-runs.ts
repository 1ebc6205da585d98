import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { unstatedConventions } from '../src/conventions.js';
import type { Run, RunTable } from '../src/runs/index.js';

/** What a test says of a row; each row is a run of its own unless it names one. */
export type SimulatedRow = Partial<Run> & Pick<Run, 'params' | 'loss'>;

/** A run table as a file would give it, rows numbered from 1. */
export function tableOf(rows: readonly SimulatedRow[], overrides: Partial<RunTable> = {}): RunTable {
  return {
    source: 'simulated.csv',
    sha256: '0'.repeat(64),
    layout: 'own',
    rows: rows.map((row, index) => ({ row: index + 1, runId: `run-${index + 1}`, ...row })),
    dropped: [],
    conventions: { ...unstatedConventions, loss: 'nats-per-token' },
    options: {},
    warnings: [],
    ...overrides,
  };
}

/** `count` values from `low` to `high`, evenly spaced in the logarithm. */
export function logSpaced(low: number, high: number, count: number): number[] {
  return Array.from({ length: count }, (_, k) => low * (high / low) ** (k / (count - 1)));
}

/** Independent standard normal numbers by the method of Box and Muller, the same for the same seed. */
export function normals(seed: number): () => number {
  const random = xoroshiro128plus(seed);
  // 32 bits of the generator, moved off 0 and 1.
  const uniform = () => ((random.next() >>> 0) + 0.5) / 2 ** 32;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

export interface Surface {
  readonly E: number;
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/** `E + A N^-alpha + B D^-beta`, from the formula itself. */
export function surfaceLoss({ E, A, B, alpha, beta }: Surface, params: number, tokens: number): number {
  return E + A / params ** alpha + B / tokens ** beta;
}

/** Every size at every number of tokens, without noise, at 6 N D FLOPs. */
export function crossedRows(surface: Surface, sizes: readonly number[], lengths: readonly number[]): SimulatedRow[] {
  return sizes.flatMap((params) =>
    lengths.map((tokens) => ({
      params,
      tokens,
      flops: 6 * params * tokens,
      loss: surfaceLoss(surface, params, tokens),
    })),
  );
}

/** Rows with their losses times exp(sigma z), each row by its own z. */
export function withNoise(rows: readonly SimulatedRow[], sigma: number, normal: () => number): SimulatedRow[] {
  return rows.map((row) => ({ ...row, loss: row.loss * Math.exp(sigma * normal()) }));
}

/** Huber's loss of log-loss residuals, summed, from its definition. */
export function huberSum(logResiduals: Iterable<number>, delta: number): number {
  let sum = 0;
  for (const residual of logResiduals) {
    const size = Math.abs(residual);
    sum += size > delta ? delta * size - delta ** 2 / 2 : size ** 2 / 2;
  }
  return sum;
}

/** |actual / expected - 1|. */
export function relativeError(actual: number, expected: number): number {
  return Math.abs(actual / expected - 1);
}
