import { describe, expect, test } from 'vitest';
import { publishedLaw } from '../fit/published.js';
import { explain, explainedNumbers } from './explain.js';
import { recommend } from './recommend.js';
import type { RecommendedShape } from './recommendation.js';

const law = publishedLaw('gemstones-shape');
const flops = recommend({ kind: 'flops', flops: 1e20 }, { law, candidates: { dModelStep: 512 } });
const params = recommend({ kind: 'params', params: 220e6 }, { constraints: [{ kind: 'unique-tokens', tokens: 1e10 }] });

const sum = (inputs: readonly { readonly value: number | string; readonly unit: string }[], unit: string) =>
  inputs.filter((one) => one.unit === unit).reduce((total, { value }) => total + Number(value), 0);

describe('every number', () => {
  test.each(explainedNumbers)('%s is that of the line, with a formula and sources', (number) => {
    const row = flops.recommendations[0]!;
    const stated: Partial<Record<string, (row: RecommendedShape) => unknown>> = {
      parameters: (one) => one.parameters,
      'flops-per-token': (one) => one.flops / one.tokens,
      tokens: (one) => one.tokens,
      flops: (one) => one.flops,
      steps: (one) => one.steps,
      time: (one) => one.time.wallSeconds,
      cost: (one) => one.cost.dollars,
      energy: (one) => one.cost.kiloWattHours,
      co2e: (one) => one.cost.kilogramsCo2e,
      memory: (one) => one.memory.total,
      'inference-memory': (one) => one.inferenceMemory.total,
      'step-time': (one) => one.speed.stepSeconds.interval,
      latency: (one) => one.speed.tokenSeconds.interval,
      loss: (one) => one.loss!.value,
      regret: (one) => one.set!.regret.value,
    };
    const found = explain(flops, number, law);
    expect(found.shape).toBe(row.shape.name);
    const expected = stated[number]!(row);
    if (typeof expected === 'number') expect(Number(found.value) / expected).toBeCloseTo(1, 12);
    else expect(found.value).toEqual(expected);
    expect(found.formula).not.toBe('');
    expect(found.unit).not.toBe('');
    expect(found.inputs.length).toBeGreaterThan(0);
    for (const { source } of [found, ...found.inputs]) expect(source).not.toBe('');
  });
});

test('parts sum to the whole', () => {
  const counted = explain(flops, 'parameters@t5-large', law);
  expect(sum(counted.inputs, 'parameters')).toBe(737_668_096);
  const memory = explain(flops, 'memory', law);
  expect(sum(memory.inputs, 'bytes')).toBe(memory.value);
});

test('tokens are those of the formula, from the inputs that are named', () => {
  const found = explain(params, 'tokens@t5-base', null);
  const at = (name: string) => Number(found.inputs.find((one) => one.name === name)!.value);
  // Hoffmann et al. 2022, equation 4.
  const [N, A, B, alpha, beta] = [at('N'), at('A'), at('B'), at('alpha'), at('beta')];
  expect(Number(found.value) / (((beta * B) / (alpha * A)) * N ** alpha) ** (1 / beta)).toBeCloseTo(1, 12);
  expect(at('unique tokens')).toBe(1e10);
});

test.each([
  ['age', 'bad-usage', /no number "age" to explain: parameters, /],
  ['loss', 'bad-usage', /no law was given/],
  ['regret@t5-base', 'bad-usage', /there is no set/],
  ['tokens@t5-bose', 'unknown-shape', /did you mean t5-base/],
])('%s is refused', (asked, code, message) => {
  expect(() => explain(params, asked, null)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});
