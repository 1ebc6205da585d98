import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchScript, shellQuoted, workerExits } from './slurm-script.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shapelaw-batch script-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const linesOf = (name: string) => (existsSync(at(name)) ? readFileSync(at(name), 'utf8').trimEnd().split('\n') : []);

/** Runs the script as task 1 of job 7, with a worker of shell that notes its run and task, and does this. */
function runTask(worker: string, hasRests = true) {
  const executable = (name: string, text: string) => {
    writeFileSync(at(name), `#!/bin/bash\n${text}\n`);
    chmodSync(at(name), 0o755);
  };
  executable('worker', `echo "$1 $2" >> "${at('calls')}"; calls=$(wc -l < "${at('calls')}")\n${worker}`);
  if (!hasRests) executable('sleep', '');
  executable('scontrol', `echo "$*" >> "${at('scontrol calls')}"`);
  executable(
    'script',
    batchScript(['first', 'second'], (run, task) => [at('worker'), run, task]),
  );
  const child = spawn(at('script'), {
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: '1' },
    stdio: 'ignore',
  });
  return { child, code: once(child, 'close').then(([code]) => code as number) };
}

describe('a task', () => {
  test('makes the run of its index, under a name that a requeued one has too', async () => {
    expect(await runTask('exit 0').code).toBe(0);
    expect(linesOf('calls')).toEqual(['second slurm-7_1']);
  });

  test.each([
    ['asks for another attempt', `exit ${workerExits.again}`],
    ['is ended by a signal', 'kill -KILL $$'],
  ])('comes again where its worker %s, until the run has ended', async (_, ending) => {
    expect(await runTask(`[ $calls -lt 3 ] || exit 0; ${ending}`, false).code).toBe(0);
    expect(linesOf('calls')).toHaveLength(3);
  });

  test('ends where its worker never comes to count its attempts', async () => {
    expect(await runTask('kill -KILL $$', false).code).toBe(137);
    expect(linesOf('calls')).toHaveLength(20);
  });

  test('told to stop between two attempts makes no other', async () => {
    const { child, code } = runTask(`touch "$(dirname "$0")/ready"; exit ${workerExits.again}`);
    while (!existsSync(at('ready'))) await setTimeout(10);
    await setTimeout(200);
    child.kill('SIGTERM');
    expect(await code).toBe(workerExits.again);
    expect(linesOf('calls')).toHaveLength(1);
  });

  test('ends with a worker that fails otherwise', async () => {
    expect(await runTask('exit 2').code).toBe(2);
    expect(linesOf('calls')).toHaveLength(1);
  });

  const stoppable = (code: number) =>
    `trap 'sleep 0.2; exit ${code}' TERM; touch "$(dirname "$0")/ready"; while :; do sleep 0.02; done`;

  test.each([
    ['USR1', workerExits.stopped, ['requeue 7_1']],
    ['USR1', workerExits.idle, []],
    ['USR1', workerExits.ended, []],
    ['TERM', workerExits.stopped, []],
  ] as const)('told %s, whose worker then ends with %i, asks Slurm for %j', async (signal, exit, asked) => {
    const { child, code } = runTask(stoppable(exit));
    while (!existsSync(at('ready'))) await setTimeout(10);
    child.kill(`SIG${signal}`);
    expect(await code).toBe(exit);
    expect(linesOf('scontrol calls')).toEqual(asked);
  });
});

test('words of a shell are quoted where they must be', () => {
  expect(['a/b=c', 'a b', "it's", ''].map(shellQuoted)).toEqual(['a/b=c', "'a b'", `'it'\\''s'`, "''"]);
});
