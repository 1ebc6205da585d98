import { Command } from 'commander';
import type { RunningRun } from '../../train/index.js';
import { exact, percent, scientific } from '../format.js';
import type { Terminal } from '../terminal.js';
import { firstLine, namer, progressText } from './view.js';

export function statusCommand(terminal: Terminal): Command {
  return new Command('status')
    .description('Say where a sweep stands, from its folder alone.')
    .argument('<dir>', "the sweep's folder")
    .option('--json', 'print JSON')
    .action(async (dir: string, _: unknown, command: Command) => {
      const { json } = command.optsWithGlobals<{ readonly json?: boolean }>();
      const { planSweep, sweepFolder, sweepStatus } = await import('../../train/index.js');
      const folder = sweepFolder(dir);
      const runs = planSweep(await folder.requireSweep());
      const status = await sweepStatus(folder, runs);
      const jobs = await slurmJobs(folder.path);
      if (json) return terminal.out(`${JSON.stringify({ ...status, ...jobs }, null, 2)}\n`);
      const nameOf = namer(runs);
      const { running, failed } = status;
      terminal.out(
        [
          `${exact(status.done)} of ${exact(status.runs)} runs done, ${exact(running.length)} running, ${exact(status.waiting)} waiting, ${exact(failed.length)} failed; ${scientific(status.flopsDone)} of ${scientific(status.flops)} FLOPs (exact), ${percent(Math.floor((100 * status.flopsDone) / status.flops) / 100)}`,
          ...(jobs === undefined ? [] : [`Slurm: ${jobsText(jobs.slurm)}`]),
          ...running.map((run) => `  ${nameOf(run.runId)}  ${runningText(run)}`),
          ...failed.map(({ runId, code, message }) => `  ${nameOf(runId)}  failed: [${code}] ${firstLine(message)}`),
          '',
        ].join('\n'),
      );
    });
}

function runningText({ holder, hasEnded, progress, last }: RunningRun): string {
  const where = `process ${holder.pid} on ${holder.host}`;
  if (hasEnded) return `${where} has ended; shapelaw calibrate goes on with it`;
  if (progress !== undefined) return `${progressText(progress)}  (${where})`;
  return `${last === undefined ? 'starting' : `step ${exact(last.step!)}  held-out loss ${last.loss.toFixed(4)}`}  (${where})`;
}

/** Tasks in the queue by what they do or wait for; undefined of a sweep that was never submitted, or where Slurm does not answer. */
async function slurmJobs(path: string): Promise<{ readonly slurm: Readonly<Record<string, number>> } | undefined> {
  const { slurmExecutor, wasSubmitted } = await import('../../train/index.js');
  if (!(await wasSubmitted(path))) return undefined;
  try {
    const { active } = await slurmExecutor({ path, command: () => [] }).observe();
    const counts: Record<string, number> = {};
    for (const { waits = 'running' } of active.values()) counts[waits] = (counts[waits] ?? 0) + 1;
    return { slurm: counts };
  } catch {
    return undefined;
  }
}

function jobsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([what, count]) => `${exact(count)} ${what}`);
  return parts.length === 0 ? 'no task in the queue' : parts.join(', ');
}
