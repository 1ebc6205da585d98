import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { isInstalled, sweepHome, until } from './sweep-home.js';

/** A cluster of one's own for tests: see tests/slurm/cluster.sh. */
const { SHAPELAW_TEST_SLURM } = process.env;
if (SHAPELAW_TEST_SLURM !== undefined) process.env.SLURM_CONF = SHAPELAW_TEST_SLURM;
const hasSlurm = SHAPELAW_TEST_SLURM !== undefined && spawnSync('sinfo', ['-h']).status === 0;

const main = join(inject('build'), 'cli', 'main.js');
const { folder, namesIn, start, workersOf, resultOf } = sweepHome(main, [60e3, 120e3, 240e3]);

const shapelaw = (...args: readonly string[]) => start(...args).ended;
const submit = (out: string, ...more: readonly string[]) =>
  shapelaw('sweep.json', '--out', out, '--executor', 'slurm', ...more);

const slurm = (command: string, ...args: readonly string[]) => execFileSync(command, args, { encoding: 'utf8' });
const doneIn = (out: string) => namesIn(out, 'done').length;
const attemptsIn = (out: string): readonly { readonly code: string }[] =>
  namesIn(out, 'attempts').flatMap((name) => JSON.parse(readFileSync(join(folder, out, 'attempts', name), 'utf8')));

let local: ReturnType<typeof resultOf>;

describe.skipIf(!isInstalled || !hasSlurm)('a sweep on Slurm', () => {
  beforeAll(async () => {
    expect(await shapelaw('sweep.json', '--out', 'local')).toMatchObject({ code: 0 });
    local = resultOf('local');
  });
  afterAll(() => {
    spawnSync('scancel', ['--user', String(process.getuid!())]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('leaves after it has submitted an array, and what follows runs when that has ended', async () => {
    const submitted = await submit('array', '--then', 'fit', '--law', 'power');
    expect(submitted).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^6 of 6 runs submitted; .*\njob \d+ follows when they have ended; its output: /),
    });
    // Submitted again, nothing is made twice.
    expect(await submit('array', '--json')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"submitted":0'),
    });
    await until(() => existsSync(join(folder, 'array', 'law.json')));
    expect(resultOf('array')).toEqual(local);
    expect(doneIn('array')).toBe(6);
  });

  test('whose tasks are requeued, whose workers are killed, and whose node is drained, ends as one on this machine', async () => {
    await submit('faults', '--workers', '1');
    const [jobId] = readdirSync(join(folder, 'faults', 'slurm', 'submissions')).map((name) =>
      name.replace('.json', ''),
    );
    await until(() => workersOf('faults').length > 0);
    process.kill(workersOf('faults')[0]!, 'SIGKILL');
    await until(() => attemptsIn('faults').length === 1);
    expect(attemptsIn('faults')).toMatchObject([{ code: 'killed' }]);
    await until(() => workersOf('faults').length > 0);
    const [running] = slurm('squeue', '-h', '-r', '-j', jobId!, '-t', 'R', '-o', '%i').split('\n');
    slurm('scontrol', 'requeue', running!);
    const [node] = slurm('sinfo', '-h', '-o', '%n').split('\n');
    slurm('scontrol', 'update', `nodename=${node}`, 'state=drain', 'reason=test');
    try {
      await until(() => slurm('squeue', '-h', '-r', '-j', jobId!, '-t', 'R,CG', '-o', '%i') === '');
      const before = doneIn('faults');
      const status = await shapelaw('status', 'faults');
      expect(status.stdout).toMatch(
        new RegExp(`^${before} of 6 runs done, 0 running, ${6 - before} waiting, 0 failed.*\\nSlurm: \\d pending`),
      );
      expect(before).toBeLessThan(6);
    } finally {
      slurm('scontrol', 'update', `nodename=${node}`, 'state=resume');
    }
    await until(() => doneIn('faults') === 6);
    expect(resultOf('faults')).toEqual(local);
  });

  test('that is waited for is stopped by a signal, and gone on with', async () => {
    const first = start('sweep.json', '--out', 'waited', '--executor', 'slurm', '--wait');
    await until(() => doneIn('waited') > 0 && workersOf('waited').length > 0);
    first.child.kill('SIGINT');
    expect(await first.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('[interrupted]') });
    expect(workersOf('waited')).toEqual([]);
    expect(doneIn('waited')).toBeLessThan(6);
    expect(await submit('waited', '--wait')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^complete: 6 of 6 runs done/),
    });
    expect(resultOf('waited')).toEqual(local);
  });

  test.each([
    [['--partition', 'none'], /\[slurm-refused\] sbatch: .*invalid partition/i],
    [['--memory', '100 TB'], /\[slurm-refused\] sbatch: .*(memory|node configuration)/i],
  ])('is refused with what Slurm says: %s', async (flags, message) => {
    expect(await submit('refused', ...flags)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
  });
});
