import { Command, InvalidArgumentError, Option } from 'commander';
import { type Sweep, sweepEngines } from '../../recommend/design/sweep-schema.js';
import { collect, listed, positiveInteger } from '../options.js';
import type { Terminal } from '../terminal.js';
import { calibrate } from './calibrate.js';
import { runCommand } from './run.js';
import { statusCommand } from './status.js';

/** Options of `calibrate` as commander gives them. */
export interface CalibrateFlags {
  readonly out?: string;
  readonly dryRun?: boolean;
  readonly export?: 'hf-config' | 't5x-gin';
  readonly engine?: NonNullable<Sweep['engine']>;
  readonly executor: 'local' | 'slurm';
  readonly workers?: number;
  readonly threads?: number;
  readonly gpus?: number;
  readonly memory?: string;
  readonly retries?: number;
  readonly partition?: string;
  readonly account?: string;
  readonly gres?: string;
  readonly timeLimit?: string;
  readonly sbatch?: readonly string[];
  readonly wait?: boolean;
  readonly collect?: boolean;
  readonly then?: readonly Step[];
  readonly law: string;
  readonly budget?: string;
  readonly json?: boolean;
}

/** What may follow a sweep. */
export const steps = ['fit', 'recommend'] as const;

export type Step = (typeof steps)[number];

function stepsOf(text: string): readonly Step[] {
  const given = listed(text);
  if (given.join() === 'fit' || given.join() === 'fit,recommend') return given as Step[];
  throw new InvalidArgumentError('It must be fit, or fit,recommend.');
}

export function calibrateCommand(terminal: Terminal): Command {
  const command = new Command('calibrate')
    .description(
      'Train the runs of a sweep, on this machine or on Slurm, whatever happens in between; then fit a law to them.',
    )
    .argument(
      '[sweep]',
      'sweep file, such as shapelaw design writes, or the folder of a sweep to go on with (default: a small sweep of two minutes)',
    )
    .option('--out <dir>', "the sweep's folder; the same command again goes on with it (default: sweeps/NAME)")
    .option('--dry-run', 'print the runs with what they take here, by a short measurement, and make none')
    .addOption(
      new Option(
        '--export <trainer>',
        'write the configurations of the runs for another trainer, and make none',
      ).choices(['hf-config', 't5x-gin']),
    )
    .optionsGroup('Where:')
    .addOption(new Option('--engine <name>', "of all runs (default: the sweep's, or auto)").choices(sweepEngines))
    .addOption(
      new Option('--executor <name>', 'this machine, or array jobs').choices(['local', 'slurm']).default('local'),
    )
    .option(
      '--workers <n>',
      'runs side by side (default: one a core of the cpu engine, one a GPU of others)',
      positiveInteger,
    )
    .option('--threads <n>', 'of the cpu engine in each run (default: 1)', positiveInteger)
    .option('--gpus <n>', 'that workers are dealt out to (default: 1)', positiveInteger)
    .option(
      '--memory <size>',
      'that all runs together may take, or on Slurm each task (default: nine tenths of what is free; on Slurm an estimate)',
    )
    .option(
      '--retries <n>',
      'attempts at a run, one after the other, that get no further (default: 3)',
      positiveInteger,
    )
    .optionsGroup('Slurm:')
    .option('--partition <name>', 'of the jobs')
    .option('--account <name>', 'that the jobs are charged to')
    .option('--gres <list>', 'generic resources of a task, such as gpu:1')
    .option('--time-limit <time>', 'of a task, as sbatch has it; a run that reaches it goes on in the next')
    .option('--sbatch <option>', 'any other option of sbatch, such as --sbatch=--qos=low; repeatable', collect)
    .option('--wait', 'stay until the jobs have ended')
    .optionsGroup('After the runs:')
    .option('--collect', 'make no run: take those of the folder that are done')
    .option('--then <steps>', 'fit, or fit,recommend: a law with a backtest, and shapes for the budget', stepsOf)
    .option('--law <name>', 'to fit; see shapelaw fit --help', 'chinchilla')
    .option(
      '--budget <text>',
      'of the recommendation, such as "1e17 FLOP" (default: 1,000 times the FLOPs of the largest run)',
    )
    .option('--json', 'print each event as a line of JSON')
    .addHelpText(
      'after',
      '\nExample:\n  shapelaw design --cost 2h --rate 1e11 -o sweep.json\n  shapelaw calibrate sweep.json --dry-run\n  shapelaw calibrate sweep.json --out sweeps/first --then fit,recommend --budget "1e17 FLOP"\n  shapelaw calibrate status sweeps/first',
    )
    .action((sweep: string | undefined, flags: CalibrateFlags) => calibrate(sweep, flags, terminal));
  command.addCommand(statusCommand(terminal).copyInheritedSettings(command));
  command.addCommand(runCommand().copyInheritedSettings(command), { hidden: true });
  return command;
}
