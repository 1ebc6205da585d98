import type { Shape } from '../flops/shape.js';
import { dominates, type Objectives, outdoes } from './pareto.js';
import type { PlannedShape } from './planner.js';
import type { RecommendedShape } from './recommendation.js';
import type { Ranking } from './search/rank.js';
import type { Counts } from './search/section-counts.js';

/** Sets each line against the set, against the other lines and against the candidates that were compared. */
export function compareShapes(
  rows: readonly PlannedShape[],
  ranking: Ranking | null,
  candidates: readonly Objectives[],
  counts: (shape: Shape) => Counts,
): readonly RecommendedShape[] {
  const own = rows.map(
    (row): Objectives => ({
      name: row.shape.name,
      parameters: row.parameters,
      flopsPerToken: counts(row.shape).training,
      stepSeconds: row.speed.stepSeconds.value,
      loss: row.loss?.value ?? null,
    }),
  );
  // What goes beyond a limit is no candidate, so it dominates none.
  const rivals = [...own.filter((_, k) => rows[k]!.exceeds.length === 0), ...candidates];
  return rows.map((row, k) => ({
    ...row,
    set: ranking?.standing(row.shape) ?? null,
    pareto: !rivals.some((other) => dominates(other, own[k]!)),
    dominatedBy:
      row.role === 'standard' || row.role === 'reference'
        ? (rivals.find((other) => outdoes(other, own[k]!))?.name ?? null)
        : null,
  }));
}
