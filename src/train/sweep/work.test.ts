import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ErrorCode, ShapelawError } from '../../errors.js';
import { type SweepFolder, sweepFolder } from './folder.js';
import { planSweep } from './plan-sweep.js';
import { starterSweep } from './starter-sweep.js';
import { countEnded, type RunMaker, workOn } from './work.js';

const run = planSweep(starterSweep)[0]!;
const { runId } = run;
const end = { loss: 2.5, seconds: 1 };

let path: string;
let folder: SweepFolder;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'shapelaw-work-'));
  folder = sweepFolder(path);
});
afterEach(() => rmSync(path, { recursive: true }));

const never = new AbortController().signal;
const work = (make: RunMaker['make'], retries = 3, signal = never) =>
  workOn(folder, run, { make }, signal, { retries });
const failing = (code: ErrorCode) => async () => {
  throw new ShapelawError(code, `it is ${code}`);
};
/** A file of the run as it grows. */
function grow(bytes: number): void {
  mkdirSync(folder.runPath(runId), { recursive: true });
  writeFileSync(join(folder.runPath(runId), 'metrics.jsonl'), 'x'.repeat(bytes));
}

test('writes how a run ended, and lets go of it', async () => {
  expect(await work(async () => end)).toBe('done');
  expect(await folder.readEnd(runId)).toEqual(end);
  expect(await folder.endings()).toEqual({ done: new Set([runId]), failed: new Set() });
  expect(await folder.claims.seen()).toEqual([]);
});

test('makes no run that has ended, nor one that another holds', async () => {
  const make = async () => {
    throw new Error('made');
  };
  const other = await folder.claims.take(runId);
  expect(await work(make)).toBe('taken');
  await other!.release();
  await folder.writeEnd(runId, end);
  expect(await work(make)).toBe('done');
  await folder.reopen(runId);
  await folder.writeFailure(runId, { code: 'diverged', message: 'before' });
  expect(await work(make)).toBe('failed');
});

test('leaves a run that was stopped to be gone on with, at no cost', async () => {
  expect(await work(async () => undefined)).toBe('stopped');
  const stop = new AbortController();
  stop.abort();
  expect(await work(failing('interrupted'), 1, stop.signal)).toBe('stopped');
  expect(await folder.readAttempts(runId)).toEqual([]);
  expect(await folder.claims.seen()).toEqual([]);
});

test('writes nothing of a run whose claim was lost', async () => {
  const make: RunMaker['make'] = async () => {
    const [seen] = await folder.claims.seen();
    await folder.claims.takeOver(seen!);
    return end;
  };
  expect(await work(make)).toBe('taken');
  expect(await folder.endings()).toEqual({ done: new Set(), failed: new Set() });
});

test.each<readonly [string, RunMaker['make']]>([
  ['interrupted', failing('interrupted')],
  ['diverged', failing('diverged')],
  ['bad-checkpoint', failing('bad-checkpoint')],
])('that ends with %s once its claim is lost says nothing of the run', async (_, fail) => {
  const make: RunMaker['make'] = async (...args) => {
    grow(3);
    await folder.claims.takeOver((await folder.claims.seenOn(runId))!);
    return fail(...args);
  };
  expect(await work(make, 1)).toBe('taken');
  expect(await folder.endings()).toEqual({ done: new Set(), failed: new Set() });
  expect(await folder.readAttempts(runId)).toEqual([]);
  expect(existsSync(folder.runPath(runId))).toBe(true);
});

test('takes a run over whose worker has ended, and counts its attempt', async () => {
  await folder.claims.take(runId);
  const claims = join(path, 'claims', runId);
  const [name] = readdirSync(claims);
  const parts = name!.split('~');
  renameSync(join(claims, name!), join(claims, [...parts.slice(0, 2), '1', 'x', ...parts.slice(4)].join('~')));
  expect(await work(async () => end)).toBe('done');
  expect(await folder.readAttempts(runId)).toMatchObject([
    { code: 'killed', message: expect.stringContaining('process 1') },
  ]);
});

describe('an attempt that fails', () => {
  test.each(['diverged', 'bad-corpus', 'engine-unavailable', 'unsupported-config'] as const)(
    'with %s ends the run, as it would again',
    async (code) => {
      expect(await work(failing(code))).toBe('failed');
      expect(await folder.readFailure(runId)).toEqual({ code, message: `it is ${code}` });
    },
  );

  test.each(['write-failed', 'out-of-memory', 'unreadable'] as const)(
    'with %s is made again, a bounded number of times',
    async (code) => {
      expect(await work(failing(code))).toBe('again');
      expect(await work(failing(code))).toBe('again');
      expect(await work(failing(code))).toBe('failed');
      expect((await folder.readAttempts(runId)).map((attempt) => attempt.code)).toEqual([code, code, code]);
    },
  );

  test('is not counted where it got further than the one before', async () => {
    for (let attempt = 1; attempt < 10; attempt++) {
      expect(
        await work(async () => {
          grow(attempt);
          throw new Error('the machine went down');
        }),
      ).toBe('again');
    }
    expect(await work(failing('write-failed'), 2)).toBe('again');
    expect(await work(failing('write-failed'), 2)).toBe('failed');
  });

  test('since another process holds the folder leaves its files where they are', async () => {
    grow(4);
    const held = async () => {
      throw new ShapelawError('bad-run-directory', 'process 7 is training in it', { pid: 7, host: 'here' });
    };
    expect(await work(held)).toBe('again');
    expect(existsSync(folder.runPath(runId))).toBe(true);
  });

  test('since the text is another ends the run, whose files stay', async () => {
    grow(4);
    const other = async () => {
      throw new ShapelawError('bad-run-directory', 'its run was evaluated on other text', { isOtherText: true });
    };
    expect(await work(other)).toBe('failed');
    expect(existsSync(folder.runPath(runId))).toBe(true);
  });

  test('is told with what an error of ours says, and where', async () => {
    await work(async () => {
      throw new TypeError('x is no function');
    });
    expect(await folder.readAttempts(runId)).toMatchObject([
      { code: 'internal', message: expect.stringMatching(/^TypeError: x is no function\n.*work\.test/s) },
    ]);
  });

  test.each(['bad-checkpoint', 'bad-run-directory'] as const)(
    'with %s moves the damaged files aside and begins anew',
    async (code) => {
      grow(5);
      expect(await work(failing(code))).toBe('again');
      expect(existsSync(folder.runPath(runId))).toBe(false);
      expect(readFileSync(join(path, 'set-aside', `${runId}.1`, 'metrics.jsonl'), 'utf8')).toBe('xxxxx');
      expect((await folder.readAttempts(runId))[0]!.message).toContain(`set-aside/${runId}.1`);
      grow(3);
      await work(failing(code));
      expect(existsSync(join(path, 'set-aside', `${runId}.2`))).toBe(true);
      expect(await work(async () => end)).toBe('done');
    },
  );
});

describe('a worker that ended without a word', () => {
  test('counts as an attempt, once', async () => {
    await folder.claims.take(runId);
    const [seen] = await folder.claims.seen();
    const counted = await Promise.all([1, 2, 3].map(() => countEnded(folder, seen!, 2, 'ended by SIGKILL')));
    expect(counted.filter((ending) => ending !== undefined)).toEqual(['again']);
    expect(await folder.readAttempts(runId)).toMatchObject([{ code: 'killed', message: 'ended by SIGKILL' }]);
    await folder.claims.take(runId);
    expect(await countEnded(folder, (await folder.claims.seen())[0]!, 2, 'ended by SIGKILL')).toBe('failed');
  });

  test('after it had written the end is no failure', async () => {
    await folder.claims.take(runId);
    await folder.writeEnd(runId, end);
    expect(await countEnded(folder, (await folder.claims.seen())[0]!, 1, 'ended')).toBe('done');
    expect(await folder.readAttempts(runId)).toEqual([]);
  });
});
