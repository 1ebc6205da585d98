import { ShapelawError } from '../errors.js';
import { closest } from '../flops/presets/closest.js';
import type { ExportFormat, ExportTraining } from './export/index.js';
import type { Recommendation, RecommendedShape } from './recommendation.js';

/**
 * The line of a shape by its name; without one the first.
 *
 * @throws ShapelawError `unknown-shape`, with the names there are.
 */
export function shapeOfAnswer(answer: Recommendation, name?: string): RecommendedShape {
  const rows = answer.recommendations;
  const found =
    name === undefined ? rows[0] : rows.find(({ shape }) => shape.name.toLowerCase() === name.trim().toLowerCase());
  if (found !== undefined) return found;
  const names = rows.map(({ shape }) => shape.name);
  const near = closest(String(name), names, 3);
  throw new ShapelawError(
    'unknown-shape',
    `the answer has no shape "${name}"${near.length > 0 ? `; did you mean ${near.join(', ')}?` : '.'} It has ${names.join('; ')}`,
    { shape: name, names },
  );
}

/** Trainers of the NVIDIA family write AdamW alone. */
const adamwOnly: readonly ExportFormat[] = ['megatron', 'nemo'];

/**
 * How a configuration trains: the steps and batch of its line, and the learning rate of the published rule where that is one
 * for the optimizer and covers the run; none else.
 */
export function exportedTraining(answer: Recommendation, row: RecommendedShape, format: ExportFormat): ExportTraining {
  const optimizer = adamwOnly.includes(format) ? 'adamw' : 'adafactor';
  return {
    ...row.lengths,
    steps: Math.max(1, row.steps),
    batch: answer.setting.batch,
    learningRate: row.rule?.optimizer === optimizer && row.rule.insideDomain ? row.rule.learningRate : null,
    optimizer,
    precision: answer.setting.memory.precision,
  };
}
