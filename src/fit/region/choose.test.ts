import { describe, expect, test } from 'vitest';
import { logSpaced, normals, type SimulatedRow, tableOf } from '../../../tests/simulated-runs.js';
import { breakInterval, criticalRatio } from './break-interval.js';
import { chooseRegions } from './choose.js';
import { testDifference } from './difference-test.js';
import { effectiveRows } from './likelihood.js';
import { regionSample } from './sample.js';

interface Simulation {
  readonly runs: number;
  readonly checkpoints?: number;
  /** By which the exponent .15 falls at 1e20 FLOPs. */
  readonly bend?: number;
  readonly jump?: number;
  readonly rowSd: number;
  readonly runSd?: number;
  readonly seed: number;
}

function simulate({ runs, checkpoints = 1, bend = 0, jump = 0, rowSd, runSd = 0, seed }: Simulation) {
  const normal = normals(seed);
  const rows = logSpaced(1e18, 1e22, runs).flatMap((end, run): SimulatedRow[] => {
    const offset = runSd * normal();
    return Array.from({ length: checkpoints }, (_, k) => {
      const flops = end / (checkpoints - k);
      const x = Math.log(flops / 1e20);
      const logLoss = 1 - 0.15 * x + (x > 0 ? bend * x - jump : 0) + offset + rowSd * normal();
      return { runId: `run-${run}`, params: 1e8, flops, loss: Math.exp(logLoss) };
    });
  });
  return regionSample(tableOf(rows), 'flops');
}

/** Numbers of breakpoints chosen for seeds from 1 on. */
function chosen(count: number, isContinuous: boolean, simulation: Omit<Simulation, 'seed'>): number[] {
  return Array.from(
    { length: count },
    (_, seed) => chooseRegions(simulate({ ...simulation, seed: seed + 1 }), isContinuous, 2).breaks,
  );
}

describe.each([true, false])('the number of regions, continuous %s', (isContinuous) => {
  test.each([
    { runs: 50, rowSd: 0.01 },
    { runs: 16, checkpoints: 5, rowSd: 0.005, runSd: 0.02 },
  ])('is one where there is one: %j', (simulation) => {
    const ones = chosen(60, isContinuous, simulation).filter((breaks) => breaks === 0);
    expect(ones.length).toBeGreaterThanOrEqual(54);
  });

  test('is two where there are two', () => {
    const twos = chosen(15, isContinuous, { runs: 50, bend: 0.07, jump: isContinuous ? 0 : 0.05, rowSd: 0.01 });
    expect(twos.filter((breaks) => breaks === 1).length).toBeGreaterThanOrEqual(13);
  });
});

test('the table shows likelihood, BIC and held-out error of each number', () => {
  const choice = chooseRegions(simulate({ runs: 60, bend: 0.07, rowSd: 0.01, seed: 1 }), true, 2);
  expect(choice.breaks).toBe(1);
  expect(choice.counts.map(({ breaks }) => breaks)).toEqual([0, 1, 2]);
  // b, e, variance; then an exponent and a breakpoint each.
  expect(choice.counts.map(({ parameters }) => parameters)).toEqual([3, 5, 7]);
  for (const { bic, logLikelihood, parameters, rmse } of choice.counts) {
    expect(bic).toBeCloseTo(-2 * logLikelihood + parameters * Math.log(60), 9);
    // The log density of 60 normal numbers at their own variance.
    expect(logLikelihood).toBeCloseTo(-30 * (Math.log(2 * Math.PI * rmse ** 2) + 1), 9);
  }
  expect(choice.counts[1]!.holdOutRmse).toBeLessThan(choice.counts[0]!.holdOutRmse!);
  expect(choice.reason).toContain('2 regions');
});

test('four runs are too few to hold any out', () => {
  const choice = chooseRegions(simulate({ runs: 4, checkpoints: 10, rowSd: 0.01, seed: 1 }), true);
  expect(choice.folds).toBeNull();
  expect(choice.counts.map(({ holdOutRmse }) => holdOutRmse)).toEqual(choice.counts.map(() => null));
});

test('rows of runs that are off as a whole are worth one each', () => {
  const runOfRow = Int32Array.from({ length: 400 }, (_, row) => row % 40);
  const normal = normals(2);
  const offsets = Array.from({ length: 40 }, normal);
  const shared = Float64Array.from(runOfRow, (run) => offsets[run]! + 0.01 * normal());
  expect(effectiveRows(shared, runOfRow, 40, 400)).toBeCloseTo(40, 0);
  const own = Float64Array.from(runOfRow, () => normal());
  expect(effectiveRows(own, runOfRow, 40, 400)).toBeGreaterThan(250);
});

describe('the test of regions', () => {
  // A p-value of k/50 is as likely as any other: of 60 at most .05 are 3, more than 9 in 1 of 2,000 tries.
  test.each([
    { isContinuous: true, runs: 40, rowSd: 0.01 },
    { isContinuous: false, runs: 40, rowSd: 0.01 },
    { isContinuous: true, runs: 14, checkpoints: 4, rowSd: 0.005, runSd: 0.02 },
  ])('finds no difference where there is none: %j', ({ isContinuous, ...simulation }) => {
    const values = Array.from(
      { length: 60 },
      (_, seed) => testDifference(simulate({ ...simulation, seed: seed + 1 }), isContinuous, 0, 1, 49, seed)!.p,
    );
    expect(values.filter((p) => p <= 0.05).length).toBeLessThan(9);
    // And no less often than chance: of 60 under a half, 15 or fewer in 1 of 10,000.
    expect(values.filter((p) => p <= 0.5).length).toBeGreaterThan(15);
  });

  test.each([true, false])('finds a difference that is there, and no further one, continuous %s', (isContinuous) => {
    const further = [1, 2, 3, 4, 5].map((seed) => {
      const sample = simulate({ runs: 50, bend: 0.07, jump: isContinuous ? 0 : 0.05, rowSd: 0.01, seed });
      expect(testDifference(sample, isContinuous, 0, 1)!.p).toBe(1 / 200);
      return testDifference(sample, isContinuous, 1, 2, 99)!.p;
    });
    // By chance 3 of 5 in 1 of 1,000 tries.
    expect(further.filter((p) => p <= 0.05).length).toBeLessThan(3);
  });

  // What the noise of runs is for: at 20 runs off by 2% each, their checkpoints taken for runs make a difference of nothing.
  test('takes the noise of runs into account', () => {
    const sample = simulate({ runs: 20, checkpoints: 8, rowSd: 0.002, runSd: 0.03, seed: 6 });
    const unnamed = {
      ...sample,
      runOfRow: Int32Array.from(sample.runOfRow.keys()),
      runIds: Array.from(sample.runOfRow.keys(), String),
    };
    const [named, pooled] = [sample, unnamed].map((one) => testDifference(one, false, 0, 1, 199));
    expect(named!.runSd).toBeGreaterThan(0.015);
    expect(pooled!.runSd).toBe(0);
    expect(named!.p).toBeGreaterThan(pooled!.p);
  });

  test('is the same for the same seed', () => {
    const sample = simulate({ runs: 30, rowSd: 0.01, seed: 4 });
    expect(testDifference(sample, true, 0, 1, 49, 8)).toEqual(testDifference(sample, true, 0, 1, 49, 8));
  });
});

describe('the interval of a breakpoint', () => {
  // 3.8415 is the chi-squared quantile; the others are -2 ln(1 - sqrt(level)), by hand, as in Hansen's thr_est.
  test('has the limits of the two likelihoods', () => {
    expect(criticalRatio(0.95, true)).toBeCloseTo(3.841459, 5);
    expect(criticalRatio(0.95, false)).toBeCloseTo(7.35, 2);
    expect(criticalRatio(0.99, false)).toBeCloseTo(10.59, 2);
  });

  test.each([true, false])('holds the truth about as often as it says, continuous %s', (isContinuous) => {
    let held = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const sample = simulate({ runs: 100, bend: 0.07, jump: isContinuous ? 0 : 0.05, rowSd: 0.03, seed });
      const { interval } = breakInterval(chooseRegions(sample, isContinuous, 1), isContinuous, 1, 0, 0.95);
      expect(interval[0]).toBeLessThan(interval[1]);
      if (interval[0] <= 1e20 && 1e20 <= interval[1]) held += 1;
    }
    // Of 60 at 95% fewer than 50 in 1 of 2,000 tries.
    expect(held).toBeGreaterThanOrEqual(50);
  });

  test('is open where the rows do not bound it', () => {
    const sample = simulate({ runs: 30, bend: 0.002, rowSd: 0.02, seed: 3 });
    const { open } = breakInterval(chooseRegions(sample, true, 1), true, 1, 0, 0.95);
    expect(open).toEqual([true, true]);
  });
});
