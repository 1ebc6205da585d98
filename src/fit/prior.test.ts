import { describe, expect, test } from 'vitest';
import {
  crossedRows,
  logSpaced,
  normals,
  type SimulatedRow,
  surfaceLoss,
  tableOf,
  withNoise,
} from '../../tests/simulated-runs.js';
import { fitLaw } from './fit.js';
import { type Law, parseLaw, serializeLaw } from './law.js';
import { lawForm } from './laws/registry.js';
import { makeObjective, penalty } from './objective.js';
import type { FitOptions } from './options.js';

const surface = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const sweep = withNoise(crossedRows(surface, logSpaced(5e7, 1e10, 7), logSpaced(1e9, 3e11, 7)), 0.005, normals(1));
const prior = fitLaw(tableOf(sweep), { law: 'chinchilla', draws: 200 });
// Runs of one's own, with another irreducible loss.
const own = { ...surface, E: 1.78 };
const few = withNoise(
  [
    [2e7, 5e8],
    [4e7, 4e8],
    [4e7, 2e9],
    [8e7, 1e9],
  ].map(([params, tokens]) => ({ params: params!, tokens: tokens!, loss: surfaceLoss(own, params!, tokens!) })),
  0.002,
  normals(2),
);
const more = withNoise(crossedRows(own, logSpaced(2e7, 2e8, 4), logSpaced(5e8, 5e9, 4)), 0.002, normals(3));
const fitWith = (rows: readonly SimulatedRow[], options: Partial<FitOptions> = {}) =>
  fitLaw(tableOf(rows), { law: 'chinchilla', draws: 0, prior, ...options });
const form = lawForm('chinchilla', {});
/** A prior whose residuals, and with them the weight of what it says, are `times` as large. */
const scaled = (times: number): Law => ({
  ...prior,
  residuals: { quantiles: prior.residuals!.quantiles.map((residual) => residual * times) },
});

/** The objective and the quadratic of the prior's draws, by their definitions, as a function of coordinates about the rows. */
function posterior(rows: readonly SimulatedRow[], on: readonly string[] = form.parameters) {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const centres = [mean(rows.map((row) => Math.log(row.params))), mean(rows.map((row) => Math.log(row.tokens!)))];
  const draws = prior.draws!.values.map((draw) => form.toCoordinates(draw, centres));
  const indices = on.map((name) => form.parameters.indexOf(name));
  const centre = indices.map((j) => mean(draws.map((draw) => draw[j]!)));
  const deviations = draws.map((draw) => indices.map((j, i) => draw[j]! - centre[i]!));
  const covariance = indices.map((_, i) =>
    indices.map((_other, k) => deviations.reduce((sum, d) => sum + d[i]! * d[k]!, 0) / (draws.length - 1)),
  );
  const objective = makeObjective();
  // Of Huber's: the slope is the residual up to delta, 1e-3, and the curvature 1 within it.
  const { quantiles } = prior.residuals!;
  const within = mean(quantiles.map((residual) => Number(Math.abs(residual) <= 1e-3)));
  const unit = mean(quantiles.map((residual) => Math.min(Math.abs(residual), 1e-3) ** 2)) / within;
  const value = (theta: Float64Array) => {
    const parameters = form.toParameters(theta, centres);
    const data = rows.reduce(
      (sum, { params, tokens, loss }) =>
        sum + penalty(objective, Math.log(loss / form.loss(parameters, { params, tokens } as never))),
      0,
    );
    const away = indices.map((j, i) => theta[j]! - centre[i]!);
    return data + (unit * dot(away, eliminate(covariance, away))) / 2;
  };
  return { value, centres };
}

const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, k) => sum + value * y[k]!, 0);

/** Solves `matrix x = right` by elimination. */
function eliminate(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  const size = right.length;
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      if (k === i) continue;
      const factor = rows[k]![i]! / rows[i]![i]!;
      for (let j = i; j <= size; j++) rows[k]![j]! -= factor * rows[i]![j]!;
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!);
}

describe('the answer', () => {
  test.each<[string, readonly SimulatedRow[], readonly string[] | undefined]>([
    ['of few runs', few, undefined],
    ['of more runs', more, undefined],
    ['with a prior on the exponents alone', more, ['alpha', 'beta']],
  ])('%s is the least of the objective and the prior together', (_, rows, on) => {
    const law = fitWith(rows, on === undefined ? {} : { priorOn: on });
    const { value, centres } = posterior(rows, on);
    const answer = form.toCoordinates(
      form.parameters.map((name) => law.parameters[name]!),
      centres,
    );
    const least = value(answer);
    // The prior's inverse covariance has a ridge of 1e-9, which its condition of some 1e5 magnifies.
    expect(Math.abs(law.objective!.value / least - 1)).toBeLessThan(1e-3);
    const normal = normals(4);
    for (const size of [1e-4, 1e-3, 1e-2]) {
      for (let k = 0; k < 100; k++) {
        const moved = answer.map((coordinate) => coordinate + size * normal());
        expect(value(moved)).toBeGreaterThan(least * (1 - 1e-6));
      }
    }
  });

  test('says how sure the prior is, what the rows say alone, and how far it moved', () => {
    const alone = fitLaw(tableOf(more), { law: 'chinchilla', draws: 0 });
    const law = fitWith(more);
    expect(law.prior!.law).toBe(prior.name);
    expect(Object.keys(law.prior!.parameters)).toEqual([...form.parameters]);
    for (const name of ['alpha', 'beta'] as const) {
      const said = law.prior!.parameters[name]!;
      const values = prior.draws!.values.map((draw) => draw[form.parameters.indexOf(name)]!);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
      expect(said.prior).toBeCloseTo(mean, 12);
      expect(said.priorSd).toBeCloseTo(sd, 12);
      expect(said.alone).toBeCloseTo(alone.parameters[name]!, 6);
      expect(said.moved).toBeCloseTo((law.parameters[name]! - alone.parameters[name]!) / sd, 4);
    }
    expect(law.prior!.share).toBeGreaterThan(0);
    expect(law.prior!.share).toBeLessThan(1);
  });

  // Four runs are fewer than the five parameters.
  test('of fewer runs than parameters has nothing to say alone, and is nearer to the truth than the prior', () => {
    expect(() => fitLaw(tableOf(few), { law: 'chinchilla', draws: 0 })).toThrow(
      expect.objectContaining({ code: 'too-few-configurations' }),
    );
    const law = fitWith(few, { objective: 'squared' });
    for (const { alone, moved } of Object.values(law.prior!.parameters)) expect([alone, moved]).toEqual([null, null]);
    const error = ({ parameters }: Law) =>
      Math.abs(Math.log(surfaceLoss(parameters as typeof surface, 1e8, 2e9) / surfaceLoss(own, 1e8, 2e9)));
    expect(error(law)).toBeLessThan(error(prior));
  });

  test('of a weak prior is that of the rows, of a strong one the prior', () => {
    const objective = 'squared';
    const alone = fitLaw(tableOf(more), { law: 'chinchilla', objective, draws: 0 });
    const by = (times: number) => fitWith(more, { objective, prior: scaled(times) });
    const [weak, strong] = [by(1e-5), by(1e5)];
    expect(weak.prior!.share).toBeLessThan(0.01);
    expect(strong.prior!.share).toBeGreaterThan(0.99);
    const said = strong.prior!.parameters;
    for (const name of form.parameters) {
      expect(Math.abs(weak.parameters[name]! / alone.parameters[name]! - 1), name).toBeLessThan(1e-3);
      expect(Math.abs(strong.parameters[name]! / said[name]!.prior - 1), name).toBeLessThan(1e-3);
    }
    const shares = [1e-2, 0.1, 1, 10].map((times) => by(times).prior!.share);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  test('with the rows of the prior once more, moves by next to nothing', () => {
    const law = fitWith(sweep);
    for (const { moved } of Object.values(law.prior!.parameters)) expect(Math.abs(moved!)).toBeLessThan(0.5);
  });
});

describe('draws', () => {
  test('come of few runs too, and spread by less than the prior where the rows have their say', () => {
    const law = fitWith(few, { draws: 200 });
    expect(law.draws!.kind).toBe(`parametric bootstrap over 4 runs and the draws of the prior ${prior.name}`);
    const width = ({ intervals }: Law, name: string) =>
      intervals!.parameters[name]![1] - intervals!.parameters[name]![0];
    expect(width(law, 'E')).toBeGreaterThan(0);
    expect(width(law, 'alpha')).toBeGreaterThan(0.2 * width(prior, 'alpha'));
    expect(width(law, 'alpha')).toBeLessThan(1.5 * width(prior, 'alpha'));
    expect(parseLaw(serializeLaw(law), 'law.json')).toEqual(law);
  });
});

describe('refuses', () => {
  const power = fitLaw(tableOf(sweep), { law: 'power', variable: 'tokens', delta: 0.1, draws: 40 });

  test.each<[string, Partial<FitOptions>, string, RegExp]>([
    [
      'a prior of another law',
      { prior: power },
      'bad-usage',
      /is of another law: L = E \+ A tokens\^-a, where the fit is of/,
    ],
    [
      'a prior of another form',
      { law: 'power', variable: 'params', prior: power },
      'bad-usage',
      /another law: L = E \+ A tokens\^-a, where the fit is of L = E \+ A params\^-a/,
    ],
    ['a prior without draws', { prior: { ...prior, draws: null } }, 'bad-usage', /has no draws.*--draws/],
    ['a prior without residuals', { prior: { ...prior, residuals: null } }, 'bad-usage', /has no draws/],
    [
      'a prior that counts differently',
      { prior: { ...prior, conventions: { ...prior.conventions, loss: 'bits-per-byte' } } },
      'mixed-units',
      /counts loss as nats-per-token.*bits-per-byte/,
    ],
    ['a parameter that does not exist', { priorOn: ['gamma'] }, 'bad-usage', /no parameter gamma for a prior: E, A, B/],
    [
      'draws that do not spread',
      {
        prior: { ...prior, draws: { ...prior.draws!, values: prior.draws!.values.map(() => prior.draws!.values[0]!) } },
      },
      'bad-usage',
      /do not spread/,
    ],
  ])('%s', (_, options, code, message) => {
    expect(() => fitWith(more, options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test('parameters of a prior without one', () => {
    expect(() => fitLaw(tableOf(more), { law: 'chinchilla', draws: 0, priorOn: ['alpha'] })).toThrow(
      expect.objectContaining({ code: 'bad-usage', message: expect.stringMatching(/no prior is given/) }),
    );
  });
});
