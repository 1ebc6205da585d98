import { Option } from 'commander';
import { ShapelawError } from '../errors.js';
import type { SequenceLengths } from '../flops/flops.js';
import type { MeasuredStep, StepTimeFit } from '../recommend/speed/index.js';
import { defined, positiveInteger } from './options.js';

/** Options of a command that can take the speed of the user's own machine. */
export interface StepTimeFlags {
  readonly stepTimes?: string;
  readonly devicesPerNode?: number;
}

export function stepTimesOption(): Option {
  return new Option(
    '--step-times <runs>',
    'table of runs with stepSeconds, or folder of runs of train, to which the model of speed is fitted',
  );
}

export function devicesPerNodeOption(): Option {
  return new Option('--devices-per-node <n>', 'devices of a machine of those runs (default: 1)').argParser(
    positiveInteger,
  );
}

/**
 * The model of speed of the user's own machine, fitted to the step times of a table or folder of runs; undefined where none is
 * named. Sequences of a table are of the given lengths, or those planned by default; runs of `train` state their own.
 *
 * @throws ShapelawError where the runs can't be read, lack a column, or have too few shapes.
 */
export async function readStepTimes(
  { stepTimes: path, devicesPerNode }: StepTimeFlags,
  given: Partial<SequenceLengths>,
): Promise<StepTimeFit | undefined> {
  if (path === undefined) {
    if (devicesPerNode === undefined) return undefined;
    throw new ShapelawError('bad-usage', '--devices-per-node is of the runs of --step-times; name them too');
  }
  const [{ fitStepTime }, { stat }] = await Promise.all([
    import('../recommend/speed/index.js'),
    import('node:fs/promises'),
  ]);
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return fitStepTime(
    isFolder ? await stepsOfFolder(path, devicesPerNode ?? 1) : await stepsOfTable(path, devicesPerNode ?? 1, given),
  );
}

async function stepsOfTable(
  path: string,
  devicesPerNode: number,
  given: Partial<SequenceLengths>,
): Promise<readonly MeasuredStep[]> {
  const [{ readRunTable }, { measuredSteps }, { planLengths }] = await Promise.all([
    import('../runs/read.js'),
    import('../recommend/speed/index.js'),
    import('../recommend/setting.js'),
  ]);
  const { rows, conventions } = await readRunTable(path);
  const steps = measuredSteps(rows, {
    devicesPerNode,
    lengthsOf: ({ kind }) => planLengths(kind, given),
    ...defined({ tokens: conventions.tokens === 'unstated' ? undefined : conventions.tokens }),
  });
  if (steps.length > 0) return steps;
  throw new ShapelawError('missing-column', `${path} has no stepSeconds; add the seconds of a step of each run`, {
    file: path,
    column: 'stepSeconds',
  });
}

/** Runs of `train` in a folder, or the one that it is of: their configurations state shape and lengths. */
async function stepsOfFolder(folder: string, devicesPerNode: number): Promise<readonly MeasuredStep[]> {
  const [{ readdir }, { join }, { readRunTable }, { measuredSteps }, { readConfig }, { stepSizes }] = await Promise.all(
    [
      import('node:fs/promises'),
      import('node:path'),
      import('../runs/read.js'),
      import('../recommend/speed/index.js'),
      import('../train/run/directory.js'),
      import('../train/run/recipe.js'),
    ],
  );
  const within = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
  const steps: MeasuredStep[] = [];
  for (const path of [folder, ...within.sort()]) {
    const config = await readConfig(path);
    if (config === undefined) continue;
    const { rows } = await readRunTable(join(path, 'metrics.jsonl'));
    const lengthsOf = () => stepSizes(config.recipe);
    steps.push(...measuredSteps(rows, { devicesPerNode, lengthsOf, shapeOf: () => config.recipe.shape }));
  }
  if (steps.length > 0) return steps;
  throw new ShapelawError(
    'unreadable',
    `${folder} holds no runs of train that took a step; name a table or another folder`,
    {
      file: folder,
    },
  );
}
