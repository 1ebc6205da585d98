import { describe, expect, test } from 'vitest';
import type { LawColumn } from '../../fit/law-form.js';
import { parseInlineShape } from '../../flops/inline.js';
import { countParameters } from '../../flops/parameters.js';
import { candidateRuns } from './candidates.js';
import { stepOf } from './expand-sweep.js';

const base = parseInlineShape('enc=2,dec=2,d=128,ff=512,kv=32,h=4,vocab=384');
const step = stepOf({});
const bounds = { mostFlops: 1e15, mostTokens: 1e9, fewestSteps: 200, mostCandidates: 1e6, seed: 0 };
const candidates = (columns: readonly LawColumn[], fields: Partial<typeof bounds> = {}) =>
  candidateRuns(base, columns, step, { ...bounds, ...fields });
const distinct = (values: readonly number[]) => new Set(values.map((value) => value.toPrecision(6))).size;

describe('every candidate', () => {
  test.each([[['params', 'tokens']], [['params', 'tokens', 'dModel', 'layers', 'dFf', 'heads', 'dKv']]] as const)(
    'keeps to its bounds for a law of %j',
    (columns) => {
      const all = candidates(columns as readonly LawColumn[], { mostTokens: 5e7 });
      expect(all.length).toBeGreaterThan(100);
      for (const { shape, tokens, flops, count } of all) {
        const one = step(shape);
        const steps = tokens / one.tokens;
        expect(Number.isSafeInteger(steps)).toBe(true);
        expect(steps).toBeGreaterThanOrEqual(200);
        expect(tokens).toBeLessThanOrEqual(5e7);
        expect(flops).toBe(steps * one.flops);
        expect(flops).toBeLessThanOrEqual(1e15);
        expect(count.total).toBe(countParameters(shape).total);
        // A quarter of 968,448 parameters.
        expect(count.total).toBeGreaterThanOrEqual(242_112);
        expect(tokens / count.total).toBeGreaterThan(2);
        expect(tokens / count.total).toBeLessThan(325);
      }
      expect(new Set(all.map(({ shape, tokens }) => `${shape.name} ${tokens}`)).size).toBe(all.length);
    },
  );
});

describe('a dimension varies where the law knows it', () => {
  const ratios = (columns: readonly LawColumn[]) => {
    const shapes = candidates(columns).map(({ shape }) => shape);
    return {
      aspect: distinct(
        shapes.map(({ dModel, encoderLayers, decoderLayers }) => (2 * dModel) / (encoderLayers + decoderLayers)),
      ),
      ff: distinct(shapes.map(({ dFf, dModel }) => dFf / dModel)),
      attention: distinct(shapes.map(({ heads, dKv, dModel }) => (heads * dKv) / dModel)),
      stacks: distinct(shapes.map(({ encoderLayers, decoderLayers }) => decoderLayers / encoderLayers)),
      sizes: distinct(shapes.map((shape) => countParameters(shape).total)),
    };
  };

  test('not for a law of params and tokens, but for nearly the proportions of the base', () => {
    expect(ratios(['params', 'tokens'])).toMatchObject({ ff: 1, attention: 1, stacks: 1 });
    expect(ratios(['params', 'tokens']).sizes).toBeGreaterThan(10);
    for (const { shape } of candidates(['params', 'tokens'])) {
      expect(shape.dModel / shape.encoderLayers).toBeGreaterThanOrEqual(64 / 1.5);
      expect(shape.dModel / shape.encoderLayers).toBeLessThanOrEqual(64 * 1.5);
    }
  });

  test('to three values or more, which a parabola needs', () => {
    const some = ratios(['params', 'tokens', 'dModel', 'layers']);
    expect(some.aspect).toBeGreaterThan(10);
    expect(some).toMatchObject({ ff: 1, attention: 1, stacks: 1 });
    expect(ratios(['params', 'tokens', 'dFf', 'dModel'])).toMatchObject({ ff: 3, attention: 1, stacks: 1 });
    expect(ratios(['params', 'tokens', 'heads', 'dKv', 'dModel']).attention).toBeGreaterThanOrEqual(3);
    expect(ratios(['params', 'tokens', 'encoderLayers', 'decoderLayers']).stacks).toBeGreaterThanOrEqual(3);
  });
});

test('of too many a part is taken, the same for the same seed, in the same order', () => {
  const columns: readonly LawColumn[] = ['params', 'tokens', 'dModel', 'layers', 'dFf'];
  const all = candidates(columns);
  const names = (list: typeof all) => list.map(({ shape, tokens }) => `${shape.name} ${tokens}`);
  const part = candidates(columns, { mostCandidates: 100 });
  expect(part).toHaveLength(100);
  expect(candidates(columns, { mostCandidates: 100 })).toEqual(part);
  expect(names(all).filter((name) => names(part).includes(name))).toEqual(names(part));
  expect(names(candidates(columns, { mostCandidates: 100, seed: 1 }))).not.toEqual(names(part));
});

test('there is none where nothing can be paid', () => {
  expect(candidates(['params', 'tokens'], { mostFlops: 1e9 })).toEqual([]);
});
