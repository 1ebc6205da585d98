import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { EndedJob, Job } from './executor.js';
import { localExecutor, requireFitting } from './local.js';

const job = (runId: string, memory = 0): Job => ({ runId, memoryBytes: () => memory });
/** What workers do, by the name of their run. */
const scripts: Readonly<Record<string, string>> = {
  long: 'setInterval(() => {}, 1000)',
  stubborn:
    "process.on('SIGTERM', () => {}); process.send({ kind: 'progress', progress: { step: 1 } }); setInterval(() => {}, 1000)",
  done: "process.send({ kind: 'ended', ending: 'done' }, () => process.disconnect())",
  broken: "throw new Error('no such shape')",
  gpu: "process.stderr.write('device ' + process.env.CUDA_VISIBLE_DEVICES)",
};
const open = (options: { slots?: number; memoryBytes?: number; gpus?: number } = {}) =>
  localExecutor({
    command: (runId) => ['-e', scripts[runId.split('-')[0]!]!],
    slots: 4,
    memoryBytes: 1e9,
    ...options,
  });

async function endOf(executor: ReturnType<typeof open>): Promise<readonly EndedJob[]> {
  const ended: EndedJob[] = [];
  for (;;) {
    const seen = await executor.observe();
    ended.push(...seen.ended);
    if (seen.active.size === 0) return ended;
    await executor.changed(1);
  }
}

describe('workers of this machine', () => {
  test('are no more than there are slots', async () => {
    const executor = open({ slots: 2 });
    expect(await executor.submit([job('long-1'), job('long-2'), job('long-3')])).toEqual(['long-1', 'long-2']);
    await executor.cancel('soon');
    expect(await endOf(executor)).toHaveLength(2);
    expect(await executor.submit([job('done-3')])).toEqual(['done-3']);
    await endOf(executor);
  });

  test('start where their memory fits beside those that run, the first that does; alone in any case', async () => {
    const executor = open({ memoryBytes: 100 });
    expect(await executor.submit([job('long-a', 60), job('long-b', 60), job('long-c', 40)])).toEqual([
      'long-a',
      'long-c',
    ]);
    expect(await executor.submit([job('long-d', 1)])).toEqual([]);
    await executor.cancel('at-once');
    await endOf(executor);
    expect(await executor.submit([job('done-e', 500)])).toEqual(['done-e']);
    await endOf(executor);
  });

  test('say how they ended, or what is known of it', async () => {
    const executor = open();
    await executor.submit([job('done-1'), job('broken-1')]);
    const ended = new Map((await endOf(executor)).map((end) => [end.runId, end]));
    expect(ended.get('done-1')!.ending).toBe('done');
    expect(ended.get('broken-1')!.ending).toBeUndefined();
    expect(await ended.get('broken-1')!.why()).toMatch(/^its process ended with code 1: .*no such shape/s);
  });

  test('that do not stop when they are told to are ended at once', async () => {
    const executor = open();
    await executor.submit([job('stubborn-1')]);
    while ((await executor.observe()).active.get('stubborn-1')?.progress === undefined) await setTimeout(10);
    await executor.cancel('soon');
    await setTimeout(100);
    expect((await executor.observe()).active.size).toBe(1);
    await executor.cancel('at-once');
    const [ended] = await endOf(executor);
    expect(await ended!.why()).toBe('its process was ended by SIGKILL');
  });

  test('are dealt out to GPUs', async () => {
    const executor = open({ slots: 3, gpus: 2 });
    await executor.submit([job('gpu-a'), job('gpu-b'), job('gpu-c')]);
    const said = await Promise.all((await endOf(executor)).map(async ({ runId, why }) => `${runId} ${await why()}`));
    expect(said.sort().map((text) => text.replace(/its.*device/s, 'on'))).toEqual([
      'gpu-a on 0',
      'gpu-b on 1',
      'gpu-c on 0',
    ]);
  });

  test('that can not be started are jobs that ended', async () => {
    const executor = localExecutor({ command: () => ['-e', '\0'], slots: 1, memoryBytes: 1e9 });
    await executor.submit([job('a')]);
    const [ended] = await endOf(executor);
    expect(await ended!.why()).toMatch(/^its process could not be started: /);
  });
});

test('a sweep with a run that needs more than there is is refused, with the run', () => {
  expect(() => requireFitting([job('a', 50), job('b', 150)], 100)).toThrow(
    expect.objectContaining({
      code: 'out-of-memory',
      details: { runId: 'b', estimateBytes: 150, availableBytes: 100 },
    }),
  );
  requireFitting([job('a', 100)], 100);
});
