import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { depthThenWidth, handMadeLaw } from '../../../tests/hand-made-law.js';
import { predict } from '../../fit/predict.js';
import { publishedLaw } from '../../fit/published.js';
import { countFlops } from '../../flops/flops.js';
import { countParameters } from '../../flops/parameters.js';
import { presetShape } from '../../flops/presets/index.js';
import type { Shape } from '../../flops/shape.js';
import { pointFor } from '../law-use.js';
import { nextShape, operatorsOf, resolveGrowth } from './dimensions.js';
import { knobs } from './knobs.js';
import { type PathLimits, type PathOptions, steepestPath } from './path.js';

const small = presetShape('t5-small')!;
const besiroglu = publishedLaw('besiroglu-2024');
const gemstones = publishedLaw('gemstones-shape');
const lengths = { encoderTokens: 512, decoderTokens: 114 };
const perToken = (shape: Shape) => countFlops(shape, lengths).training / 626;
const parameters = (shape: Shape) => countParameters(shape).total;
const regional = depthThenWidth();

/** A law of every dimension: each stack, width, feed-forward, heads. */
const ofAll = handMadeLaw(
  'shape',
  { ratios: ['dModel/layers', 'dFf/dModel', 'heads*dKv/dModel', 'decoderLayers/encoderLayers'] },
  {
    ...{ E: 1.8, A: 480, B: 2000, alpha: 0.35, beta: 0.36 },
    ...{ c1: 0.3, a1: Math.log(40), rho1: 0, c2: 0.5, a2: Math.log(3), rho2: 0 },
    ...{ c3: 0.3, a3: 0, rho3: 0, c4: 0.3, a4: 0, rho4: 0 },
  },
);

describe('a path', () => {
  test('never exceeds its limits, grows by one next shape at a time, and ends where none fits', () => {
    const growth = resolveGrowth({});
    fc.assert(
      fc.property(
        fc.constantFrom(ofAll, gemstones, regional),
        fc.record(
          {
            params: fc.double({ min: 6.1e7, max: 4e8, noNaN: true }),
            flops: fc.double({ min: 1.71e18, max: 2e19, noNaN: true }),
            flopsPerToken: fc.double({ min: 1.71e8, max: 2e9, noNaN: true }),
          },
          { requiredKeys: ['params'] },
        ),
        (law, limits) => {
          const { steps, end, stopped } = steepestPath(small, limits, { law, tokens: 1e10, beyondEvidence: true });
          let before = small;
          for (const step of steps) {
            expect(step.shape).toEqual(nextShape(before, step.operator, growth));
            expect(step.parameters).toBe(parameters(step.shape));
            expect(step.parameters).toBeLessThanOrEqual(limits.params);
            expect(step.flopsPerToken).toBe(perToken(step.shape));
            expect(step.flopsPerToken).toBeLessThanOrEqual(limits.flopsPerToken ?? Infinity);
            expect(step.flops).toBe(1e10 * step.flopsPerToken);
            expect(step.flops).toBeLessThanOrEqual(limits.flops ?? Infinity);
            expect(step.change!.relative.value).toBeLessThan(0);
            before = step.shape;
          }
          expect(end.shape).toEqual(before);
          for (const { operator, reason } of stopped) {
            const next = nextShape(before, operator, growth);
            const over = {
              parameters: parameters(next) > limits.params,
              FLOPs: 1e10 * perToken(next) > (limits.flops ?? Infinity),
              'FLOPs per token': perToken(next) > (limits.flopsPerToken ?? Infinity),
              'no gain': true,
            };
            expect(over[reason as keyof typeof over]).toBe(true);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test('takes at each shape what lowers the loss most for each log of FLOPs', () => {
    const options = { law: ofAll, tokens: 1e10 };
    const { steps } = steepestPath(small, { params: 1.5e8 }, options);
    expect(new Set(steps.map(({ operator }) => operator)).size).toBeGreaterThan(2);
    let before = small;
    for (const { operator, shape, parameters: count, change } of steps) {
      const { regions, knobs: all } = knobs(before, options);
      const slopes = all
        .filter(({ next }) => next.parameters <= 1.5e8)
        .map((one): [string, number] => {
          const { next } = regions[0]!.effects.find((effect) => effect.operator === one.operator)!;
          return [one.operator, -next!.loss!.value / Math.log(1 + one.next.flops)];
        });
      // NH and KV are one to this law.
      const best = slopes
        .filter(([name]) => name !== 'KV')
        .reduce((most, slope) => (slope[1] > most[1] ? slope : most));
      expect(operator).toBe(best[0]);
      const point = (of: Shape) => pointFor(ofAll, of, countParameters(of), 1e10, 1e10 * perToken(of));
      const lower = predict(ofAll, point(shape)).loss.value - predict(ofAll, point(before)).loss.value;
      expect(change!.loss!.value).toBeCloseTo(lower, 12);
      expect(count).toBeLessThanOrEqual(1.5e8);
      before = shape;
    }
  });

  test('is the same every time', () => {
    const path = () => steepestPath(small, { params: 3e8 }, { law: gemstones, tokens: 2e10 });
    expect(path()).toEqual(path());
  });

  test('changes the loss by its steps together, each draw by its own', () => {
    const { steps, change, end } = steepestPath(small, { params: 22e7 }, { law: gemstones, tokens: 2e10, level: 0.9 });
    const sum = steps.reduce((total, step) => total + step.change!.loss!.value, 0);
    expect(change!.loss!.value).toBeCloseTo(sum, 12);
    const losses = [small, end.shape].map((shape) => {
      const point = pointFor(gemstones, shape, countParameters(shape), 2e10, 0);
      return predict(gemstones, point).loss.value;
    });
    expect(change!.loss!.value).toBeCloseTo(losses[1]! - losses[0]!, 12);
    expect(change!.relative.value).toBeCloseTo(losses[1]! / losses[0]! - 1, 12);
    const [low, high] = change!.loss!.interval!;
    expect(low).toBeLessThan(change!.loss!.value);
    expect(high).toBeGreaterThan(change!.loss!.value);
    expect(high).toBeLessThan(0);
  });

  test('stays as near to the evidence as it is, unless told to go on', () => {
    // The runs of Gemstones have dModel to 3,072 and 80 layers, and 2.0 billion parameters.
    const wide = { ...small, name: 'wide', dModel: 3072, dEmbedding: 3072, encoderLayers: 3, decoderLayers: 3 };
    const options: PathOptions = { law: gemstones, tokens: 2e10 };
    const stays = steepestPath(wide, { params: 3e9 }, options);
    for (const { extrapolation, operator } of stays.steps) {
      expect(operator).toBe('NL');
      expect(extrapolation.decades).toBe(0);
    }
    expect(stays.stopped).toEqual([
      { operator: 'NL', reason: 'evidence' },
      { operator: 'DM', reason: 'evidence' },
    ]);
    const goes = steepestPath(wide, { params: 3e9 }, { ...options, beyondEvidence: true });
    expect(goes.end.parameters).toBeGreaterThan(2_007_837_696);
    expect(goes.steps.at(-1)!.extrapolation.decades).toBeGreaterThan(0);
    expect(goes.stopped.map(({ reason }) => reason)).toEqual(['parameters', 'parameters']);
  });

  test('notes where it is deeper than the paper saw gains', () => {
    const { steps, notes } = steepestPath(small, { params: 4e8 }, { law: regional, tokens: 1e9 });
    expect(Math.max(...steps.map(({ shape }) => shape.encoderLayers))).toBeGreaterThan(36);
    expect(notes.join('\n')).toMatch(/^From enc=37,dec=37,.* deeper than 36 layers/m);
  });

  test('ends after the most steps', () => {
    const { steps, stopped } = steepestPath(small, { params: 1e9 }, { law: regional, tokens: 1e9, mostSteps: 3 });
    expect(steps).toHaveLength(3);
    expect(stopped.map(({ reason }) => reason)).toEqual(['steps', 'steps']);
  });

  test('does not start where nothing lowers the loss', () => {
    const law = handMadeLaw('region', regional.form, {
      ...regional.parameters,
      ...{ exponent1_layers: -0.1, exponent1_dModel: 0 },
    });
    const path = steepestPath(small, { params: 1e9 }, { law, tokens: 1e9 });
    expect(path.steps).toEqual([]);
    expect(path.change).toBeNull();
    expect(path.end.shape).toBe(small);
    expect(path.stopped.map(({ reason }) => reason)).toEqual(['no gain', 'no gain']);
  });

  test('widens uniformly where asked, and times each step by the model of time', () => {
    const secondsOf = (shape: Shape) => ({ value: shape.dModel, interval: null });
    const law = depthThenWidth();
    const options: PathOptions = { law, tokens: 1e12, width: 'uniform', secondsOf };
    const [first] = steepestPath(small, { params: 1e8 }, options).steps;
    expect(first).toMatchObject({
      operator: 'DM',
      from: { dModel: 512, dFf: 2048, heads: 8 },
      to: { dModel: 576, dFf: 2304, heads: 9 },
      seconds: { value: 576 },
    });
    expect(steepestPath(small, { params: 1e8 }, { law, tokens: 1e12 }).steps[0]!.seconds).toBeNull();
  });
});

describe('a path by regions', () => {
  test("follows the exponents of the budget's region throughout", () => {
    // 1e10 tokens of t5-small take 1.7e18 FLOPs, in the first region, where depth pays; 1e20 and more lie in the second.
    const below = steepestPath(small, { flops: 1e19 }, { law: regional, tokens: 1e10 });
    expect(below.region).toMatchObject({ region: 1, variable: 'flops', from: null, to: { value: 1e20 } });
    expect(new Set(below.steps.map(({ operator }) => operator))).toEqual(new Set(['NL']));
    expect(below.change!.loss).not.toBeNull();

    const above = steepestPath(small, { flops: 2e20 }, { law: regional, tokens: 1e11, mostSteps: 8 });
    expect(above.region).toMatchObject({ region: 2, from: { value: 1e20 }, to: null });
    // (d'/d)^-.09 against the FLOPs that width takes, and (l'/l)^-.02.
    expect(above.steps.map(({ operator }) => operator)).toEqual(Array(8).fill('DM'));
    // In the second region's exponents, while the shapes still lie in the first.
    expect(above.steps[0]!.change).toMatchObject({ loss: null, relative: { value: (576 / 512) ** -0.09 - 1 } });
    expect(above.steps[0]!.region).toBe(2);
    expect(above.change!.loss).toBeNull();
    expect(above.change!.relative.value).toBeCloseTo((1024 / 512) ** -0.09 - 1, 12);
  });

  test("follows those of each shape's own where the budget states no compute", () => {
    const { steps, region } = steepestPath(small, { params: 4e8 }, { law: regional, tokens: 3e11 });
    expect(region).toBeNull();
    for (const { region: own, operator, from, flops } of steps) {
      expect(operator).toBe(own === 1 ? 'NL' : 'DM');
      if (own === 1 && from.encoderLayers === 6) expect(flops).toBeGreaterThan(3e11 * perToken(small));
    }
    const regions = steps.map(({ region: own }) => own);
    expect(new Set(regions)).toEqual(new Set([1, 2]));
    expect(regions).toEqual([...regions].sort());
  });
});

describe('the rule deep-narrow', () => {
  const narrow = (limits: PathLimits, law = besiroglu) => steepestPath(small, limits, { law, rule: 'deep-narrow' });

  test('raises depth to the budget: t5-small to 27 layers within 220M', () => {
    const { steps, end, stopped, change } = narrow({ params: 220e6 });
    expect(steps).toHaveLength(21);
    // REFERENCE: 24 layers have 192,673,280 parameters, each more of both stacks 7,342,592.
    expect(end.parameters).toBe(214_701_056);
    expect(end.shape).toMatchObject({ encoderLayers: 27, decoderLayers: 27, dModel: 512 });
    expect(stopped).toEqual([{ operator: 'NL', reason: 'parameters' }]);
    expect(change!.loss!.value).toBeLessThan(0);
  });

  test('ends at 36 layers', () => {
    const { end, stopped, notes } = narrow({ params: 1e9 });
    expect(end.shape.encoderLayers).toBe(36);
    expect(stopped).toEqual([{ operator: 'NL', reason: 'depth' }]);
    expect(notes[0]).toMatch(/the law has no part in the choice/);
  });

  test('states no change by a law that sees nothing of depth', () => {
    const law = handMadeLaw('power', { variable: 'tokens' }, { E: 1.8, A: 2000, a: 0.36 });
    const { steps, change } = narrow({ params: 1e8 }, law);
    expect(steps.length).toBeGreaterThan(0);
    expect([change, ...steps.map((step) => step.change)].every((one) => one === null)).toBe(true);
  });
});

describe('refusals', () => {
  test.each<[string, PathLimits, Partial<PathOptions>, string, RegExp]>([
    ['no limit', {}, {}, 'bad-usage', /needs a limit/],
    ['a limit of nothing', { params: -5 }, {}, 'bad-usage', /limit of params must be positive, not -5/],
    ['an unknown rule', { params: 1e9 }, { rule: 'best' as never }, 'bad-usage', /no rule "best"/],
    ['no steps', { params: 1e9 }, { mostSteps: 0 }, 'bad-usage', /most steps/],
    [
      'a law that tells no dimension',
      { params: 1e9 },
      { law: besiroglu },
      'bad-usage',
      /tells no dimension of this shape from others.*law of shape, width-depth, or region.*rule deep-narrow/,
    ],
    [
      'a law that tells only one',
      { params: 1e9 },
      {
        law: handMadeLaw(
          'region',
          { ...regional.form, breaks: 0, operators: ['dModel'] },
          { A1: 9, exponent1_dModel: 0.1 },
        ),
      },
      'bad-usage',
      /tells only DM from others/,
    ],
    [
      'too many parameters',
      { params: 5e7 },
      {},
      'infeasible-budget',
      /60,506,624 parameters, beyond the limit of 50,000,000/,
    ],
    ['too many FLOPs', { flops: 1e18 }, { tokens: 1e10 }, 'infeasible-budget', /smaller shape or fewer tokens/],
    ['too many FLOPs a token', { flopsPerToken: 1e8 }, {}, 'infeasible-budget', /FLOPs per token, beyond/],
  ])('%s', (_, limits, options, code, message) => {
    const walking = () => steepestPath(small, limits, { law: gemstones, ...options });
    expect(walking).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test('none is made of a shape that just fits', () => {
    const { steps, stopped } = steepestPath(small, { params: 60_506_624 }, { law: ofAll });
    expect(steps).toEqual([]);
    expect(stopped.map(({ operator }) => operator)).toEqual(operatorsOf(small).filter((name) => name !== 'KV'));
  });
});
