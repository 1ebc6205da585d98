import {
  type IntervalKind,
  isoflopPlot,
  lossPlot,
  optimumPlot,
  profilePlot,
  regionPlot,
  residualPlot,
  shapeRatioPlot,
} from '../src/report/index.js';
import { logSpaced, normals } from './simulated-runs.js';

const bootstrap: IntervalKind = { level: 0.95, method: 'percentile bootstrap over runs' };
const lossLabel = 'loss (nats per token)';
const flopsLabel = 'training FLOPs (6ND)';

/** The surface of Besiroglu et al. 2024, rounded: a plausible loss, which nothing here is compared with. */
const surface = (params: number, tokens: number) => 1.8172 + 482.01 * params ** -0.3478 + 2085.43 * tokens ** -0.3658;
/** The loss of a model of some params trained on a budget of 6 params tokens. */
const atBudget = (params: number, flops: number) => surface(params, flops / (6 * params));
/** The loss at twenty tokens a parameter. */
const twenty = (flops: number) => atBudget(Math.sqrt(flops / 120), flops);
/** Ends about a value, further apart away from a centre. */
const about = (value: number, share: number): [number, number] => [value / (1 + share), value * (1 + share)];
const spread = (x: number, centre: number) => 0.004 + 0.004 * Math.log10(x / centre) ** 2;

/** One plot of each kind as a user would draw it. */
export const plots = {
  loss() {
    const normal = normals(1);
    const evidence = [1e18, 1e21] as const;
    return lossPlot({
      title: 'Loss against training compute',
      subtitle: 'L = E + A params^-alpha + B tokens^-beta, along 20 tokens a parameter',
      points: logSpaced(1e18, 1e21, 13).flatMap((x, k) =>
        ['C4', 'The Pile'].map((group, of) => ({
          x,
          loss: twenty(x) * Math.exp(0.006 * normal() + 0.02 * of),
          group,
          inFit: k > 1,
        })),
      ),
      curve: logSpaced(3e17, 1e23, 60).map((x) => ({
        x,
        loss: twenty(x),
        mean: about(twenty(x), spread(x, 3e19)),
        newRun: about(twenty(x), 0.015 + spread(x, 3e19)),
      })),
      intervals: bootstrap,
      evidence,
      xLabel: flopsLabel,
      lossLabel,
    });
  },

  isoflop() {
    const normal = normals(2);
    return isoflopPlot({
      title: 'IsoFLOP curves',
      budgets: [6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20].map((flops) => {
        const best = 0.6 * (flops / 6) ** 0.5 * 0.35;
        const sizes = logSpaced(best / 6, best * 6, 9);
        return {
          flops,
          points: sizes.map((params) => ({ params, loss: atBudget(params, flops) * Math.exp(0.003 * normal()) })),
          parabola: logSpaced(best / 6, best * 6, 40).map((params) => ({ params, loss: atBudget(params, flops) })),
          minimum: { params: best, loss: atBudget(best, flops), interval: about(best, 0.3) },
        };
      }),
      intervals: { level: 0.95, method: 'noise bootstrap' },
      lossLabel,
    });
  },

  optimum() {
    const budgets = logSpaced(1e18, 1e24, 25);
    const method = (name: string, scale: number, exponent: number) => ({
      name,
      line: budgets.map((flops) => ({
        flops,
        value: scale * flops ** exponent,
        interval: about(scale * flops ** exponent, 0.1 + 4 * spread(flops, 1e20)),
      })),
      intervals: bootstrap,
    });
    return optimumPlot({
      title: 'Best parameters for a budget',
      methods: [
        {
          ...method('IsoFLOP', 0.095, 0.497),
          points: logSpaced(1e19, 1e21, 6).map((flops, k) => ({
            flops,
            value: 0.095 * flops ** 0.497 * (k % 2 === 0 ? 1.1 : 0.92),
            interval: about(0.095 * flops ** 0.497, 0.3),
          })),
          intervals: { level: 0.95, method: 'noise bootstrap' },
        },
        method('chinchilla', 0.06, 0.513),
        { name: 'frontier', line: budgets.map((flops) => ({ flops, value: 0.14 * flops ** 0.48 })) },
      ],
      label: 'best parameters (non-embedding)',
    });
  },

  residual() {
    const normal = normals(3);
    return residualPlot({
      title: 'What the law misses',
      points: ['narrow', 'standard', 'wide', 'tall'].flatMap((group, k) =>
        logSpaced(20e6, 5e9, 15).map((x) => ({
          x,
          residual: 0.01 * normal() + 0.006 * (k - 1),
          group,
          inFit: x < 4e9,
        })),
      ),
      xLabel: 'parameters',
    });
  },

  'shape-ratio'() {
    const normal = normals(4);
    return shapeRatioPlot({
      title: 'Best width over depth',
      points: logSpaced(50e6, 2e9, 22).map((params) => ({
        params,
        ratio: 60 * (params / 5e8) ** 0.1 * Math.exp(0.8 * normal()),
        inFit: true,
      })),
      best: logSpaced(50e6, 2e10, 40).map((params) => ({
        params,
        ratio: 40 * (params / 5e8) ** 0.15,
        interval: about(40 * (params / 5e8) ** 0.15, 0.2 + 20 * spread(params, 5e8)),
      })),
      intervals: bootstrap,
      evidence: [50e6, 2e9],
      ratioLabel: 'dModel / layers',
    });
  },

  region() {
    const normal = normals(5);
    const law = (x: number) => 3.2 * (x / 1e19) ** (x < 1e19 ? -0.09 : -0.05);
    return regionPlot({
      title: 'Compute regions',
      subtitle: 'Loss falls as FLOPs^-0.09 below the breakpoint and FLOPs^-0.05 above it',
      points: logSpaced(1e17, 1e21, 60).map((x) => ({ x, loss: law(x) * Math.exp(0.01 * normal()), inFit: true })),
      segments: [logSpaced(1e17, 1e19, 2), logSpaced(1e19, 1e21, 2)].map((ends) =>
        ends.map((x) => ({ x, loss: law(x) })),
      ),
      breakpoints: [{ at: 1e19, interval: [4e18, 2.2e19] }],
      intervals: { level: 0.95, method: 'profile likelihood' },
      xLabel: flopsLabel,
      lossLabel,
    });
  },

  profile() {
    return profilePlot({
      title: 'Profile of alpha',
      points: Array.from({ length: 25 }, (_, k) => {
        const value = 0.29 + 0.005 * k;
        return { value, deviance: ((value - 0.3478) / 0.016) ** 2 * (value > 0.3478 ? 0.8 : 1.1) };
      }),
      threshold: 3.841,
      interval: [0.318, 0.3829],
      intervals: { level: 0.95, method: 'profile likelihood' },
      label: 'alpha',
    });
  },
};
