import { resolve } from 'node:path';
import type { OpenSweep, SweepFolder } from '../../train/index.js';
import { exact } from '../format.js';
import type { Terminal } from '../terminal.js';
import type { CalibrateFlags } from './command.js';
import { jobMaker, main, slurmOf } from './executors.js';

/** Submits the runs of a sweep that no job has yet, with what follows them as a job that waits for them, and leaves. */
export async function submitSweep(
  folder: SweepFolder,
  { runs, setup }: OpenSweep,
  flags: CalibrateFlags,
  terminal: Terminal,
): Promise<void> {
  const { byEnding, memoryEstimator } = await import('../../train/index.js');
  const executor = await slurmOf(folder, setup, flags);
  const { active } = await executor.observe();
  const { open, done, failed } = byEnding(runs, await folder.endings());
  const waiting = open.filter(({ runId }) => !active.has(runId));
  const submitted = await executor.submit(waiting.map(jobMaker(memoryEstimator())));
  const follows = flags.then === undefined ? undefined : await executor.submitAfter(followArgs(folder, flags));
  const counts = {
    runs: runs.length,
    done: done.length,
    failed: failed.length,
    submitted: submitted.length,
    inQueue: open.length - waiting.length,
  };
  if (flags.json) {
    terminal.out(`${JSON.stringify({ event: 'submitted', ...counts, follows: follows ?? null })}\n`);
    return;
  }
  terminal.out(
    [
      `${exact(counts.submitted)} of ${exact(counts.runs)} runs submitted; ${exact(counts.inQueue)} have jobs already, ${exact(counts.done)} are done, ${exact(counts.failed)} failed`,
      ...(follows === undefined
        ? []
        : [`job ${follows} follows when they have ended; its output: ${folder.path}/slurm/logs/${follows}.log`]),
      `watch with: shapelaw calibrate status ${folder.path}`,
      '',
    ].join('\n'),
  );
}

function followArgs(folder: SweepFolder, { then, law, budget }: CalibrateFlags): readonly string[] {
  return [
    ...[main, 'calibrate', resolve(folder.path), '--collect', '--then', then!.join(), '--law', law],
    ...(budget === undefined ? [] : ['--budget', budget]),
  ];
}
