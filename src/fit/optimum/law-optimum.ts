import { ShapelawError } from '../../errors.js';
import type { RunTable } from '../../runs/index.js';
import type { Law } from '../law.js';
import { lawForm } from '../laws/registry.js';
import { lawDraws } from '../predict.js';
import type { OptimumEstimate, OptimumOptions } from './estimate.js';
import { type SurfaceParameters, surfaceOptimum } from './surface-optimum.js';

/**
 * The compute optimum of a fitted law of params and tokens (approach 3), with intervals from its draws; of a law of shape, that
 * of the best shapes.
 *
 * @param table - The rows that the law was fitted to, for the compute that they span. Defaults to unknown.
 * @throws ShapelawError `bad-usage` for a law that states none.
 */
export function lawOptimum(law: Law, options: OptimumOptions = {}, table?: RunTable): OptimumEstimate {
  if (lawForm(law.law, law.form).optimum === undefined) {
    throw new ShapelawError(
      'bad-usage',
      `${law.name} is a ${law.law} law, which states no compute optimum; a chinchilla or shape law does`,
      { law: law.law },
    );
  }
  const flops = table?.rows.flatMap(({ params, tokens }) => (tokens === undefined ? [] : [6 * params * tokens])) ?? [];
  const draws = lawDraws(law);
  return surfaceOptimum(surfaceOf(law.parameters), {
    ...options,
    ...(draws === null ? {} : { draws: draws.map(surfaceOf), kind: law.draws!.kind, seed: law.draws!.seed }),
    conventions: { ...law.conventions, flops: '6ND' },
    evidence: flops.length === 0 ? null : { flops: [Math.min(...flops), Math.max(...flops)], points: flops.length },
  });
}

function surfaceOf({ A, B, alpha, beta }: Readonly<Record<string, number>>): SurfaceParameters {
  return { A: A!, B: B!, alpha: alpha!, beta: beta! };
}
