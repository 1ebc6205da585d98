import { resolve } from 'node:path';
import { expandSweep, type Sweep } from '../../recommend/design/index.js';
import { completeRecipe, type Recipe, type RecipeOptions, recipeId, stepSizes, stepsFor } from '../run/recipe.js';

/** One run of a sweep, as it is trained. */
export interface PlannedRun {
  /** A hash of the recipe: the same run has the same name in every sweep. */
  readonly runId: string;
  readonly recipe: Recipe;
  /** All parameters, tied embeddings once. */
  readonly params: number;
  /** Encoder and decoder tokens of all steps. */
  readonly tokens: number;
  readonly steps: number;
  /** Exact training FLOPs of all steps. */
  readonly flops: number;
}

/** The sweep with its paths made absolute, so that it means the same from any folder. */
export function absoluteSweep(sweep: Sweep): Sweep {
  const { corpus, tokenizer } = sweep;
  return {
    ...sweep,
    ...(corpus === undefined ? {} : { corpus: corpus.map((path) => resolve(path)) }),
    ...(tokenizer === undefined || tokenizer === 'bytes' ? {} : { tokenizer: resolve(tokenizer) }),
  };
}

/**
 * The runs of a sweep with their recipes, those of most FLOPs first: long runs that begin last would leave the other workers idle.
 *
 * @throws ShapelawError `bad-sweep`, and what `completeRecipe` throws.
 */
export function planSweep(sweep: Sweep): readonly PlannedRun[] {
  const { optimizer, weightDecay, engine, name, base, shapes, grid, tokens, flops, seeds, vocab, format, ...training } =
    sweep;
  return expandSweep(sweep)
    .map((run): PlannedRun => {
      const recipe = completeRecipe({
        ...(training as Omit<RecipeOptions, 'shape' | 'tokens' | 'seed' | 'optimizer'>),
        shape: run.shape,
        tokens: run.tokens,
        seed: run.seed,
        ...(optimizer === undefined && weightDecay === undefined
          ? {}
          : { optimizer: { kind: optimizer ?? 'adafactor', ...(weightDecay === undefined ? {} : { weightDecay }) } }),
      });
      const sizes = stepSizes(recipe);
      const steps = stepsFor(run.tokens, sizes);
      return {
        runId: recipeId(recipe),
        recipe,
        params: run.params,
        tokens: steps * sizes.tokens,
        steps,
        flops: steps * sizes.flops,
      };
    })
    .sort((a, b) => b.flops - a.flops);
}
