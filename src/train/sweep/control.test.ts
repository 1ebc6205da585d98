import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ShapelawError } from '../../errors.js';
import { controlSweep, type SweepEvent } from './control.js';
import type { EndedJob, JobExecutor } from './executor.js';
import { sweepFolder } from './folder.js';
import { planSweep } from './plan-sweep.js';
import { starterSweep } from './starter-sweep.js';
import { workOn } from './work.js';

const runs = planSweep(starterSweep).slice(0, 8);

/** What becomes of an attempt. */
type Fate = 'done' | 'killed' | 'write-failed' | 'diverged' | 'bad-checkpoint' | 'stopped';

/** Leaves the claim on a run to a process that has ended: that of number 1 began at another time. */
function leaveDead(path: string, runId: string): void {
  const [name] = readdirSync(join(path, 'claims', runId));
  const [host, machine, , , task, nonce] = name!.split('~');
  const dead = [host, machine, 1, 'x', task, nonce].join('~');
  renameSync(join(path, 'claims', runId, name!), join(path, 'claims', runId, dead));
}

/** Jobs in this process, each with the fate that comes next for its run; what has none is done. */
function fatedExecutor(path: string, fates: Map<string, Fate[]>, made: string[], slots = 2): JobExecutor {
  const folder = sweepFolder(path);
  const active = new Map<string, Promise<void>>();
  let ended: EndedJob[] = [];
  const work = async (runId: string): Promise<void> => {
    const run = runs.find((planned) => planned.runId === runId)!;
    let isKilled = false;
    const make = async () => {
      await setTimeout(1);
      const fate = fates.get(runId)?.shift() ?? 'done';
      if (fate === 'killed') {
        isKilled = true;
        leaveDead(path, runId);
        throw new ShapelawError('claim-lost', 'its process is no more');
      }
      if (fate === 'stopped') return undefined;
      if (fate !== 'done') throw new ShapelawError(fate, fate);
      made.push(runId);
      return { loss: 2, seconds: 1 };
    };
    const ending = await workOn(folder, run, { make }, new AbortController().signal, { retries: 3 });
    active.delete(runId);
    ended.push(
      isKilled ? { runId, ending: undefined, why: () => 'ended by SIGKILL' } : { runId, ending, why: () => '' },
    );
  };
  return {
    name: 'fated',
    async submit(jobs) {
      const taken: string[] = [];
      for (const { runId } of jobs) {
        if (active.size >= slots) break;
        active.set(runId, work(runId));
        taken.push(runId);
      }
      return taken;
    },
    async observe() {
      const news = ended;
      ended = [];
      return { active: new Map([...active.keys()].map((runId) => [runId, {}])), ended: news };
    },
    cancel: async () => {},
    changed: async () => {
      await Promise.race([...active.values(), setTimeout(5)]);
    },
  };
}

async function inFolder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = mkdtempSync(join(tmpdir(), 'shapelaw-control-'));
  try {
    return await use(path);
  } finally {
    rmSync(path, { recursive: true });
  }
}

const jobOf = ({ runId }: { readonly runId: string }) => ({ runId, memoryBytes: () => 0 });
const control = (path: string, executor: JobExecutor, events: SweepEvent[] = [], signal?: AbortSignal) =>
  controlSweep({
    folder: sweepFolder(path),
    runs,
    jobOf,
    executor,
    retries: 3,
    lookSeconds: 0.02,
    waitSeconds: 0.002,
    onEvent: (event) => events.push(event),
    ...(signal === undefined ? {} : { signal }),
  });

describe('a sweep', () => {
  test('whatever befalls its attempts, ends with each run made once or failed for a reason', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc
            .array(fc.constantFrom<Fate>('done', 'killed', 'write-failed', 'diverged', 'bad-checkpoint', 'stopped'), {
              maxLength: 4,
            })
            .filter((fates) => fates.filter((fate) => fate === 'stopped').length < 3),
          { minLength: runs.length, maxLength: runs.length },
        ),
        fc.integer({ min: 1, max: 2 }),
        (fates, controllers) =>
          inFolder(async (path) => {
            const made: string[] = [];
            const byRun = new Map(runs.map(({ runId }, index) => [runId, [...fates[index]!]]));
            const outcomes = await Promise.all(
              Array.from({ length: controllers }, () => control(path, fatedExecutor(path, byRun, made))),
            );
            const endings = await sweepFolder(path).endings();
            const expected = runs.map(({ runId }, index) => ({ runId, fate: expectedEnd(fates[index]!) }));
            expect([...made].sort()).toEqual(
              expected
                .filter(({ fate }) => fate === 'done')
                .map(({ runId }) => runId)
                .sort(),
            );
            for (const { status, done, failed } of outcomes) {
              expect({ status, done, failed: failed.length }).toEqual({
                status: 'complete',
                done: endings.done.size,
                failed: runs.length - endings.done.size,
              });
            }
            expect(await sweepFolder(path).claims.seen()).toEqual([]);
          }),
      ),
      { numRuns: 25 },
    ));

  /** The end of a run by the fates of its attempts: three that are noted as failures are too many, and fewer stops than that cost nothing. */
  function expectedEnd(fates: readonly Fate[]): 'done' | 'failed' {
    let failures = 0;
    for (const fate of fates) {
      if (fate === 'done') return 'done';
      if (fate === 'diverged') return 'failed';
      if (fate === 'stopped') continue;
      failures += 1;
      if (failures === 3) return 'failed';
    }
    return 'done';
  }

  test('tells of each run once, and why attempts failed', () =>
    inFolder(async (path) => {
      const events: SweepEvent[] = [];
      const fates = new Map<string, Fate[]>([
        [runs[0]!.runId, ['killed']],
        [runs[1]!.runId, ['diverged']],
      ]);
      const outcome = await control(path, fatedExecutor(path, fates, []), events);
      expect(outcome).toEqual({
        status: 'complete',
        runs: 8,
        done: 7,
        failed: [{ runId: runs[1]!.runId, code: 'diverged', message: 'diverged' }],
      });
      const of = (name: SweepEvent['event']) => events.filter(({ event }) => event === name);
      expect(of('start')).toMatchObject([{ runs: 8, done: 0, failed: 0, executor: 'fated' }]);
      expect(
        of('run-start')
          .map((event) => 'runId' in event && event.runId)
          .sort(),
      ).toEqual([...runs.map(({ runId }) => runId), runs[0]!.runId].sort());
      expect(of('run-again')).toMatchObject([{ runId: runs[0]!.runId, code: 'killed', message: 'ended by SIGKILL' }]);
      expect(of('run-done')).toHaveLength(7);
      expect(of('run-failed')).toMatchObject([{ runId: runs[1]!.runId, code: 'diverged' }]);
      expect(events.at(-1)).toMatchObject({ event: 'end', done: 7 });
    }));

  test('begun again makes nothing twice', () =>
    inFolder(async (path) => {
      const made: string[] = [];
      await control(path, fatedExecutor(path, new Map(), made));
      expect(await control(path, fatedExecutor(path, new Map(), made))).toMatchObject({ status: 'complete', done: 8 });
      expect(made).toHaveLength(8);
    }));

  test('stopped by a signal ends when its jobs have, and says so', () =>
    inFolder(async (path) => {
      const stop = new AbortController();
      const events: SweepEvent[] = [];
      const executor = fatedExecutor(path, new Map(), []);
      const ending = control(
        path,
        { ...executor, submit: (jobs) => executor.submit(jobs).finally(() => stop.abort()) },
        events,
        stop.signal,
      );
      const outcome = await ending;
      expect(outcome.status).toBe('interrupted');
      expect(outcome.done).toBeLessThan(8);
      expect(await sweepFolder(path).claims.seen()).toEqual([]);
      expect(await control(path, fatedExecutor(path, new Map(), []))).toMatchObject({ status: 'complete', done: 8 });
    }));

  test('whose executor fails stops its jobs before it says so', () =>
    inFolder(async (path) => {
      const executor = fatedExecutor(path, new Map(), []);
      let cancelled = 0;
      let looks = 0;
      const failing: JobExecutor = {
        ...executor,
        observe: async () => {
          looks += 1;
          if (looks === 3) throw new Error('the file system is gone');
          return executor.observe();
        },
        cancel: async () => {
          cancelled += 1;
        },
      };
      await expect(control(path, failing)).rejects.toThrow('the file system is gone');
      expect(cancelled).toBe(1);
      expect((await executor.observe()).active.size).toBe(0);
    }));

  test('whose workers are told to stop by others tries each a bounded number of times', () =>
    inFolder(async (path) => {
      const fates = new Map<string, Fate[]>([[runs[2]!.runId, Array(20).fill('stopped')]]);
      const outcome = await control(path, fatedExecutor(path, fates, []));
      expect(outcome.failed).toMatchObject([{ runId: runs[2]!.runId, code: 'interrupted' }]);
    }));

  test('lets a run go on whose worker ended while no controller was there', () =>
    inFolder(async (path) => {
      const made: string[] = [];
      const fates = new Map<string, Fate[]>([[runs[3]!.runId, ['killed']]]);
      const executor = fatedExecutor(path, fates, made);
      await executor.submit([jobOf(runs[3]!)]);
      await executor.changed(1);
      expect(await control(path, fatedExecutor(path, new Map(), made))).toMatchObject({ done: 8 });
      expect(await sweepFolder(path).readAttempts(runs[3]!.runId)).toMatchObject([{ code: 'killed' }]);
    }));
});
