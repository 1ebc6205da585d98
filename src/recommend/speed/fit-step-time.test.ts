import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countParameters } from '../../flops/parameters.js';
import { fitStepTime } from './fit-step-time.js';
import {
  gemstonesDevice,
  gemstonesLengths,
  gemstonesSequences,
  gemstonesShape,
  gemstonesStepTime,
} from './gemstones.js';
import { measuredSteps } from './measured-steps.js';
import { measuredStepTime } from './step-time.js';
import { workloadNames, workloadOf } from './workload.js';

const shapes = [
  ...[256, 384, 512, 768, 1024, 2048].flatMap((width) => [4, 24].map((layers) => [width, layers, 8] as const)),
  [1024, 12, 16],
] as const;
const stepsBy = (coefficients: Readonly<Record<(typeof workloadNames)[number], number>>) =>
  shapes.map(([width, layers, nodes]) => {
    const workload = workloadOf(gemstonesShape(width, layers), gemstonesLengths, gemstonesSequences(nodes));
    const stepSeconds = workloadNames.reduce((sum, name) => sum + coefficients[name] * workload[name], 0);
    return { workload, stepSeconds };
  });
const steps = stepsBy(gemstonesStepTime.coefficients);

describe('fit of step times', () => {
  test('finds the coefficients that made them', () => {
    // As many seconds of each part as of another in the widest shape, times a factor of up to ten.
    const factor = fc.double({ min: 0.1, max: 10, noNaN: true });
    const largest = (name: (typeof workloadNames)[number]) => Math.max(...steps.map(({ workload }) => workload[name]));
    fc.assert(
      fc.property(fc.tuple(factor, factor, factor, factor), (factors) => {
        const truth = Object.fromEntries(
          workloadNames.map((name, k) => [name, factors[k]! / largest(name)]),
        ) as typeof gemstonesStepTime.coefficients;
        const simulated = stepsBy(truth);
        const { coefficients, leftOutError, steps: count, flops } = fitStepTime(simulated);
        for (const name of workloadNames) expect(coefficients[name] / truth[name]).toBeCloseTo(1, 5);
        expect(leftOutError).toBeLessThan(1e-6);
        expect(count).toBe(shapes.length);
        expect(flops).toEqual([simulated[0]!.workload.flops, largest('flops')]);
      }),
      { numRuns: 25 },
    );
  });

  test('of noisy steps lies no further from the truth than the noise', () => {
    // True coefficients keep the bounds, and the nearest point of a convex set to a measurement is no further from one of its points.
    const square = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -0.1, max: 0.1, noNaN: true }), { minLength: steps.length, maxLength: steps.length }),
        (noise) => {
          const fit = fitStepTime(
            steps.map(({ workload, stepSeconds }, k) => ({ workload, stepSeconds: stepSeconds * Math.exp(noise[k]!) })),
          );
          const off = steps.map(({ workload, stepSeconds }, k) => {
            const predicted = workloadNames.reduce((sum, name) => sum + fit.coefficients[name] * workload[name], 0);
            return (predicted / stepSeconds - 1) / Math.exp(noise[k]!);
          });
          expect(square(off)).toBeLessThanOrEqual(square(noise.map((one) => 1 - Math.exp(-one))) + 1e-9);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('leaves at 0 what takes no time, and the first coefficient at the peak that bounds it', () => {
    const none = fitStepTime(stepsBy({ flops: 8e-15, activationBytes: 2e-11, outputBytes: 0, parameters: 0 }));
    expect(none.coefficients.outputBytes).toBeLessThan(1e-16);
    expect(none.coefficients.parameters).toBeLessThan(1e-15);
    const bounded = fitStepTime(stepsBy({ flops: 1e-15, activationBytes: 2e-11, outputBytes: 0, parameters: 0 }), 1e14);
    expect(bounded.coefficients.flops).toBeCloseTo(1e-14, 24);
  });

  test('does not depend on units', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (unit) => {
        const scaled = fitStepTime(steps.map((step) => ({ ...step, stepSeconds: unit * step.stepSeconds })));
        expect(scaled.coefficients.activationBytes / unit / gemstonesStepTime.coefficients.activationBytes).toBeCloseTo(
          1,
          6,
        );
      }),
      { numRuns: 10 },
    );
  });

  test('refuses too few shapes, shapes that are alike, and times that are none', () => {
    const refusal = (code: string) => expect.objectContaining({ code });
    expect(() => fitStepTime(steps.slice(0, 5))).toThrow(refusal('too-few-configurations'));
    expect(() => fitStepTime(Array.from({ length: 9 }, () => steps[0]!))).toThrow(refusal('too-few-configurations'));
    const one = gemstonesShape(512, 12);
    const alike = [1, 2, 4, 8, 16, 32].map((sequences) => ({
      workload: workloadOf(one, gemstonesLengths, sequences),
      stepSeconds: sequences,
    }));
    expect(() => fitStepTime(alike)).toThrow(refusal('no-variation'));
    for (const stepSeconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => fitStepTime([{ ...steps[0]!, stepSeconds }])).toThrow(refusal('bad-usage'));
  });
});

const folder = process.env.SHAPELAW_DATA ?? '';

describe.skipIf(!folder)('published runs (skipped where SHAPELAW_DATA does not name their folder)', () => {
  const table = () =>
    readFileSync(join(folder, 'gemstones', 'wandb_df_for_fitting_hot.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  const runs = () =>
    measuredSteps(
      table().map((row) => ({
        ...{ runId: row.run_name, tokens: row.tokens, step: row.step, stepSeconds: row.seconds_per_step },
        ...{ nodes: row.num_nodes, dModel: row.width, decoderLayers: row.depth },
      })),
      {
        lengthsOf: () => gemstonesLengths,
        devicesPerNode: gemstonesDevice.aNode,
        shapeOf: ({ dModel, decoderLayers }) => gemstonesShape(dModel!, decoderLayers!),
      },
    );

  test('parameters of every shape are those of the table', () => {
    for (const row of table())
      expect(countParameters(gemstonesShape(row.width, row.depth)).total).toBe(row.params_active_precise);
  });

  test('the 22 step times give the embedded constants again', () => {
    const fit = fitStepTime(runs(), gemstonesDevice.peakFlops);
    for (const name of workloadNames)
      expect(fit.coefficients[name] / gemstonesStepTime.coefficients[name]).toBeCloseTo(1, 6);
    expect(fit.leftOutError).toBeCloseTo(gemstonesStepTime.leftOutError, 8);
    expect(fit.steps).toBe(22);
    expect(fit.flops).toEqual(gemstonesStepTime.flops);
  });

  test('the intervals hold 21 of the 22', () => {
    // 512 x 16 took 16% longer than its neighbours tell.
    const outside = table().filter((row) => {
      const devices = gemstonesDevice.aNode * row.num_nodes;
      const shape = gemstonesShape(row.width, row.depth);
      const setting = { lengths: gemstonesLengths, batch: 2048, devices };
      const [low, high] = measuredStepTime(gemstonesStepTime, shape, setting).seconds.interval;
      return row.seconds_per_step < low || row.seconds_per_step > high;
    });
    expect([...new Set(outside.map((row) => `${row.width}x${row.depth}`))]).toEqual(['512x16']);
  });
});
