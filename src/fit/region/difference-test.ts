import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { noiseComponents } from '../noise.js';
import { normalNumbers } from '../random.js';
import { fitUpTo, type RegionFit, residualsOf } from './estimate.js';
import { breakGrid } from './grid.js';
import { type ActiveRows, activeRows, sortRows } from './rows.js';
import type { RegionSample } from './sample.js';

/** Whether more regions say more than chance. */
export interface DifferenceTest {
  /** Breakpoints of the hypothesis, and of the law against it. */
  readonly hypothesis: number;
  readonly alternative: number;
  /** Twice the log of the likelihood ratio, of rows as if independent. */
  readonly ratio: number;
  /** Share of the simulated tables, and this one, with at least that ratio. */
  readonly p: number;
  readonly replicates: number;
  readonly seed: number;
  /** Standard deviations of log loss in the simulated tables: shared by the rows of a run, and of each row. */
  readonly runSd: number;
  readonly rowSd: number;
}

/** Simulated tables by default. */
export const defaultReplicates = 199;
const candidates = 60;
/** Variance of log loss below which a fit is exact but for rounding. */
const exactVariance = 1e-20;

/**
 * Parametric bootstrap of the likelihood ratio of a law with more breakpoints against one with fewer. A breakpoint has no value
 * under the hypothesis, so that the ratio has no chi-squared distribution; its distribution is simulated: losses by the law of
 * fewer breakpoints, with normal noise that the rows of a run share and noise of each row, both as found about that law. In each
 * simulated table the breakpoints are looked for anew.
 *
 * @param hypothesis - Breakpoints of the hypothesis.
 * @param alternative - Breakpoints of the law against it; more.
 * @returns null where the table can't be divided so.
 */
export function testDifference(
  sample: RegionSample,
  continuous: boolean,
  hypothesis: number,
  alternative: number,
  replicates: number = defaultReplicates,
  seed = 1,
): DifferenceTest | null {
  const rows = activeRows(sortRows(sample), sample.logLoss, sample.weights);
  const runs = sample.runIds.length;
  const runOfRow = Int32Array.from(rows.order, (row) => sample.runOfRow[row]!);
  const grid = breakGrid(rows, rows.weights, continuous, candidates);
  const fit: RegionFit | null = fitUpTo(rows, grid, continuous, hypothesis).at(-1)!;
  const ratioOf = (simulated: ActiveRows): number | null => {
    const divisions = grid.divisions(alternative, simulated);
    const [fewer, more] = [divisions[hypothesis], divisions[alternative]];
    if (!fewer || !more) return null;
    const weight = rows.weightBefore[rows.size]!;
    const [one, other] = [fewer, more].map(({ squares }) => Math.max(squares / weight, exactVariance));
    return weight * Math.log(one! / other!);
  };
  const ratio = ratioOf(rows);
  if (fit === null || ratio === null) return null;
  const residuals = residualsOf(rows, fit);
  const { runSd, rowSd } = noiseComponents(residuals, runOfRow, runs);
  const normal = normalNumbers(xoroshiro128plus(seed));
  const offsets = new Float64Array(runs);
  const logLoss = new Float64Array(rows.size);
  let extreme = 1;
  for (let k = 0; k < replicates; k++) {
    for (let run = 0; run < runs; run++) offsets[run] = runSd * normal();
    for (let row = 0; row < rows.size; row++) {
      logLoss[row] = rows.logLoss[row]! - residuals[row]! + offsets[runOfRow[row]!]! + rowSd * normal();
    }
    if (ratioOf({ ...rows, logLoss })! >= ratio) extreme += 1;
  }
  return { hypothesis, alternative, ratio, p: extreme / (replicates + 1), replicates, seed, runSd, rowSd };
}
