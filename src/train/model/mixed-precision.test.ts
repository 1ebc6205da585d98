import { describe, expect, test } from 'vitest';
import { goldenStates, goldenT5, trainGolden, worstLoss } from '../../../tests/golden-t5.js';
import { parseInlineShape } from '../../flops/index.js';
import type { Executor } from '../engines/executor.js';
import { onnxExecutor } from '../engines/onnx.js';
import { hostTensor } from '../engines/reference.js';
import { lean, type Program } from '../graph/index.js';
import { firstLossScale, lossScaleName } from './loss-scale.js';
import { type StepOptions, stepProgram } from './step.js';

const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);
// The CPU provider rounds to float16 where the graph does, and mostly computes in float32 in between.
async function onCpu<T>(use: (executor: Executor) => Promise<T>): Promise<T> {
  const executor = await onnxExecutor({ provider: 'cpu' });
  try {
    return await use(executor);
  } finally {
    await executor.dispose();
  }
}

const half = { compute: 'float16' } as const;
const scaledBy = (scale: number) => new Map([[lossScaleName, hostTensor('float32', [], [scale])]]);

const shapes = ['ffn=gated,tied=no', 'ffn=plain,tied=yes'].map((rest) =>
  parseInlineShape(`enc=2,dec=2,d=16,ff=32,kv=8,h=2,vocab=128,${rest}`),
);
const sizes = { batch: 2, encoderTokens: 8, decoderTokens: 4 } as const;
const optimizers = [{ kind: 'adamw' }, { kind: 'adafactor', factorFrom: 16 }] as const;
const variants: readonly Partial<StepOptions>[] = [{}, { clipNorm: 1, dropout: 0.1, recompute: true }];

function programs(options: Partial<StepOptions>): readonly Program[] {
  return shapes.flatMap((shape) =>
    optimizers.flatMap((optimizer) =>
      variants.map((variant) => stepProgram(shape, { ...sizes, optimizer, ...variant, ...options })),
    ),
  );
}

describe('a step in float16', () => {
  test('computes products in float16 and all else in float32', () => {
    for (const program of programs(half)) {
      const { order, states } = lean(program);
      const kinds = new Set(order.filter(({ dtype }) => dtype === 'float16').map(({ operation }) => operation.kind));
      expect([...kinds].sort()).toEqual(['cast', 'matMul', 'reshape', 'transpose']);
      // A norm's gradient has products with a vector, sums in disguise, which stay in float32.
      const wide = order.filter(({ operation, dtype }) => operation.kind === 'matMul' && dtype === 'float32');
      expect(wide.every(({ inputs, dims }) => inputs[0]!.dims[0] === 1 || dims.at(-1) === 1)).toBe(true);
      expect(states.every(({ dtype }) => dtype === 'float32')).toBe(true);
    }
  });

  test('is fed a loss scale, and a step in float32 is not', () => {
    const isFed = (program: Program) => lean(program).inputs.some(({ name }) => name === lossScaleName);
    expect(programs(half).every(isFed)).toBe(true);
    expect(programs({}).some(isFed)).toBe(false);
  });
});

describe.skipIf(!isInstalled)('training in float16', () => {
  // float16 has 11 bits, so a product is off by some 2^-11 of its size, 5e-4. Seen: losses off by 6e-5 and norms by 1.5e-4 of
  // theirs at the first step, losses by 6.4e-3 within 20.
  test.each([
    ['t5', 'adafactor-mesh-factored-from-24'],
    ['t5-v1.1', 'adamw-clipped-scheduled'],
  ] as const)('follows the reference: %s with %s', async (model, curve) => {
    const golden = await goldenT5(model);
    const expected = golden.curves[curve]!;
    const results = await onCpu((executor) =>
      trainGolden(executor, golden, curve, half, scaledBy(firstLossScale.scale)),
    );
    expect(Math.abs(results[0]!.loss - expected.losses[0]!)).toBeLessThan(1e-3);
    expect(Math.abs(results[0]!.gradientNorm / expected.gradientNorms[0]! - 1)).toBeLessThan(1e-3);
    expect(worstLoss(results, expected)).toBeLessThan(0.02);
    // In float32 it would be 2e-6.
    expect(worstLoss(results, expected)).toBeGreaterThan(1e-5);
  });

  test('gives the same whatever the scale, but where it is too small', async () => {
    const golden = await goldenT5('t5-v1.1');
    const firstNorm = async (scale: number) =>
      (await onCpu((executor) => trainGolden(executor, golden, 'adamw', half, scaledBy(scale), 1)))[0]!.gradientNorm;
    const norm = await firstNorm(2 ** 16);
    expect(await firstNorm(2 ** 12)).toBe(norm);
    // The smallest float16 is 2^-24: of gradients around 2^-8, scaled by 2^-16, nothing is left.
    expect(Math.abs((await firstNorm(2 ** -16)) / norm - 1)).toBeGreaterThan(0.01);
  });

  test.each(['adamw-clipped-scheduled', 'adafactor-mesh-factored-from-24'])(
    'a step whose gradient overflows changes nothing: %s',
    async (curve) => {
      const golden = await goldenT5('t5-v1.1');
      const before = goldenStates(golden, curve);
      await onCpu(async (executor) => {
        const [skipped] = await trainGolden(executor, golden, curve, half, scaledBy(2 ** 60), 1);
        expect(skipped!.gradientNorm).not.toBeLessThan(Number.POSITIVE_INFINITY);
        expect(skipped!.loss).toBeCloseTo(golden.curves[curve]!.losses[0]!, 2);
        const after = await executor.readStates([...before.keys()]);
        for (const [name, { values }] of before) expect([name, after.get(name)!.values]).toEqual([name, values]);

        await trainGolden(executor, golden, curve, half, scaledBy(2 ** 10), 1);
        const later = await executor.readStates([...before.keys()]);
        expect(later.get('shared.weight')!.values).not.toEqual(before.get('shared.weight')!.values);
      });
    },
  );
});
