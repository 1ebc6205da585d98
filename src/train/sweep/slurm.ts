import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import { makeFolder, writeAside } from '../checkpoint/index.js';
import type { EndedJob, Job, JobExecutor, Observation } from './executor.js';
import { whereMissing } from './missing.js';
import { batchScript, shellQuoted } from './slurm-script.js';

/** How jobs are submitted. What is left out is the cluster's default. */
export interface SlurmOptions {
  /** The sweep's folder, on a file system that all nodes share. */
  readonly path: string;
  /** Arguments of Node for the worker of a run. */
  readonly command: (runId: string, task: string) => readonly string[];
  readonly partition?: string;
  readonly account?: string;
  /** Generic resources of a task, such as gpu:1. */
  readonly gres?: string;
  /** As sbatch's --time has it. */
  readonly timeLimit?: string;
  /** Bytes of memory of a task. Defaults to a quarter more than the largest estimate of its array. */
  readonly memoryBytes?: number;
  /** Defaults to 1. */
  readonly cpus?: number;
  /** Tasks of an array that run at a time. Defaults to as many as the cluster lets. */
  readonly workers?: number;
  /** Other options of sbatch. */
  readonly extra?: readonly string[];
}

/** An executor of array jobs, one task a run. */
export interface SlurmExecutor extends JobExecutor {
  /** Submits a command that runs once all jobs submitted so far have ended, however they did; its job id. */
  submitAfter(args: readonly string[]): Promise<string>;
}

const submissionSchema = z.object({ jobId: z.string().regex(/^\d+$/), runs: z.array(z.string()) });

/** Where arrays that were submitted are noted, each in a file of its own. */
const submissionsName = 'submissions';

/** An array that was submitted. */
type Submission = z.infer<typeof submissionSchema>;

/** Seconds between two questions to the cluster, whose controller serves everybody. */
const askSeconds = 5;

/** Bytes over the estimate that a task asks for: a job over its memory is killed. */
const memoryReserve = 1.25;

/** Milliseconds for which the cluster may fail to answer. */
const patience = 600_000;

/**
 * Runs as tasks of array jobs. Every task claims its run in the sweep's folder as any worker does; what was submitted is noted there too, so
 * that a later controller finds its jobs again, and no process of ours has to stay.
 */
export function slurmExecutor(options: SlurmOptions): SlurmExecutor {
  const folder = resolve(options.path, 'slurm');
  let submissions: Promise<Submission[]> | undefined;
  const known = () => {
    submissions ??= readSubmissions(folder);
    return submissions;
  };
  /** Tasks that have not ended, by the name that the cluster has for them. */
  let active = new Map<string, { readonly runId: string; readonly state: string; readonly reason: string }>();
  let answeredAt: number | undefined;
  /** Arrays of which no task was left at a look: they stay ended. */
  const over = new Set<string>();

  const look = async (): Promise<typeof active> => {
    const all = (await known()).filter(({ jobId }) => !over.has(jobId));
    const runOf = new Map(all.flatMap(({ jobId, runs }) => runs.map((runId, index) => [`${jobId}_${index}`, runId])));
    if (all.length === 0) return new Map();
    const lines = await queue(all.map(({ jobId }) => jobId));
    const living = new Set(lines.map(({ task }) => task.split('_')[0]));
    for (const { jobId } of all) if (!living.has(jobId)) over.add(jobId);
    return new Map(
      lines.flatMap(({ task, state, reason }) => {
        const runId = runOf.get(task);
        return runId === undefined ? [] : [[task, { runId, state, reason }] as const];
      }),
    );
  };

  const submitArray = async (jobs: readonly Job[]): Promise<void> => {
    const { workers, command } = options;
    const all = await known();
    const name = `array-${randomUUID().slice(0, 8)}`;
    await makeFolder(join(folder, 'logs'));
    const script = join(folder, `${name}.sh`);
    const text = batchScript(
      jobs.map(({ runId }) => runId),
      (runId, task) => [process.execPath, ...command(runId, task)],
    );
    await writeAside(script, (file) => file.writeFile(text));
    await chmod(script, 0o755);
    const bytes = options.memoryBytes ?? memoryReserve * Math.max(...jobs.map(({ memoryBytes }) => memoryBytes()));
    const printed = await slurm('sbatch', [
      '--parsable',
      '--requeue',
      `--array=0-${jobs.length - 1}${workers === undefined ? '' : `%${workers}`}`,
      `--mem=${Math.ceil(bytes / 2 ** 20)}M`,
      ...common(options, folder, '%A_%a'),
      ...(options.timeLimit === undefined ? [] : [`--signal=B:USR1@${graceSeconds}`]),
      script,
    ]);
    const submission = { jobId: jobIdIn(printed), runs: jobs.map(({ runId }) => runId) };
    all.push(submission);
    await makeFolder(join(folder, submissionsName));
    await writeAside(join(folder, submissionsName, `${submission.jobId}.json`), (file) =>
      file.writeFile(`${JSON.stringify(submission)}\n`),
    );
    submission.runs.forEach((runId, index) => {
      active.set(`${submission.jobId}_${index}`, { runId, state: 'PENDING', reason: '' });
    });
  };

  return {
    name: 'slurm',
    async submit(jobs) {
      const waiting = [...jobs];
      if (waiting.length === 0) return [];
      const taken: string[] = [];
      try {
        const most = await largestArray();
        while (taken.length < waiting.length) {
          const jobs = waiting.slice(taken.length, taken.length + most);
          await submitArray(jobs);
          taken.push(...jobs.map(({ runId }) => runId));
        }
      } catch (error) {
        // A cluster that takes no more for now, or does not answer: the rest is submitted when some have ended.
        if (!(error instanceof ShapelawError && error.code === 'slurm-refused') || active.size === 0) throw error;
      }
      return taken;
    },
    async observe(): Promise<Observation> {
      let now: typeof active;
      try {
        now = await look();
        answeredAt = performance.now();
      } catch (error) {
        // A controller that is restarted, or busy, answers again.
        const isNew = answeredAt === undefined || performance.now() - answeredAt > patience;
        if (!(error instanceof ShapelawError) || isNew) throw error;
        now = active;
      }
      const ended: EndedJob[] = [];
      for (const [task, { runId }] of active) {
        if (!now.has(task)) ended.push({ runId, ending: undefined, why: () => endOf(task) });
      }
      active = now;
      return {
        active: new Map(
          [...now.values()].map(({ runId, state, reason }) => [
            runId,
            state === 'RUNNING' ? {} : { waits: waitText(state, reason) },
          ]),
        ),
        ended,
      };
    },
    async cancel(how) {
      const ids = (await known()).map(({ jobId }) => jobId);
      if (ids.length === 0) return;
      if (how === 'at-once') await slurm('scancel', ['--signal=KILL', '--full', ...ids]).catch(() => '');
      await slurm('scancel', ['--state=PENDING', ...ids]).catch(() => '');
      await slurm('scancel', how === 'soon' ? ['--signal=TERM', '--full', ...ids] : ids).catch(() => '');
    },
    changed: async (seconds) => {
      await setTimeout(1000 * Math.max(seconds, askSeconds));
    },
    async submitAfter(args) {
      const ids = (await known()).map(({ jobId }) => jobId);
      const quoted = [process.execPath, ...args].map(shellQuoted).join(' ');
      await makeFolder(join(folder, 'logs'));
      const printed = await slurm('sbatch', [
        '--parsable',
        ...(ids.length === 0 ? [] : [`--dependency=afterany:${ids.join(':')}`]),
        `--mem=${followMegabytes}M`,
        ...common({ ...options, gres: undefined, timeLimit: undefined }, folder, '%j'),
        `--wrap=${quoted}`,
      ]);
      return jobIdIn(printed);
    },
  };
}

/** Memory for a fit with its refits: it was seen to take up to 0.7 GB. */
const followMegabytes = 2000;

/** Seconds before a time limit at which a task is told to stop: for the step at hand and a checkpoint. */
const graceSeconds = 60;

function common(
  {
    partition,
    account,
    gres,
    timeLimit,
    cpus = 1,
    extra = [],
  }: { readonly [Name in keyof SlurmOptions]?: SlurmOptions[Name] | undefined },
  folder: string,
  log: string,
): readonly string[] {
  const named = { partition, account, gres, time: timeLimit };
  return [
    '--job-name=shapelaw',
    `--cpus-per-task=${cpus}`,
    '--open-mode=append',
    `--output=${join(folder, 'logs', `${log}.log`)}`,
    ...Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    ...extra,
  ];
}

async function readSubmissions(folder: string): Promise<Submission[]> {
  const path = join(folder, submissionsName);
  const names = await readdir(path).catch(whereMissing<string[]>([]));
  return Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(async (name) => {
        const file = join(path, name);
        try {
          return submissionSchema.parse(JSON.parse(await readFile(file, 'utf8')));
        } catch {
          const problem = 'does not say which job was submitted; remove it once that job has ended';
          throw new ShapelawError('bad-run-directory', `${file} ${problem}`, { path: file });
        }
      }),
  );
}

/** Whether arrays of a sweep were ever submitted. */
export async function wasSubmitted(path: string): Promise<boolean> {
  return (await readSubmissions(resolve(path, 'slurm'))).length > 0;
}

/** Runs a command of Slurm; what it prints. */
async function slurm(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, [...args], { maxBuffer: 2 ** 28 })).stdout;
  } catch (error) {
    const { code, stderr = '', message } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    if (code === 'ENOENT') {
      throw new ShapelawError(
        'slurm-unavailable',
        `there is no ${command} here: run this on a machine that submits to Slurm, or leave --executor slurm out`,
        { command },
      );
    }
    const said = stderr.trim() || message;
    throw new ShapelawError('slurm-refused', `${command}: ${said.replace(new RegExp(`^${command}: (error: )?`), '')}`, {
      command,
      args,
    });
  }
}

/** The id that `sbatch --parsable` prints, before the name of the cluster where there are several. */
function jobIdIn(printed: string): string {
  const jobId = /^(\d+)(;|$)/m.exec(printed.trim())?.[1];
  if (jobId !== undefined) return jobId;
  throw new ShapelawError('slurm-refused', `sbatch printed no job id: ${printed.trim()}`, { printed });
}

interface QueueLine {
  readonly task: string;
  readonly state: string;
  readonly reason: string;
}

/** The tasks of jobs that have not ended. */
async function queue(jobIds: readonly string[]): Promise<readonly QueueLine[]> {
  const printed = await slurm('squeue', ['-h', '-r', '-j', jobIds.join(), '-o', '%i|%T|%r']).catch((error: unknown) => {
    // A single job that ended some minutes ago is forgotten; of several those are left out.
    if (error instanceof ShapelawError && /Invalid job id/i.test(error.message)) return '';
    throw error;
  });
  return printed.split('\n').flatMap((line): QueueLine[] => {
    const [task, state, ...reason] = line.trim().split('|');
    if (task === undefined || state === undefined || hasEnded(state)) return [];
    return [{ task, state, reason: reason.join('|') }];
  });
}

/** States in which squeue still lists a job that is over. */
function hasEnded(state: string): boolean {
  return /^(COMPLETED|CANCELLED|FAILED|TIMEOUT|NODE_FAIL|BOOT_FAIL|DEADLINE|OUT_OF_MEMORY|PREEMPTED|REVOKED)/.test(
    state,
  );
}

function waitText(state: string, reason: string): string {
  const because = reason === '' || reason === 'None' ? '' : ` (${reason})`;
  return `${state.toLowerCase().replaceAll('_', ' ')}${because}`;
}

/** How a task ended: as the accounting has it, or where there is none as long as the controller remembers. */
async function endOf(task: string): Promise<string> {
  const accounted = await slurm('sacct', ['-n', '-P', '-X', '-j', task, '-o', 'State,ExitCode']).catch(() => '');
  const [state, exitCode] = accounted.trim().split('\n').at(-1)!.split('|');
  if (state !== undefined && state !== '') return `its Slurm task ${task} ended as ${state}, exit code ${exitCode}`;
  const shown = await slurm('scontrol', ['show', 'job', '-o', task]).catch(() => '');
  const field = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(shown)?.[1];
  const known = field('JobState');
  return known === undefined
    ? `its Slurm task ${task} has ended`
    : `its Slurm task ${task} ended as ${known}, exit code ${field('ExitCode')}, reason ${field('Reason')}`;
}

/** Tasks that an array may have: the cluster's bound is the first index that it refuses. */
async function largestArray(): Promise<number> {
  const config = await slurm('scontrol', ['show', 'config']);
  const most = Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1]);
  return most > 0 ? most : 1000;
}
