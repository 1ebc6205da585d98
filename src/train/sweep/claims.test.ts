import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Claims, openClaims, type SeenClaim } from './claims.js';

let folder: string;
let claims: Claims;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'shapelaw-claims-')), 'claims');
  claims = openClaims(folder);
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const only = async (): Promise<SeenClaim> => {
  const seen = await claims.seen();
  expect(seen).toHaveLength(1);
  return seen[0]!;
};

/** Gives the claim on a run another holder, as a process elsewhere would have. */
function heldBy(runId: string, host: string, pid: number, start: string): string {
  const isHere = host === hostname();
  const [name] = readdirSync(join(folder, runId));
  const parts = name!.split('~');
  const next = [host, isHere ? parts[1] : 'another', pid, start, ...parts.slice(4)].join('~');
  renameSync(join(folder, runId, name!), join(folder, runId, next));
  return join(folder, runId, next);
}

describe('a claim', () => {
  test('is had by one of many that want it at once', async () => {
    const taken = await Promise.all(Array.from({ length: 40 }, () => openClaims(folder).take('a')));
    expect(taken.filter((claim) => claim !== undefined)).toHaveLength(1);
    expect(await only()).toMatchObject({ runId: 'a', holder: { host: hostname(), pid: process.pid } });
  });

  test('released is there for the next, and leaves nothing', async () => {
    const claim = await claims.take('a');
    await claim!.require();
    expect(await claims.take('a')).toBeUndefined();
    await claim!.release();
    expect(await claims.seen()).toEqual([]);
    expect(readdirSync(`${folder}.aside`)).toEqual([]);
    expect(await claims.take('a')).toBeDefined();
  });

  test('is not kept from anybody by what no worker has left there', async () => {
    mkdirSync(join(folder, 'a'), { recursive: true });
    writeFileSync(join(folder, 'a', '.DS_Store'), '');
    writeFileSync(join(folder, '%'), '');
    expect(await claims.seen()).toEqual([]);
    expect(await claims.take('a')).toBeDefined();
  });

  test('of a task with any name is told by it', async () => {
    const task = 'a~b%/ü';
    await openClaims(folder, { task }).take('a');
    expect((await only()).holder.task).toBe(task);
  });

  test('of other runs stands in nobody’s way', async () => {
    await claims.take('a');
    expect(await claims.take('b')).toBeDefined();
  });

  test('is taken over by one of many, and its holder before may write no more', async () => {
    const first = await claims.take('a');
    const seen = await only();
    const taken = await Promise.all(Array.from({ length: 40 }, () => openClaims(folder).takeOver(seen)));
    expect(taken.filter((claim) => claim !== undefined)).toHaveLength(1);
    await expect(first!.require()).rejects.toMatchObject({ code: 'claim-lost' });
    // What it releases is no longer its own.
    await first!.release();
    await taken.find((claim) => claim !== undefined)!.require();
  });

  test('of a task goes over to the same task when it comes again, and to no other', async () => {
    const task = (name: string) => openClaims(folder, { task: name });
    const first = await task('slurm-7_1').take('a');
    expect(await task('slurm-7_2').take('a')).toBeUndefined();
    expect(await claims.take('a')).toBeUndefined();
    const again = await task('slurm-7_1').take('a');
    await again!.require();
    await expect(first!.require()).rejects.toMatchObject({ code: 'claim-lost' });
  });
});

describe('the holder', () => {
  test('of this machine has ended once its process has', async () => {
    await claims.take('a');
    expect(await claims.hasEnded(await only())).toBe(false);
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    heldBy('a', hostname(), child.pid!, '1');
    expect(await claims.hasEnded(await only())).toBe(true);
  });

  test('has ended where another process has its number now', async () => {
    await claims.take('a');
    heldBy('a', hostname(), process.pid, '1');
    expect(await claims.hasEnded(await only())).toBe(process.platform === 'linux');
  });

  test('of another machine has ended when nothing was heard of it for the lease', async () => {
    claims = openClaims(folder, { lease: 0.1 });
    await claims.take('a');
    const file = heldBy('a', 'elsewhere', 1, '1');
    expect(await claims.hasEnded(await only())).toBe(false);
    await setTimeout(60);
    utimesSync(file, new Date(), new Date());
    await setTimeout(60);
    // It was heard of within the lease.
    expect(await claims.hasEnded(await only())).toBe(false);
    await setTimeout(120);
    expect(await claims.hasEnded(await only())).toBe(true);
  });

  test('of this machine has ended too when nothing was heard of it for the lease, as of one that is stopped', async () => {
    claims = openClaims(folder, { lease: 0.05 });
    await claims.take('a');
    expect(await claims.hasEnded(await only())).toBe(false);
    await setTimeout(80);
    expect(await claims.hasEnded(await only())).toBe(true);
  });

  test('is waited for until it has ended or gives a sign of life', async () => {
    const { signal } = new AbortController();
    await claims.take('a');
    expect(await claims.endsInTime(await only(), signal)).toBe(false);
    const file = heldBy('a', 'elsewhere', 1, '1');
    const waiting = claims.endsInTime(await only(), signal);
    await setTimeout(50);
    utimesSync(file, new Date(), new Date());
    expect(await waiting).toBe(false);
    claims = openClaims(folder, { lease: 0.5 });
    expect(await claims.endsInTime(await only(), signal)).toBe(true);
  });

  test.each([
    ['back', 0],
    ['ahead', 4e12],
  ])('is not taken for ended where the clock jumps %s', async (_, now) => {
    await claims.take('a');
    const file = heldBy('a', 'elsewhere', 1, '1');
    expect(await claims.hasEnded(await only())).toBe(false);
    vi.setSystemTime(now);
    try {
      expect(await claims.hasEnded(await only())).toBe(false);
      utimesSync(file, new Date(now), new Date(now));
      expect(await claims.hasEnded(await only())).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
