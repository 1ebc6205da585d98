import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Ended, isInstalled, sweepHome, until } from './sweep-home.js';

const main = join(inject('build'), 'cli', 'main.js');
/** Six runs of half a second to two. */
const { folder, sweep, namesIn, start, workersOf, resultOf } = sweepHome(main, [40e3, 80e3, 160e3]);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ids = 6;

const calibrate = (out: string, ...more: readonly string[]) => start('sweep.json', '--out', out, ...more);

const claimsOf = (out: string) => namesIn(out, 'claims');

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const isTraining = (out: string) => {
  const runs = join(folder, out, 'runs');
  return existsSync(runs) && readdirSync(runs).some((runId) => existsSync(join(runs, runId, 'last.safetensors')));
};

let undisturbed: ReturnType<typeof resultOf>;

describe.skipIf(!isInstalled)('a sweep', () => {
  beforeAll(async () => {
    const ended = await calibrate('undisturbed').ended;
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^complete: 6 of 6 runs done/) });
    undisturbed = resultOf('undisturbed');
    expect(Object.keys(undisturbed)).toHaveLength(ids);
  }, 120_000);

  test('whose runs are killed at random moments, 20 times, ends as if nothing was', async () => {
    const { ended } = calibrate('killed', '--retries', '21');
    let kills = 0;
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    while (kills < 20 && !isOver) {
      // From before a worker has loaded to the middle of its steps.
      await setTimeout(50 + 700 * Math.random());
      const workers = workersOf('killed');
      const pid = workers[Math.floor(Math.random() * workers.length)];
      if (pid === undefined) continue;
      try {
        process.kill(pid, 'SIGKILL');
        kills += 1;
      } catch {}
    }
    expect(await ended).toMatchObject({ code: 0 });
    expect(kills).toBe(20);
    expect(resultOf('killed')).toEqual(undisturbed);
  });

  test('whose controller is killed leaves no worker, and goes on with the next', async () => {
    const { child, ended } = calibrate('orphaned');
    await until(() => isTraining('orphaned'));
    const workers = workersOf('orphaned');
    expect(workers.length).toBeGreaterThan(0);
    child.kill('SIGKILL');
    await ended;
    await until(() => workersOf('orphaned').length === 0 && !workers.some(isAlive));
    expect(existsSync(join(folder, 'orphaned', 'runs.jsonl'))).toBe(false);
    expect(await calibrate('orphaned').ended).toMatchObject({ code: 0 });
    expect(resultOf('orphaned')).toEqual(undisturbed);
  });

  test('that a signal stops can be gone on with from its folder alone', async () => {
    const { child, ended } = calibrate('stopped');
    await until(() => isTraining('stopped'));
    child.kill('SIGINT');
    expect(await ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /\[interrupted\] stopped with \d of 6 runs done; go on with: shapelaw calibrate stopped\n$/,
      ),
    });
    expect(workersOf('stopped')).toEqual([]);
    expect(await start('stopped').ended).toMatchObject({ code: 0 });
    expect(resultOf('stopped')).toEqual(undisturbed);
  });

  test('that two signals stop ends at once', async () => {
    const { child, ended } = calibrate('at-once');
    await until(() => isTraining('at-once'));
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 1 });
    // Killed workers let go of nothing.
    expect(claimsOf('at-once').length).toBeGreaterThan(0);
    expect(await calibrate('at-once').ended).toMatchObject({ code: 0 });
    expect(resultOf('at-once')).toEqual(undisturbed);
  });

  test('of two controllers makes each run once', async () => {
    const both = await Promise.all([calibrate('shared').ended, calibrate('shared').ended]);
    expect(both).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect(resultOf('shared')).toEqual(undisturbed);
    const sessions = readdirSync(join(folder, 'shared', 'runs')).map(
      (runId) => JSON.parse(readFileSync(join(folder, 'shared', 'runs', runId, 'config.json'), 'utf8')).sessions.length,
    );
    expect(sessions).toEqual(Array(ids).fill(1));
  });

  describe('whose files are damaged', () => {
    /** Two runs stopped half-way, with what is done to one of them. */
    async function damaged(out: string, damage: (run: string) => void): Promise<Ended> {
      writeFileSync(join(folder, 'pair.json'), JSON.stringify({ ...sweep, tokens: [160e3] }));
      const pair = () => start('pair.json', '--out', out);
      const { child, ended } = pair();
      await until(() => isTraining(out));
      child.kill('SIGINT');
      await ended;
      const [run] = readdirSync(join(folder, out, 'runs'))
        .map((runId) => join(folder, out, 'runs', runId))
        .filter((path) => existsSync(join(path, 'last.safetensors')));
      damage(run!);
      return pair().ended;
    }

    /** Changes one bit in the middle of a file. */
    function flip(file: string): void {
      const bytes = readFileSync(file);
      const at = Math.floor(bytes.length / 2);
      const handle = openSync(file, 'r+');
      writeSync(handle, Uint8Array.of(bytes[at]! ^ 1), 0, 1, at);
      closeSync(handle);
    }

    test.each<readonly [string, (run: string) => void]>([
      ['checkpoint-bit', (run) => flip(join(run, 'last.safetensors'))],
      [
        'checkpoint-cut',
        (run) =>
          writeFileSync(join(run, 'last.safetensors'), readFileSync(join(run, 'last.safetensors')).subarray(0, 500)),
      ],
      [
        'config-cut',
        (run) => writeFileSync(join(run, 'config.json'), readFileSync(join(run, 'config.json')).subarray(0, 100)),
      ],
      [
        'metrics-line',
        (run) =>
          writeFileSync(join(run, 'metrics.jsonl'), `{"runId":\n${readFileSync(join(run, 'metrics.jsonl'), 'utf8')}`),
      ],
      ['metrics-lost', (run) => writeFileSync(join(run, 'metrics.jsonl'), '')],
      [
        'metrics-cut',
        (run) => writeFileSync(join(run, 'metrics.jsonl'), readFileSync(join(run, 'metrics.jsonl')).subarray(0, -20)),
      ],
    ])('%s, makes that run as if nothing was', async (out, damage) => {
      expect(await damaged(out, damage)).toMatchObject({ code: 0 });
      const result = resultOf(out);
      expect(result).toEqual(Object.fromEntries(Object.keys(result).map((runId) => [runId, undisturbed[runId]])));
      expect(Object.keys(result)).toHaveLength(2);
    });

    test('after their run has ended makes it once more', async () => {
      cpSync(join(folder, 'undisturbed'), join(folder, 'late'), { recursive: true });
      const [run] = readdirSync(join(folder, 'late', 'runs'));
      const file = join(folder, 'late', 'runs', run!, 'metrics.jsonl');
      const lines = readFileSync(file, 'utf8').split('\n');
      writeFileSync(file, [lines[0], ...lines].join('\n'));
      const ended = await calibrate('late').ended;
      expect(ended).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('the evaluation after step 0 stands there twice'),
      });
      expect(resultOf('late')).toEqual(undisturbed);
    });
  });

  test('whose worker is told to stop says by its exit code whether it gained anything', async () => {
    writeFileSync(
      join(folder, 'one.json'),
      JSON.stringify({ ...sweep, tokens: [400e3], shapes: sweep.shapes.slice(1) }),
    );
    const first = start('one.json', '--out', 'one');
    await until(() => isTraining('one'));
    first.child.kill('SIGINT');
    await first.ended;
    const [runId] = readdirSync(join(folder, 'one', 'runs'));
    const idle = start('run', 'one', runId!);
    await until(() => workersOf('one').length > 0);
    idle.child.kill('SIGTERM');
    expect((await idle.ended).code).toBe(77);
    const gaining = start('run', 'one', runId!);
    const { size } = statSync(join(folder, 'one', 'runs', runId!, 'metrics.jsonl'));
    await until(() => statSync(join(folder, 'one', 'runs', runId!, 'metrics.jsonl')).size > size);
    gaining.child.kill('SIGTERM');
    expect((await gaining.ended).code).toBe(76);
    expect((await start('run', 'one', runId!).ended).code).toBe(0);
    expect(existsSync(join(folder, 'one', 'done', `${runId}.json`))).toBe(true);
  });

  test('is collected, fitted and told of, without a run', async () => {
    const ended = await start('undisturbed', '--collect', '--then', 'fit', '--law', 'power', '--json').ended;
    expect(ended).toMatchObject({ code: 0 });
    const events = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([{ event: 'fit', result: { law: 'power', rows: { used: ids } } }]);
    expect(ended.stderr).toContain('note: no backtest: ');
    expect(readFileSync(join(folder, 'undisturbed', 'law.json'), 'utf8')).toContain('"power"');
  });

  test('tried dry says what its runs take, and makes none', async () => {
    const ended = await start('sweep.json', '--out', 'dry', '--dry-run', '--json').ended;
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/^timing steps/) });
    const { runs, workers, seconds } = JSON.parse(ended.stdout);
    expect(runs).toHaveLength(ids);
    const slowest = runs.reduce((sum: number, run: { seconds: [number, number] }) => sum + run.seconds[1], 0);
    expect(seconds[1]).toBeCloseTo(
      Math.max(slowest / workers, ...runs.map((run: { seconds: [number, number] }) => run.seconds[1])),
      9,
    );
    expect(existsSync(join(folder, 'dry'))).toBe(false);
  });

  test('whose runs diverge says so, and tries none twice', async () => {
    writeFileSync(join(folder, 'wild.json'), JSON.stringify({ ...sweep, optimizer: 'adamw', learningRate: 1e30 }));
    const ended = await start('wild.json', '--out', 'wild', '--json').ended;
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^\[runs-failed\] 6 of 6 runs failed:\n {2}\w{12} \[diverged\] the /m),
    });
    const events = ended.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ event }) => event === 'run-start')).toHaveLength(ids);
    expect(events.filter(({ event, code }) => event === 'run-failed' && code === 'diverged')).toHaveLength(ids);
    expect(existsSync(join(folder, 'wild', 'runs.jsonl'))).toBe(false);
    const again = await start('wild.json', '--out', 'wild').ended;
    expect(again).toMatchObject({ code: 1, stderr: expect.not.stringContaining('start') });
  });
});

const mount = join(folder, 'small');
mkdirSync(mount);
const canMount =
  process.platform === 'linux' && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160k', 'none', mount]).status === 0;
afterAll(() => {
  if (canMount) spawnSync('umount', ['-l', mount]);
});

describe.skipIf(!isInstalled || !canMount)('on a disk that is full', () => {
  test('a sweep ends with what it can, says why, and ends whole once there is space', async () => {
    const ended = await calibrate('small/sweep').ended;
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/\[write-failed\] .*the disk is full/) });
    expect(spawnSync('mount', ['-o', 'remount,size=64m', mount]).status).toBe(0);
    expect(await calibrate('small/sweep').ended).toMatchObject({ code: 0 });
    expect(resultOf('small/sweep')).toEqual(undisturbed);
  });
});
