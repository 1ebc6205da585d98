import { Command } from 'commander';
import { ShapelawError } from '../../errors.js';

/** Makes one run of a sweep: what executors start. */
export function runCommand(): Command {
  return new Command('run')
    .description('Make one run of a sweep; executors start it.')
    .argument('<dir>', "the sweep's folder")
    .argument('<run>', 'id of the run')
    .option('--task <name>', 'under which the same task comes again, such as that of a Slurm task')
    .action((dir: string, runId: string, { task }: { readonly task?: string }) => makeRun(dir, runId, task));
}

async function makeRun(dir: string, runId: string, task: string | undefined): Promise<void> {
  const { planSweep, sweepFolder, trainingMaker, workerExits, workOn } = await import('../../train/index.js');
  const folder = sweepFolder(dir, task === undefined ? {} : { task });
  const [sweep, setup] = await Promise.all([folder.readSweep(), folder.readSetup()]);
  const run = sweep && planSweep(sweep).find((planned) => planned.runId === runId);
  if (run === undefined || setup === undefined) {
    throw new ShapelawError('bad-usage', `${dir} is no sweep with a run ${runId}`, { path: dir, runId });
  }
  const stop = new AbortController();
  const onStop = () => stop.abort();
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  // The process that started this one has gone.
  process.on('disconnect', onStop);
  if (process.send !== undefined && !process.connected) onStop();
  const before = await folder.mark(runId);
  let saidAt = 0;
  const tell = (message: object) => {
    if (process.connected) process.send!(message, undefined, undefined, () => {});
  };
  const ending = await workOn(folder, run, trainingMaker(folder, setup), stop.signal, {
    retries: setup.retries,
    // Nobody sends another worker for a task.
    isPatient: task !== undefined,
    onProgress: (progress) => {
      if (performance.now() - saidAt < 200) return;
      saidAt = performance.now();
      tell({ kind: 'progress', progress });
    },
  });
  tell({ kind: 'ended', ending });
  process.off('disconnect', onStop);
  if (process.connected) process.disconnect();
  const isGained = (await folder.mark(runId)) !== before;
  const exits = {
    done: 'ended',
    failed: 'ended',
    taken: 'ended',
    again: 'again',
    stopped: isGained ? 'stopped' : 'idle',
  } as const;
  process.exitCode = workerExits[exits[ending]];
}
