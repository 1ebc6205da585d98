import type { SequenceLengths } from '../flops/flops.js';
import type { StepTimeFit } from '../recommend/speed/index.js';

/**
 * The model of speed of the user's own machine, fitted to the step times of a table of runs.
 *
 * @throws ShapelawError where the table can't be read, lacks a column, or has too few shapes.
 */
export async function readStepTimes(path: string, lengths: SequenceLengths): Promise<StepTimeFit> {
  const [{ readRunTable }, { fitStepTime, measuredSteps }] = await Promise.all([
    import('../runs/read.js'),
    import('../recommend/speed/index.js'),
  ]);
  const { rows } = await readRunTable(path, {});
  return fitStepTime(measuredSteps(rows, { lengths }));
}
