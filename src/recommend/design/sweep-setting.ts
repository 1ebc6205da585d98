import { spanCorruptionLengths } from '../../flops/span-corruption.js';
import type { SweepRun } from './expand-sweep.js';
import type { Sweep } from './sweep-schema.js';

/** How a run of a sweep is trained, with the trainer's defaults where the sweep is silent. */
export type RunSetting = ReturnType<typeof runSetting>;

/**
 * Every setting of a run that bears on its losses; the engine, which differs in rounding alone, is none. Lengths are tokens of a
 * sequence; `cooldown` is a share of the steps; `warmup` says whether the rate rises linearly over `warmupSteps`, where T5's
 * Adafactor starts at the peak.
 */
export function runSetting(sweep: Sweep, { steps }: SweepRun) {
  const { encoderTokens, decoderTokens } = spanCorruptionLengths(
    sweep.encoderTokens ?? 128,
    sweep.density ?? 0.15,
    sweep.meanSpan ?? 3,
  );
  const optimizer = sweep.optimizer ?? 'adafactor';
  const schedule = sweep.schedule ?? 'constant';
  return {
    encoderTokens,
    decoderTokens,
    density: sweep.density ?? 0.15,
    meanSpan: sweep.meanSpan ?? 3,
    batch: sweep.batch ?? 16,
    accumulate: sweep.accumulate ?? 1,
    optimizer,
    weightDecay: sweep.weightDecay ?? 0,
    clipNorm: sweep.clipNorm ?? null,
    schedule,
    learningRate: sweep.learningRate ?? (optimizer === 'adamw' ? 1e-3 : 1e-2),
    warmupSteps: sweep.warmupSteps ?? (schedule === 'inverse-sqrt' ? 10_000 : Math.min(1000, Math.round(steps / 20))),
    warmup: optimizer === 'adamw' ? 'linear' : 'none',
    cooldown: sweep.cooldown ?? (schedule === 'constant' ? 0.2 : 0),
    dropout: sweep.dropout ?? 0,
    precision: sweep.precision ?? 'fp32',
    recompute: sweep.recompute ?? false,
    evaluations: sweep.evaluations ?? 10,
    validationExamples: sweep.validationExamples ?? 256,
    validationFraction: sweep.validationFraction ?? 0.05,
    tokenizer: sweep.tokenizer ?? 'bytes',
    corpus: sweep.corpus === undefined ? 'sotu' : JSON.stringify(sweep.corpus),
    textField: sweep.textField ?? 'text',
  } as const;
}
