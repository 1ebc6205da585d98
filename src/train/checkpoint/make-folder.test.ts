import { mkdtempSync } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder, writeProblem } from './make-folder.js';

const folder = mkdtempSync(join(tmpdir(), 'make-folder-'));
afterAll(() => rm(folder, { recursive: true }));

const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'write-failed', message: expect.stringMatching(message) });

test('makes what is missing of a path, and nothing where all is there', async () => {
  const path = join(folder, 'a', 'b', 'c');
  await Promise.all([makeFolder(path), makeFolder(path)]);
  await makeFolder(path);
  expect((await stat(path)).isDirectory()).toBe(true);
});

test('refuses a path through a file', async () => {
  const file = join(folder, 'letter');
  await writeFile(file, 'dear');
  await expect(makeFolder(file)).rejects.toEqual(refusal(/letter is a file and no folder; name another place/));
  await expect(makeFolder(join(file, 'a', 'b'))).rejects.toEqual(refusal(/letter is a file and no folder/));
});

test.skipIf(process.platform !== 'linux')('ends where the system makes no folder', async () => {
  await expect(makeFolder('/proc/shapelaw/a')).rejects.toEqual(refusal(/its parent takes no files; .*\(ENOENT\)$/));
});

test.each([
  ['ENOSPC', /^the disk is full; free space on it, and run the same command again \(ENOSPC\)$/],
  ['EROFS', /^its file system can only be read; name a place that can be written/],
  ['EACCES', /permissions/],
  ['EWEIRD', /^strange$/],
])('says what to do about %s', (code, message) => {
  expect(writeProblem(Object.assign(new Error('strange'), { code }))).toMatch(message);
});
