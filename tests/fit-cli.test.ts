import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseLaw } from '../src/fit/index.js';
import { csvOf, shapelaw, simulatedRows, surface } from './cli-harness.js';
import { logSpaced, normals, type SimulatedRow, withNoise } from './simulated-runs.js';

const folder = mkdtempSync(join(tmpdir(), 'shapelaw-fit-cli-'));
const at = (name: string) => join(folder, name);
const columns = ['runId', 'params', 'tokens', 'flops', 'loss'];

/** Runs of a law of shape whose best width to depth is 30 at every size. */
function shapedRows(): SimulatedRow[] {
  const rows = [256, 512, 1024, 2048].flatMap((dModel) =>
    [4, 10, 24, 60].flatMap((decoderLayers) =>
      logSpaced(1e9, 1e11, 3).map((tokens, k) => {
        const params = 12 * decoderLayers * dModel ** 2;
        const effective = params * Math.exp(-0.08 * Math.log(dModel / decoderLayers / 30) ** 2);
        const { E, A, B, alpha, beta } = surface;
        const loss = E + A * effective ** -alpha + B * tokens ** -beta;
        return { runId: `${dModel}x${decoderLayers}-${k}`, params, tokens, dModel, decoderLayers, loss };
      }),
    ),
  );
  return withNoise(rows, 0.002, normals(3));
}

/** Five budgets of nine sizes each, about their optimum. */
function isoflopRows(): SimulatedRow[] {
  const { E, A, B, alpha, beta } = surface;
  const rows = logSpaced(1e18, 1e20, 5).flatMap((flops) => {
    const best = ((alpha * A) / (beta * B)) ** (1 / (alpha + beta)) * (flops / 6) ** (beta / (alpha + beta));
    return logSpaced(best / 4, best * 4, 9).map((params) => {
      const tokens = flops / (6 * params);
      return { params, tokens, flops, loss: E + A * params ** -alpha + B * tokens ** -beta };
    });
  });
  return withNoise(rows, 0.001, normals(4)).map((row, k) => ({ runId: `run-${k}`, ...row }));
}

/** A power law of compute whose exponent changes at 1e20 FLOPs. */
function brokenRows(): SimulatedRow[] {
  const rows = logSpaced(1e18, 1e22, 60).map((flops, k) => {
    const loss = 3 * (flops / 1e20) ** (flops < 1e20 ? -0.09 : -0.03);
    return { runId: `run-${k}`, params: Math.sqrt(flops / 120), flops, loss };
  });
  return withNoise(rows, 0.003, normals(5));
}

const json = async (...args: string[]) => {
  const { code, out, err } = await shapelaw([...args, '--json']);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
};
const refused = async (args: readonly string[], code: string, message: RegExp) => {
  const outcome = await shapelaw(args);
  expect(outcome).toMatchObject({ code: 2, out: '' });
  expect(outcome.err).toMatch(new RegExp(`^(warning: .*\\n)*\\[${code}\\] `));
  expect(outcome.err).toMatch(message);
};

beforeAll(() => {
  writeFileSync(at('runs.csv'), csvOf(simulatedRows, columns));
  writeFileSync(at('few.csv'), csvOf(simulatedRows.slice(0, 5), columns));
  writeFileSync(at('twice.csv'), csvOf([...simulatedRows, { ...simulatedRows[3]!, loss: 3 }], columns));
  const again = simulatedRows.map((row) => ({ ...row, runId: `${row.runId}-again` }));
  writeFileSync(at('seeds.csv'), csvOf([...simulatedRows, ...withNoise(again, 0.002, normals(9))], columns));
  const mixed = isoflopRows().map((row, k) => ({ ...row, schedule: k % 2 ? 'wsd' : 'cosine' }));
  writeFileSync(at('isoflop-mixed.csv'), csvOf(mixed, [...columns, 'schedule']));
  const schedules = simulatedRows.map((row, k) => ({ ...row, schedule: k % 3 === 0 ? 'cosine' : 'wsd' }));
  writeFileSync(at('schedules.csv'), csvOf(schedules, [...columns, 'schedule']));
  writeFileSync(
    at('shapes.csv'),
    csvOf(shapedRows(), ['runId', 'params', 'tokens', 'dModel', 'decoderLayers', 'loss']),
  );
  writeFileSync(at('isoflop.csv'), csvOf(isoflopRows(), columns));
  writeFileSync(at('broken.csv'), csvOf(brokenRows(), ['runId', 'params', 'flops', 'loss']));
  const paired = isoflopRows().map((row, k) => ({ ...row, runId: `run-${Math.floor(k / 2)}` }));
  writeFileSync(at('paired.csv'), csvOf(paired, columns));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('fit', () => {
  test('a formula of columns is the law that it spells', async () => {
    const options = ['--draws', '60'];
    const formula = await json('fit', at('runs.csv'), '--law', 'E + A/params^alpha + B/tokens^beta', ...options);
    const named = await json('fit', at('runs.csv'), '--law', 'chinchilla', ...options);
    expect(formula.law).toBe('expression');
    expect(Math.abs(formula.objective.value / named.objective.value - 1)).toBeLessThan(1e-6);
    writeFileSync(at('formula.json'), JSON.stringify(formula));
    const { loss } = await json('predict', at('formula.json'), '--params', '1B', '--tokens', '20B');
    writeFileSync(at('named.json'), JSON.stringify(named));
    const other = await json('predict', at('named.json'), '--params', '1B', '--tokens', '20B');
    expect(Math.abs(loss.value / other.loss.value - 1)).toBeLessThan(1e-4);
  });

  test.each(['chinchilla', 'kaplan'])('%s, with BCa intervals and squares', async (law) => {
    const fitted = await json(
      'fit',
      at('runs.csv'),
      '--law',
      law,
      '--interval',
      'bca',
      '--objective',
      'squared',
      '--draws',
      '60',
    );
    expect(fitted.objective).toMatchObject({ kind: 'squared', delta: null, tau: null });
    expect(fitted.intervals.kind).toMatch(/^BCa, bootstrap over 30 runs$/);
  });

  test('the shape law finds the best ratio, and predicts by a shape', async () => {
    const law = await json('fit', at('shapes.csv'), '--law', 'shape', '--draws', '100', '-o', at('shape.json'));
    expect(law.form).toEqual({ ratios: ['dModel/layers'] });
    const { a, rho } = law.parameters;
    expect(Math.abs(a + rho * Math.log(1e8) - Math.log(30))).toBeLessThan(0.2);
    const predicted = async (shape: string) =>
      (await json('predict', at('shape.json'), '--shape', shape, '--tokens', '10B')).loss.value;
    // 30 and 312 wide for each layer, of 160M and 165M parameters.
    const [best, flat] = [
      await predicted('layers=24,d=720,ff=2880,h=12'),
      await predicted('layers=4,d=1248,ff=9984,h=12'),
    ];
    expect(flat).toBeGreaterThan(best);
    await refused(['predict', at('shape.json'), '--params', '1B', '--tokens', '1B'], 'bad-usage', /needs --shape/);
  });

  test('plots are SVG files in the folder named', async () => {
    const { err, code } = await shapelaw([
      'fit',
      at('shapes.csv'),
      '--law',
      'shape',
      '--draws',
      '60',
      '--plots',
      at('plots'),
    ]);
    expect(code).toBe(0);
    const names = readdirSync(at('plots'));
    expect(names).toContain('ratio-dModel-layers.svg');
    expect(names.filter((name) => name.startsWith('residuals-'))).toHaveLength(4);
    for (const name of names) {
      expect(readFileSync(join(at('plots'), name), 'utf8')).toMatch(/^<svg /);
      expect(err).toContain(name);
    }
  });

  test('a prior steadies a fit of few runs, and says its share', async () => {
    await json('fit', at('runs.csv'), '--law', 'chinchilla', '--draws', '100', '-o', at('prior.json'));
    await refused(['fit', at('few.csv'), '--law', 'chinchilla'], 'too-few-configurations', /at least 7/);
    const law = await json('fit', at('few.csv'), '--law', 'chinchilla', '--prior', at('prior.json'), '--draws', '60');
    expect(law.prior).toMatchObject({ law: expect.stringContaining('runs.csv') });
    expect(law.prior.share).toBeGreaterThan(0.3);
    expect(law.prior.share).toBeLessThanOrEqual(1);
    expect(Math.abs(law.parameters.alpha - surface.alpha)).toBeLessThan(0.05);
    const few = await shapelaw([
      'fit',
      at('few.csv'),
      '--law',
      'chinchilla',
      '--prior',
      at('prior.json'),
      '--draws',
      '60',
    ]);
    expect(few.out).toMatch(/alpha +0\.3\d+ +too few rows/);
    const share = `${Number((100 * law.prior.share).toFixed(1))}%`;
    expect(few.out).toContain(`${share} of the curvature at the answer is that of the prior chinchilla fitted to`);
    const enough = await shapelaw([
      'fit',
      at('runs.csv'),
      '--law',
      'chinchilla',
      '--prior',
      at('prior.json'),
      '--draws',
      '60',
    ]);
    expect(enough.out).toMatch(/alpha +0\.3\d+ +0\.3\d+ +[+-]\d\.\d\d standard deviations of the prior/);
  });

  test('what --force overrules stands in the law file', async () => {
    await refused(
      ['fit', at('schedules.csv'), '--law', 'chinchilla'],
      'mixed-schedules',
      /cosine \(10 rows\).*--where schedule=wsd/,
    );
    await refused(
      ['fit', at('twice.csv'), '--law', 'chinchilla'],
      'duplicate-rows',
      /rows 5 and 32: run run-4 .*--force/,
    );
    const law = await json('fit', at('schedules.csv'), '--law', 'chinchilla', '--force', '--draws', '0');
    expect(law.forced).toEqual(['mixed-schedules']);
    expect(law.provenance.notes).toContainEqual(expect.stringMatching(/^overruled: \[mixed-schedules\]/));
    expect(parseLaw(JSON.stringify(law), 'forced.json').forced).toEqual(['mixed-schedules']);
  });

  test.each<[string, string[], RegExp]>([
    ['unknown-law', ['--law', 'chinchila'], /chinchila.*chinchilla/],
    ['bad-expression', ['--law', 'E + A/params^alpha + f(tokens)'], /no function f/],
    ['bad-expression', ['--law', 'E + A/"params"'], /./],
    ['bad-usage', ['--law', 'chinchilla', '--ratios', 'dModel/layers'], /takes no ratios/],
    ['bad-usage', ['--law', 'broken', '--breaks', '3'], /1 or 2 breaks/],
    ['bad-usage', ['--law', 'power', '--variable', 'width'], /not width/],
    ['bad-usage', ['--law', 'chinchilla', '--prior', 'hoffmann-2022'], /no draws/],
    ['bad-usage', ['--law', 'chinchilla', '--prior-on', 'alpha'], /no prior/],
    ['bad-usage', ['--law', 'E + A/params^alpha', '--bound', 'alpha'], /PARAMETER=LOW:HIGH/],
    ['no-variation', ['--law', 'shape'], /shape ratio that varies/],
    ['missing-column', ['--law', 'width-depth'], /needs dModel/],
  ])('refuses with %s: %j', async (code, args, message) => {
    await refused(['fit', at('runs.csv'), ...args], code, message);
  });
});

test('fit prints the noise of runs, and between seeds where there are any', async () => {
  const printed = async (name: string) =>
    (await shapelaw(['fit', at(name), '--law', 'chinchilla', '--draws', '0'])).out;
  // Noise of .2% a row.
  expect(await printed('runs.csv')).toMatch(/^noise +of the loss about the law 0\.[12]\d*%; no runs differ/m);
  expect(await printed('seeds.csv')).toMatch(
    /; 0\.[12]\d*% between runs that differ in their seed alone \(30 degrees of freedom\)$/m,
  );
});

describe('optimum', () => {
  // Under C = 6 N D the exponent of N* is beta / (alpha + beta), Hoffmann et al. 2022, equation 4.
  const exponent = surface.beta / (surface.alpha + surface.beta);

  test('isoflop, frontier and surface give the same record, and are compared', async () => {
    const { results, comparison } = await json(
      ...['optimum', at('isoflop.csv'), '--methods', 'isoflop,surface', '--at', '1e19,1e21', '--draws', '100'],
    );
    expect(results.map(({ method }: { method: string }) => method)).toEqual(['isoflop-quadratic', 'surface']);
    for (const { params, tokens, optima } of results) {
      expect(Math.abs(params.exponent.value - exponent)).toBeLessThan(0.02);
      expect(params.exponent.value + tokens.exponent.value).toBeCloseTo(1, 6);
      expect(optima).toHaveLength(2);
      expect(optima[1].decadesBeyond).toBeCloseTo(1, 6);
    }
    expect(comparison.pairs).toHaveLength(1);
  });

  test('plots profiles and lines', async () => {
    const args = [
      'optimum',
      at('isoflop.csv'),
      '--methods',
      'isoflop,surface',
      '--draws',
      '60',
      '--plots',
      at('optima'),
    ];
    expect((await shapelaw(args)).code).toBe(0);
    expect(readdirSync(at('optima')).sort()).toEqual(['best-params.svg', 'best-tokens.svg', 'isoflop-quadratic.svg']);
  });

  test.each<[string, string[], RegExp]>([
    ['bad-usage', ['isoflop.csv', '--methods', 'parabola'], /no method "parabola"/],
    ['bad-usage', ['isoflop.csv', '--at', 'much'], /positive number/],
    ['too-few-configurations', ['runs.csv', '--methods', 'isoflop'], /./],
    ['mixed-schedules', ['isoflop-mixed.csv', '--methods', 'isoflop'], /--where schedule=cosine/],
    ['mixed-schedules', ['isoflop-mixed.csv', '--methods', 'frontier'], /cosine \(23 rows\), wsd \(22 rows\)/],
    ['unclustered-checkpoints', ['paired.csv', '--methods', 'isoflop'], /run-0/],
  ])('refuses with %s: %j', async (code, [name, ...args], message) => {
    await refused(['optimum', at(name!), ...args], code, message);
  });
});

describe('regions', () => {
  test('finds the break of a broken power law, its exponents, and that they differ', async () => {
    const report = await json('regions', at('broken.csv'), '--replicates', '99');
    expect(report.regions).toHaveLength(2);
    const [low, high] = report.breakpoints[0].interval;
    expect(low).toBeLessThan(1e20);
    expect(high).toBeGreaterThan(1e20);
    expect(Math.abs(report.regions[0].exponents[0].value - 0.09)).toBeLessThan(0.005);
    expect(Math.abs(report.regions[1].exponents[0].value - 0.03)).toBeLessThan(0.005);
    expect(report.tests[0].p).toBeLessThan(0.05);
  });

  test('losses of several schedules are refused by regions and optimum, and taken with --force, which is noted', async () => {
    await refused(['regions', at('isoflop-mixed.csv')], 'mixed-schedules', /--force/);
    for (const command of [
      ['regions', at('isoflop-mixed.csv'), '--replicates', '0'],
      ['optimum', at('isoflop-mixed.csv'), '--methods', 'isoflop,frontier', '--draws', '60'],
    ]) {
      const { code, err } = await shapelaw([...command, '--force']);
      expect(code).toBe(0);
      expect(err.match(/overruled: \[mixed-schedules\]/g)).toHaveLength(command[0] === 'regions' ? 1 : 2);
    }
  });

  test('one region is an answer, and prints', async () => {
    const { code, out } = await shapelaw(['regions', at('broken.csv'), '--where', 'flops<1e20', '--replicates', '19']);
    expect(code).toBe(0);
    expect(out).toMatch(/^1 region of flops: /);
  });

  test('a law of regions predicts on either side', async () => {
    await json('fit', at('broken.csv'), '--law', 'region', '--draws', '60', '-o', at('region.json'));
    for (const [flops, loss] of [
      ['1e19', 3 * 0.1 ** -0.09],
      ['1e21', 3 * 10 ** -0.03],
    ] as const) {
      const { loss: predicted } = await json('predict', at('region.json'), '--flops', flops);
      expect(Math.abs(predicted.value / loss - 1)).toBeLessThan(0.005);
    }
  });
});

describe('backtest, diagnose, reproduce', () => {
  test('backtest ranks laws on runs held out', async () => {
    const { laws, folds } = await json(
      ...[
        'backtest',
        at('shapes.csv'),
        '--laws',
        'chinchilla,shape',
        '--by',
        'shapes',
        '--folds',
        '3',
        '--draws',
        '60',
      ],
    );
    expect(folds).toHaveLength(3);
    expect(laws.map(({ law }: { law: string }) => law)).toEqual(['shape', 'chinchilla']);
    const { code, out } = await shapelaw([
      'backtest',
      at('runs.csv'),
      '--laws',
      'chinchilla,E + A/flops^a',
      '--draws',
      '60',
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/expression/);
    await refused(
      ['backtest', at('few.csv'), '--laws', 'chinchilla'],
      'too-few-configurations',
      /no law can be fitted/,
    );
  });

  test('diagnose tells deltas, runs, profiles and shapes', async () => {
    const result = await json(
      'diagnose',
      at('shapes.csv'),
      '--law',
      'shape',
      '--profile',
      'c',
      '--draws',
      '60',
      '--top',
      '3',
    );
    expect(result.deltas.map(({ delta }: { delta: number }) => delta)).toEqual([1e-4, 1e-3, 1e-2, 1]);
    expect(result.influence.runs).toHaveLength(3);
    const [low, high] = result.profiles[0].interval;
    expect(low).toBeLessThan(0.08);
    expect(high).toBeGreaterThan(0.08);
    expect(result.shapes.shapes).toHaveLength(16);
    expect((await shapelaw(['diagnose', at('runs.csv'), '--law', 'chinchilla', '--draws', '60'])).code).toBe(0);
    await refused(
      ['diagnose', at('runs.csv'), '--law', 'chinchilla', '--profile', 'gamma'],
      'bad-usage',
      /no parameter gamma/,
    );
  });

  test('reproduce says what it rests on', async () => {
    const result = await json('reproduce', 'gemstones');
    expect(result.evidence).toMatch(/simulated/);
    expect(result.parts).toHaveLength(3);
    const { code, out } = await shapelaw(['reproduce', 'hoffmann-a4']);
    expect({ code, lines: out.match(/of 6ND/g)?.length }).toEqual({ code: 0, lines: 6 });
    await refused(['reproduce', 'hoffmann-a4', '--runs', at('runs.csv')], 'bad-usage', /needs no table/);
    await refused(['reproduce', 'nobody'], 'bad-usage', /besiroglu-2024/);
  });
});

test('nothing is left behind of what was refused', () => {
  expect(existsSync(at('undefined'))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
});
