// How often intervals of one case hold what they should, over some of its simulated sweeps.
import { refitTask } from '../../dist/fit/fit.js';
import { predictor } from '../../dist/fit/index.js';
import { refitInterval } from '../../dist/fit/intervals.js';
import { lawOf } from '../../dist/fit/law-of.js';
import { completeOptions } from '../../dist/fit/options.js';
import { fitToTable } from '../../dist/fit/posed.js';
import { refitRange } from '../../dist/fit/refit.js';
import { normals, simulate, truthOf } from './simulate.js';

/** Ways to intervals. `bca` needs one refit more for each run. */
export const methods = ['cluster', 'cluster BCa', 'wild', 'parametric'];
const level = 0.95;
/** New runs that each sweep's intervals are asked for; they share its luck, so that sweeps are counted and not these. */
const newRuns = 10;

/**
 * Sweeps from `from` up to `to`, `to` excluded: per method and quantity the number of sweeps, the sum of the shares of what
 * each interval held, the sum of their squares, and the intervals that had no finite ends (they count as holding nothing);
 * beside them the sweeps that got no intervals, by the reason.
 */
export function measure(study, { from, to, draws, seed, methods: asked, objective }) {
  const truth = truthOf(study);
  const { form, parameters } = truth;
  const tallies = {};
  const failures = {};
  const tally = (method, quantity, share, open = false) => {
    tallies[method] ??= {};
    tallies[method][quantity] ??= { sweeps: 0, sum: 0, squares: 0, open: 0 };
    const own = tallies[method][quantity];
    own.sweeps += 1;
    own.sum += share;
    own.squares += share * share;
    own.open += Number(open);
  };
  const quantities = [
    ...form.parameters.map((name, k) => ({ name, of: (values) => values[k] })),
    ...Object.keys(truth.derived)
      .filter((name) => name !== 'b' && name !== 'G')
      .map((name) => ({
        name: form.parameters.includes(name) ? `${name} of the optimum` : name,
        of: (values) => form.derive(values)[name],
      })),
    ...Object.entries(study.budgets).map(([where, flops]) => ({
      name: `optimum ${where}`,
      of: (values) => form.optimum(values, flops).params,
    })),
  ];

  for (let sweep = from; sweep < to; sweep++) {
    const normal = normals(seed * 1_000_003 + sweep);
    const table = simulate(study, truth.lossAt, normal);
    const future = Array.from({ length: newRuns }, () => study.noise.run * normal() + study.noise.row * normal());
    try {
      const fit = fitToTable(table, completeOptions({ law: study.law, ...study.form, draws, seed: sweep, objective }));
      if (fit.flat) {
        failures.flat = (failures.flat ?? 0) + 1;
        continue;
      }
      const estimate = form.toParameters(fit.solution.theta, fit.centres);
      const inUnits = ({ theta }) =>
        Array.from({ length: theta.length / parameters.length }, (_, k) =>
          form.toParameters(theta.slice(k * parameters.length, (k + 1) * parameters.length), fit.centres),
        );
      const known = {};
      const refitted = (resampling, count) => {
        known[resampling] ??= refitRange(refitTask(fit, resampling), 0, count);
        return known[resampling];
      };
      for (const method of asked) {
        const bca = method.endsWith(' BCa');
        const resampling = method.replace(' BCa', '');
        const drawn = refitted(resampling, draws);
        const [values, leftOut] = [inUnits(drawn), bca ? inUnits(refitted('leave-out', fit.runs)) : []];
        for (const { name, of } of quantities) {
          const ends = refitInterval(
            values.map(of),
            level,
            bca ? { estimate: of(estimate), leftOut: leftOut.map(of) } : undefined,
          );
          const wanted = of(parameters);
          tally(method, name, Number(ends !== null && ends[0] <= wanted && wanted <= ends[1]), ends === null);
        }
        if (bca) continue;
        const predictAt = predictor(lawOf(fit, { resampling, draws: drawn, leftOut: undefined }), level);
        for (const [where, point] of Object.entries(study.points)) {
          const { mean, newRun } = predictAt({ layers: point.decoderLayers, ...point }).loss;
          const wanted = truth.atPoints[where];
          tally(method, `mean ${where}`, Number(mean[0] <= wanted && wanted <= mean[1]));
          const held = future
            .map((noise) => wanted * Math.exp(noise))
            .filter((loss) => newRun[0] <= loss && loss <= newRun[1]);
          tally(method, `new run ${where}`, held.length / newRuns);
        }
      }
    } catch (error) {
      if (error.code === undefined) throw error;
      failures[error.code] = (failures[error.code] ?? 0) + 1;
    }
  }
  return { tallies, failures };
}
