import { Command } from 'commander';
import { ShapelawError } from '../../errors.js';
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
      const sweep = await folder.readSweep();
      if (sweep === undefined) {
        throw new ShapelawError('bad-run-directory', `${dir} holds no sweep: it has no sweep.json`, { path: dir });
      }
      const runs = planSweep(sweep);
      const status = await sweepStatus(folder, runs);
      if (json) return terminal.out(`${JSON.stringify(status, null, 2)}\n`);
      const nameOf = namer(runs);
      const { running, failed } = status;
      terminal.out(
        [
          `${exact(status.done)} of ${exact(status.runs)} runs done, ${exact(running.length)} running, ${exact(status.waiting)} waiting, ${exact(failed.length)} failed; ${scientific(status.flopsDone)} of ${scientific(status.flops)} FLOPs (exact), ${percent(Math.floor((100 * status.flopsDone) / status.flops) / 100)}`,
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
