import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { takeLock } from './lock.js';

const folder = mkdtempSync(join(tmpdir(), 'lock-'));
afterAll(() => rm(folder, { recursive: true }));
let made = 0;
const fresh = () => join(folder, `lock-${made++}`);

const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'bad-run-directory', message: expect.stringMatching(message) });
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
const isLinux = process.platform === 'linux';

/** Fields of proc(5), from the state on. */
const procFields = async (pid: number) => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
};
const startOf = async (pid: number) => (isLinux ? (await procFields(pid))[19]! : 'unknown');

const lockOf = (file: string, pid: number, start: string, host = hostname()) =>
  writeFile(file, JSON.stringify({ pid, host, start }));

async function withChild<T>(use: (pid: number) => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
  try {
    await once(child, 'spawn');
    return await use(child.pid!);
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}

/** Takes a lock that must be free, and lets it go. */
async function expectTaken(file: string): Promise<void> {
  const lock = await takeLock(file, 'runs/one');
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
  await lock.release();
  expect(await exists(file)).toBe(false);
}

describe('takeLock', () => {
  test('holds until it is released', async () => {
    const file = fresh();
    const lock = await takeLock(file, 'runs/one');
    await expect(takeLock(file, 'runs/one')).rejects.toEqual(
      refusal(new RegExp(`^runs/one: process ${process.pid} is training in it; .* remove ${file} if that process has`)),
    );
    await lock.release();
    await expectTaken(file);
  });

  test('refuses the lock of a living process, and takes it over once it has ended', async () => {
    const file = fresh();
    await withChild(async (pid) => {
      await lockOf(file, pid, await startOf(pid));
      await expect(takeLock(file, 'runs/one')).rejects.toEqual(refusal(new RegExp(`process ${pid} is training in it`)));
    });
    await expectTaken(file);
  });

  test.runIf(isLinux)('takes over the lock of a process whose number another has by now', async () => {
    const file = fresh();
    await withChild(async (pid) => {
      await lockOf(file, pid, '1');
      await expectTaken(file);
    });
  });

  test.runIf(isLinux)('takes over the lock of a zombie', async () => {
    const file = fresh();
    // The shell ends a child that the program it turns into never asks about.
    const parent = spawn('bash', ['-c', 'sleep 0.3 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const pid = Number(String((await once(parent.stdout!, 'data'))[0]));
      let fields = await procFields(pid);
      for (let wait = 0; wait < 500 && fields[0] !== 'Z'; wait++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        fields = await procFields(pid);
      }
      expect(fields[0]).toBe('Z');
      await lockOf(file, pid, fields[19]!);
      await expectTaken(file);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  test('refuses the lock of another machine, whose processes it can’t see', async () => {
    const file = fresh();
    await lockOf(file, 1, '1', 'elsewhere');
    await expect(takeLock(file, 'runs/one')).rejects.toEqual(refusal(/process 1 on elsewhere is training in it/));
    expect(await exists(file)).toBe(true);
  });

  test('takes over a file that does not say who holds it, and waits for one that is about to', async () => {
    const texts = ['', 'garbage', '{', 'null', '[]', '3', '{"pid":1}', '{"pid":"x","host":3}'];
    await Promise.all(
      texts.map(async (text) => {
        const file = fresh();
        await writeFile(file, text);
        await expectTaken(file);
      }),
    );
    const late = fresh();
    await writeFile(late, '');
    setTimeout(() => void lockOf(late, 1, '1', 'elsewhere'), 100);
    await expect(takeLock(late, 'runs/one')).rejects.toEqual(refusal(/process 1 on elsewhere/));
  });

  test.each<[string, (file: string) => Promise<unknown>]>([
    ['a free directory', async () => {}],
    ['the lock of a process that has ended', (file) => lockOf(file, 2 ** 22 + 1, '1')],
    ['garbage', (file) => writeFile(file, 'garbage')],
  ])('of many that take %s at once one gets it', async (name, prepare) => {
    for (let round = 0; round < (name === 'garbage' ? 1 : 10); round++) {
      const file = fresh();
      await prepare(file);
      const taken = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(file, 'runs/one')));
      expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const one of taken) if (one.status === 'rejected') expect(one.reason).toEqual(refusal(/^runs\/one: /));
    }
  });

  test('says what the file system says of a folder that is not there', async () => {
    await expect(takeLock(join(folder, 'none', 'lock'), 'none')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
