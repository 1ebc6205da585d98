import { describe, expect, test } from 'vitest';
import { lawSchema, parseLaw, serializeLaw } from './law.js';
import { predict } from './predict.js';
import { publishedLaw, publishedLawNames } from './published.js';

const names = publishedLawNames();

describe.each(names)('%s', (name) => {
  const law = publishedLaw(name);

  test('is a law file, and reads back as itself', () => {
    const text = serializeLaw(law);
    expect(lawSchema.safeParse(JSON.parse(text)).success).toBe(true);
    expect(parseLaw(text, name)).toEqual(law);
  });

  test('says who published it and when', () => {
    expect(law).toMatchObject({ name, status: 'published', objective: null, rows: null });
    expect(law.provenance.source).toMatch(/[A-Z]\S+ et al\. 20\d\d.{20,}/);
    // The name is author and year, or the study and the law that is ours.
    const [author, year] = name.split('-');
    expect(law.provenance.source.toLowerCase()).toContain(author);
    if (year !== 'shape') expect(law.provenance.source).toContain(year);
    expect(law.provenance.notes).not.toEqual([]);
  });

  test('has a parameter for every name in its formula, and states a loss for a point of its variables', () => {
    const point = { params: 1e9, tokens: 2e10, uniqueTokens: 1e10, dModel: 1280, layers: 50 };
    const { loss } = predict(
      law,
      Object.fromEntries(law.variables.map((variable) => [variable, point[variable as 'params']])),
    );
    // A billion parameters on twenty billion tokens of text: from 2 to 3 nats in every published law.
    expect(loss.value).toBeGreaterThan(2);
    expect(loss.value).toBeLessThan(3);
  });

  test('draws, where there are some, stand about the parameters and are said not to be published', () => {
    if (law.draws === null) {
      expect(Object.values(law.derived).every(({ interval }) => interval === null)).toBe(true);
      return;
    }
    expect(law.draws.kind).toContain('not published');
    expect(law.residuals).not.toBeNull();
    for (const [name, { value, interval }] of Object.entries(law.derived)) {
      expect(interval![0], name).toBeLessThan(value!);
      expect(interval![1], name).toBeGreaterThan(value!);
    }
  });
});

test('the names', () => {
  expect(names).toEqual([
    'hoffmann-2022',
    'hoffmann-2022-rounded',
    'besiroglu-2024',
    'besiroglu-2024-notebook',
    'kaplan-2020',
    'gemstones-shape',
    'muennighoff-2023',
  ]);
});

// The TeX source, as read by Besiroglu et al. 2024, prints logarithms.
test('hoffmann-2022 has the digits of the TeX source, hoffmann-2022-rounded those of equation 10', () => {
  const { parameters, provenance } = publishedLaw('hoffmann-2022');
  expect(Math.log(parameters.A!)).toBeCloseTo(6.0073404, 14);
  expect(Math.log(parameters.B!)).toBeCloseTo(6.0179186, 14);
  expect(Math.log(parameters.E!)).toBeCloseTo(0.5267228, 14);
  expect(parameters).toMatchObject({ alpha: 0.33917084, beta: 0.2849083 });
  expect(provenance.rounded).toBe(false);
  const rounded = publishedLaw('hoffmann-2022-rounded');
  expect(rounded.parameters).toEqual({ E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 });
  expect(rounded.provenance.rounded).toBe(true);
  expect(rounded.provenance.notes.join()).toMatch(/rounded.*prefer hoffmann-2022/);
});

// Besiroglu et al. 2024, table 1.
test('besiroglu-2024 has the parameters and intervals of table 1', () => {
  const { parameters, intervals } = publishedLaw('besiroglu-2024');
  expect(parameters).toEqual({ E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 });
  expect(intervals).toMatchObject({
    level: 0.95,
    parameters: { A: [285.2, 743.6], B: [1042, 5810], E: [1.769, 1.871], alpha: [0.317, 0.373], beta: [0.331, 0.415] },
  });
});

test('the exponent of the Chinchilla laws follows from theirs, and other laws have none', () => {
  expect(publishedLaw('besiroglu-2024').derived.a!.value).toBeCloseTo(0.3658 / (0.3478 + 0.3658), 14);
  expect(publishedLaw('hoffmann-2022-rounded').derived.a!.value).toBeCloseTo(0.28 / 0.62, 14);
  expect(publishedLaw('kaplan-2020').derived).toEqual({});
});

test('names may be written in capitals', () => {
  expect(publishedLaw('Besiroglu-2024')).toEqual(publishedLaw('besiroglu-2024'));
});

test('gives away nothing that a caller could change for others', () => {
  const law = publishedLaw('besiroglu-2024');
  law.parameters.A = 1;
  law.provenance.notes.push('changed');
  expect(publishedLaw('besiroglu-2024').parameters.A).toBe(482.01);
  expect(publishedLaw('besiroglu-2024').provenance.notes).not.toContain('changed');
});

// McLeish et al. 2025 trained shapes of 1,792 x 7 and 2,048 x 27: the wide one is known to do worse for its parameters.
test('gemstones-shape tells shapes of equal parameters and tokens apart, and how far they lie from its evidence', () => {
  const law = publishedLaw('gemstones-shape');
  const at = (dModel: number, layers: number, params = 1e9) => predict(law, { params, tokens: 2e10, dModel, layers });
  const [flat, good] = [at(2560, 8), at(1280, 36)];
  expect(flat.loss.value / good.loss.value).toBeGreaterThan(1.01);
  expect(flat.loss.mean![0]).toBeGreaterThan(good.loss.mean![1]);
  expect(good.extrapolation).toMatchObject({ inside: true, decades: 0 });
  expect(at(2560, 8, 2e10).extrapolation.decades).toBeCloseTo(Math.log10(2e10 / 2007837696), 9);
  expect(law.conventions).toMatchObject({ params: 'total', tokens: 'decoder', loss: 'nats-per-token' });
  expect(law.provenance.notes.join()).toMatch(/22 decoder-only models.*vocabulary of 50,304/);
});

test.each(['chinchilla', '', 'constructor', '__proto__'])('refuses %j, listing the names', (name) => {
  expect(() => publishedLaw(name)).toThrow(
    expect.objectContaining({ code: 'unknown-law', message: expect.stringContaining(names.join(', ')) }),
  );
});
