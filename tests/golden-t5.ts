import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Shape } from '../src/flops/index.js';
import { readHuggingFaceT5 } from '../src/train/checkpoint/index.js';
import type { Executor, HostTensor } from '../src/train/engines/executor.js';
import { sizeOf } from '../src/train/graph/index.js';
import { type OptimizerOptions, stepScalars } from '../src/train/model/optimizer.js';
import { outputNames, type StepOptions, stateSlots, stepProgram } from '../src/train/model/step.js';
import { batchFeeds, scalarFeeds } from '../src/train/run/feeds.js';

interface Ids {
  readonly inputIds: readonly (readonly number[])[];
  readonly targetIds: readonly (readonly number[])[];
}

/** One run of the reference, 20 steps: see fixtures/t5/README.md. */
interface GoldenCurve {
  readonly settings: { readonly weightDecay?: number; readonly minFactored?: number };
  readonly clipNorm: number | null;
  readonly learningRates: readonly number[];
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
}

/** A golden model: what it is, and what the reference made of it. */
export interface GoldenT5 {
  readonly shape: Shape;
  readonly parameters: ReadonlyMap<string, HostTensor>;
  readonly steps: readonly Ids[];
  readonly curves: Readonly<Record<string, GoldenCurve>>;
}

export async function goldenT5(model: 't5' | 't5-v1.1'): Promise<GoldenT5> {
  const folder = new URL('../fixtures/t5/', import.meta.url);
  const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
  const { shape, tensors } = await readHuggingFaceT5(fileURLToPath(new URL(model, folder)));
  const parameters = new Map<string, HostTensor>(
    [...tensors].map(([name, { shape: dims, data }]) => [name, { dtype: 'float32', dims, values: data }]),
  );
  return { shape, parameters, steps: read('ids.json').steps, curves: read(`golden-${model}.json`).curves };
}

export interface GoldenStep {
  readonly loss: number;
  readonly gradientNorm: number;
}

function optimizerOf({ weightDecay = 0, minFactored }: GoldenCurve['settings']): OptimizerOptions {
  return minFactored === undefined
    ? { kind: 'adamw', weightDecay }
    : { kind: 'adafactor', weightDecay, factorFrom: minFactored };
}

/** The model before any step, with the optimizer's states at 0. */
export function goldenStates({ shape, parameters, curves }: GoldenT5, curve: string): Map<string, HostTensor> {
  const slots = stateSlots(shape, optimizerOf(curves[curve]!.settings));
  return new Map(
    slots.map(({ name, dims }) => [
      name,
      parameters.get(name) ?? { dtype: 'float32', dims, values: new Float32Array(sizeOf(dims)) },
    ]),
  );
}

/**
 * Trains as the curve of the reference did, from its start.
 *
 * @param feeds - Further inputs of every step.
 * @param count - Steps. Defaults to the reference's 20.
 */
export async function trainGolden(
  executor: Executor,
  golden: GoldenT5,
  curve: string,
  options: Partial<StepOptions> = {},
  feeds: ReadonlyMap<string, HostTensor> = new Map(),
  count = golden.steps.length,
): Promise<readonly GoldenStep[]> {
  const { shape, steps, curves } = golden;
  const { settings, clipNorm, learningRates } = curves[curve]!;
  const optimizer = optimizerOf(settings);
  const { inputIds, targetIds } = steps[0]!;
  const batch = inputIds.length;
  await executor.writeStates(goldenStates(golden, curve));
  const program = await executor.prepare(
    stepProgram(shape, {
      batch,
      encoderTokens: inputIds[0]!.length,
      decoderTokens: targetIds[0]!.length,
      optimizer,
      ...(clipNorm === null ? {} : { clipNorm }),
      ...options,
    }),
  );
  const results: GoldenStep[] = [];
  for (const [index, ids] of steps.slice(0, count).entries()) {
    const outputs = await program.run(
      new Map([
        ...batchFeeds(
          { encoderIds: Int32Array.from(ids.inputIds.flat()), targetIds: Int32Array.from(ids.targetIds.flat()) },
          batch,
        ),
        ...scalarFeeds(stepScalars(optimizer, index + 1, learningRates[index]!)),
        ...feeds,
      ]),
    );
    const number = (name: string) => Number(outputs.get(name)!.values[0]);
    results.push({ loss: number(outputNames.loss), gradientNorm: number(outputNames.gradientNorm) });
  }
  await program.dispose();
  return results;
}

/** Largest difference of losses from the reference's of the same steps, nats. */
export function worstLoss(results: readonly GoldenStep[], { losses }: GoldenCurve): number {
  return Math.max(...results.map(({ loss }, index) => Math.abs(loss - losses[index]!)));
}

/** Largest difference of gradient norms from the reference's of the same steps, relative to them. */
export function worstNorm(results: readonly GoldenStep[], { gradientNorms }: GoldenCurve): number {
  return Math.max(...results.map(({ gradientNorm }, index) => Math.abs(gradientNorm / gradientNorms[index]! - 1)));
}
