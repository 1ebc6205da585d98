import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { appendFile, type FileHandle, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import { readSafetensors, writeSafetensors } from '../checkpoint/index.js';
import type { Position } from './checkpoint.js';
import { type MetricsLine, openRunDirectory, type RunConfig, type RunDirectory, readConfig } from './directory.js';
import { completeRecipe, recipeId } from './recipe.js';
import type { LazyStates } from './trainer.js';

const folder = mkdtempSync(join(tmpdir(), 'directory-'));
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());
let made = 0;
const fresh = () => join(folder, `run-${made++}`);

const shape = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=384');
const recipe = completeRecipe({ shape, tokens: 1e5 });
const config: RunConfig = { version: '1.0.0', runId: recipeId(recipe), recipe, validationHash: 'abc', device: 'one' };
const position: Position = {
  step: 7,
  elapsedSeconds: 1.5,
  lossScale: { scale: 1, steps: 0 },
  meter: { steps: 2, seconds: 0.1, losses: 0.1 + 0.2, gradientNorm: 1 / 3, learningRate: 1e-3 },
};

const line = (step: number) =>
  ({ runId: config.runId, params: 1, loss: 1 / (step + 1), step, finished: false }) as MetricsLine;
const states = (...values: number[]): LazyStates =>
  new Map([
    ['a', { dtype: 'F32', shape: [values.length], load: async () => Float32Array.from(values) }],
    ['b c', { dtype: 'F32', shape: [], load: async () => Float32Array.of(0.5) }],
  ]);
const slots = (length: number) => [
  { name: 'a', dtype: 'float32', dims: [length] } as const,
  { name: 'b c', dtype: 'float32', dims: [] } as const,
];

/** What the last checkpoint holds, with a first state of so many values. */
async function lastOf({ last }: RunDirectory, length = 1) {
  const found = await last.load(slots(length));
  if (found === undefined) return undefined;
  const values = await Promise.all([...found.states.values()].map(({ load }) => load()));
  return { position: found.position, values: values.map((array) => [...array]) };
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** What is done in an open directory; it is closed after. */
async function inDirectory<T>(
  path: string,
  use: (directory: Awaited<ReturnType<typeof openRunDirectory>>) => Promise<T>,
  given = config,
): Promise<T> {
  const directory = await openRunDirectory(path, given);
  try {
    return await use(directory);
  } finally {
    await directory.close();
  }
}

const stepsIn = (path: string) => inDirectory(path, async ({ metrics }) => metrics.map(({ step }) => step));

describe('metrics', () => {
  test('are appended over several openings, and are on the disk at once', async () => {
    const path = fresh();
    await inDirectory(path, async (directory) => {
      expect(directory.metrics).toEqual([]);
      await directory.append(line(0));
      await directory.append(line(1));
      expect(directory.metrics).toEqual([line(0), line(1)]);
      expect(await readFile(join(path, 'metrics.jsonl'), 'utf8')).toBe(
        `${JSON.stringify(line(0))}\n${JSON.stringify(line(1))}\n`,
      );
    });
    await inDirectory(path, async (directory) => {
      await directory.append(line(2));
      expect(directory.metrics).toEqual([line(0), line(1), line(2)]);
    });
    expect(await stepsIn(path)).toEqual([0, 1, 2]);
  });

  test('lose a last line that was cut off anywhere, and no other', async () => {
    const path = fresh();
    await inDirectory(path, async (directory) => {
      await directory.append(line(0));
      await directory.append({ ...line(1), device: 'Größe 😀' });
    });
    const metrics = join(path, 'metrics.jsonl');
    const whole = await readFile(metrics);
    const first = whole.indexOf(10) + 1;
    for (let length = first; length < whole.length; length++) {
      await writeFile(metrics, whole.subarray(0, length));
      expect(await stepsIn(path), `${length} bytes`).toEqual([0]);
      expect((await readFile(metrics)).equals(whole.subarray(0, first))).toBe(true);
    }
    await writeFile(metrics, whole.subarray(0, 3));
    expect(await stepsIn(path)).toEqual([]);
    expect((await stat(metrics)).size).toBe(0);
  });

  test.each(['{"runId":', 'garbage', '', '3', 'null', '[]'])(
    'with %o among their lines are refused with its row, and the directory is let go',
    async (garbage) => {
      const path = fresh();
      await inDirectory(path, (directory) => directory.append(line(0)));
      const metrics = join(path, 'metrics.jsonl');
      await appendFile(metrics, `${garbage}\n${JSON.stringify(line(1))}\n`);
      const before = await readFile(metrics, 'utf8');
      await expect(openRunDirectory(path, config)).rejects.toEqual(refusal('bad-run-directory', /line 2 is not /));
      await expect(openRunDirectory(path, config)).rejects.toMatchObject({ details: { row: 2 } });
      expect(await readFile(metrics, 'utf8')).toBe(before);
      expect(await readdir(path)).not.toContain('lock');
    },
  );
});

describe('checkpoints', () => {
  test('come back as they were saved, the last of them', async () => {
    const path = fresh();
    await inDirectory(path, async (directory) => {
      expect(await lastOf(directory)).toBeUndefined();
      await directory.last.save({ ...position, step: 1 }, states(9));
      await directory.last.save(position, states(1, Number.NaN, -0));
      expect(await lastOf(directory, 3)).toEqual({ position, values: [[1, Number.NaN, -0], [0.5]] });
    });
    const again = await inDirectory(path, (directory) => lastOf(directory, 3));
    expect(again).toEqual({ position, values: [[1, Number.NaN, -0], [0.5]] });
  });

  test('of a branch are beside the last, until they are removed', async () => {
    const path = fresh();
    const ofBranch = { ...position, step: 9, branchEnd: 12 };
    await inDirectory(path, async (directory) => {
      await directory.last.save(position, states(1));
      await directory.branch.save(ofBranch, states(2));
      expect((await directory.branch.load(slots(1)))?.position).toEqual(ofBranch);
      expect(await lastOf(directory)).toEqual({ position, values: [[1], [0.5]] });
      await directory.branch.remove();
      await directory.branch.remove();
      expect(await directory.branch.load(slots(1))).toBeUndefined();
    });
    expect(await readdir(path)).toContain('last.safetensors');
  });

  test.each([
    [slots(2), /last\.safetensors is of another shape or optimizer: a is \[1\], not \[2\]; remove it to train from/],
    [slots(1).slice(1), /it has 2 tensors, not 1; remove it/],
    [[...slots(1), { name: 'c', dtype: 'float32', dims: [] } as const], /it has no c; remove it/],
  ])('are held against the states %o', async (expected, message) => {
    await inDirectory(fresh(), async ({ last }) => {
      await last.save(position, states(1));
      await expect(last.load(expected)).rejects.toEqual(refusal('bad-checkpoint', message));
    });
  });

  test('that are cut short or no checkpoint at all say what removing them does', async () => {
    const path = fresh();
    await inDirectory(path, async ({ last, branch }) => {
      await last.save(position, states(1, 2, 3));
      await branch.save(position, states(1, 2, 3));
      for (const name of ['last', 'branch']) {
        const file = join(path, `${name}.safetensors`);
        await writeFile(file, (await readFile(file)).subarray(0, -5));
      }
      await expect(last.load(slots(3))).rejects.toEqual(
        refusal('bad-checkpoint', /last\.safetensors.* cut short.*; remove it to train from the start$/),
      );
      await expect(branch.load(slots(3))).rejects.toEqual(
        refusal('bad-checkpoint', /branch\.safetensors.* cut short.*; remove it to do its cool-down again$/),
      );
      await writeFile(join(path, 'last.safetensors'), 'a letter');
      await expect(last.load(slots(3))).rejects.toEqual(
        refusal('bad-checkpoint', /last\.safetensors.*; remove it to train from the start$/),
      );
    });
  });

  test('of the best loss say which, and are none to resume from', async () => {
    const path = fresh();
    await inDirectory(path, async (directory) => {
      await directory.saveBest(states(1), 12, 2.5);
      expect(await lastOf(directory)).toBeUndefined();
    });
    const { tensors, metadata } = await readSafetensors(join(path, 'best.safetensors'));
    expect(metadata).toEqual({ format: 'pt', run: config.runId, step: '12', lossNats: '2.5' });
    expect([...tensors.keys()]).toEqual(['a', 'b c']);
  });

  const good = { format: 'shapelaw-checkpoint', version: '2', run: config.runId, position: JSON.stringify(position) };
  test.each<[string, Record<string, string>, RegExp]>([
    ['another run', { ...good, run: 'another' }, /is of run another, not [0-9a-f]{12}; remove it to train from/],
    ['another version', { ...good, version: '1' }, /has version 1 of checkpoints, and this program reads 2/],
    ['no kind here', {}, /is not a checkpoint of a run here/],
    ['a model', { ...good, format: 'pt' }, /is not a checkpoint of a run here/],
    ['no position', { format: good.format, version: '2', run: config.runId }, /position/],
    ['a position that is no JSON', { ...good, position: '{' }, /position/],
    ['a position without a step', { ...good, position: '{}' }, /position/],
  ])('of %s are refused', async (_, metadata, message) => {
    const path = fresh();
    await inDirectory(path, async (directory) => {
      await writeSafetensors(
        join(path, 'last.safetensors'),
        [['a', { dtype: 'F32', shape: [1], data: new Float32Array(1) }]],
        metadata,
        true,
      );
      await expect(lastOf(directory)).rejects.toEqual(refusal('bad-checkpoint', message));
    });
  });
});

describe('a directory', () => {
  test('has its configuration, which a later opening extends', async () => {
    const path = join(fresh(), 'of', 'several');
    expect(await readConfig(path)).toBeUndefined();
    await inDirectory(path, async () => {});
    expect(await readConfig(path)).toEqual({ ...config, sessions: [] });
    for (const device of ['two', 'three']) {
      await inDirectory(path, async () => {}, { ...config, device, sessions: [{ device }] });
    }
    expect(await readConfig(path)).toEqual({
      ...config,
      device: 'three',
      sessions: [{ device: 'two' }, { device: 'three' }],
    });
  });

  test('is let go at its close, and held until then', async () => {
    const path = fresh();
    await inDirectory(path, async () => {
      await expect(openRunDirectory(path, config)).rejects.toEqual(
        refusal('bad-run-directory', new RegExp(`process ${process.pid} is training in it`)),
      );
    });
    expect(await stepsIn(path)).toEqual([]);
  });

  test('that holds other files is refused, and stays as it was', async () => {
    const path = fresh();
    await mkdir(path);
    for (const name of ['thesis.tex', 'figure.png']) await writeFile(join(path, name), 'precious');
    await expect(openRunDirectory(path, config)).rejects.toEqual(
      refusal(
        'bad-run-directory',
        /holds other files \(figure\.png, thesis\.tex\) and no run; name an empty directory/,
      ),
    );
    expect((await readdir(path)).sort()).toEqual(['figure.png', 'thesis.tex']);
  });

  test.each(['{"model_type":"t5"}', 'null', '[', '{"recipe":{"seed":1}}'])(
    'whose config.json is %s is refused',
    async (text) => {
      const path = fresh();
      await mkdir(path);
      await writeFile(join(path, 'config.json'), text);
      const refused = refusal(
        'bad-run-directory',
        /config\.json: is not the configuration of a run .*another directory/,
      );
      await expect(openRunDirectory(path, config)).rejects.toEqual(refused);
      await expect(readConfig(path)).rejects.toEqual(refused);
      expect(await readFile(join(path, 'config.json'), 'utf8')).toBe(text);
    },
  );

  test('that is a file is refused', async () => {
    const path = fresh();
    await writeFile(path, 'a file');
    await expect(readConfig(path)).rejects.toEqual(
      refusal('bad-run-directory', /is a file and no folder; name a folder/),
    );
    await expect(openRunDirectory(path, config)).rejects.toEqual(
      refusal('write-failed', /is a file and no folder; name another place/),
    );
  });

  test('loses what a crash left half-written, and nothing else', async () => {
    const path = fresh();
    await inDirectory(path, (directory) => directory.last.save(position, states(1)));
    await writeFile(join(path, 'last.safetensors.01234567.partial'), 'half');
    await writeFile(join(path, 'config.json.01234567.partial'), '{');
    await writeFile(join(path, 'notes.txt'), 'mine');
    await inDirectory(path, async (directory) => {
      expect((await lastOf(directory))?.position).toEqual(position);
    });
    expect((await readdir(path)).sort()).toEqual(['config.json', 'last.safetensors', 'metrics.jsonl', 'notes.txt']);
  });

  test('that a crash left with a lock alone is taken', async () => {
    const path = fresh();
    await mkdir(path);
    // Beyond the largest number that Linux gives a process.
    await writeFile(join(path, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), start: '1' }));
    await writeFile(join(path, 'config.json.01234567.partial'), '{');
    expect(await stepsIn(path)).toEqual([]);
    expect((await readdir(path)).sort()).toEqual(['config.json', 'metrics.jsonl']);
  });

  test('that could not be opened to the end is let go', async () => {
    const path = fresh();
    await inDirectory(path, async () => {});
    await rm(join(path, 'metrics.jsonl'));
    await mkdir(join(path, 'metrics.jsonl'));
    await expect(openRunDirectory(path, config)).rejects.toMatchObject({ code: expect.stringMatching(/^[a-z-]+$/) });
    expect(await readdir(path)).not.toContain('lock');
  });
});

describe('a full disk', () => {
  test('loses no line and no checkpoint, whichever write it comes at', async () => {
    const path = fresh();
    await inDirectory(path, async (directory) => {
      await directory.append(line(0));
      await directory.last.save(position, states(1));
      const probe = await open(join(folder, 'probe'), 'w');
      await probe.close();
      const prototype: FileHandle = Object.getPrototypeOf(probe);
      const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      vi.spyOn(prototype, 'datasync').mockRejectedValue(full);
      vi.spyOn(prototype, 'sync').mockRejectedValue(full);
      const failed = refusal('write-failed', /the disk is full; free space/);
      await expect(directory.append(line(1))).rejects.toEqual(failed);
      await expect(directory.last.save({ ...position, step: 8 }, states(2))).rejects.toEqual(failed);
      expect(directory.metrics).toEqual([line(0)]);
      vi.restoreAllMocks();
      await directory.append(line(1));
      expect(await lastOf(directory)).toEqual({ position, values: [[1], [0.5]] });
    });
    expect(await stepsIn(path)).toEqual([0, 1]);
    expect((await readdir(path)).sort()).toEqual(['config.json', 'last.safetensors', 'metrics.jsonl']);
  });

  let disk: string | undefined;
  beforeAll(async () => {
    const path = mkdtempSync(join(tmpdir(), 'full-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' });
      disk = path;
    } catch {
      await rm(path, { recursive: true });
    }
  });
  afterAll(async () => {
    if (disk === undefined) return;
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  });

  test('of 64 kB keeps all that it took before (needs the right to mount one)', async ({ skip }) => {
    if (disk === undefined) return skip('no right to mount a small disk');
    const path = join(disk, 'run');
    const failed = refusal('write-failed', /the disk is full; free space/);
    let written = 0;
    await inDirectory(path, async (directory) => {
      await directory.last.save(position, states(1));
      await directory.append(line(0));
      written = 1;
      const long = (step: number) => ({ ...line(step), device: 'x'.repeat(3000) });
      const error = await (async () => {
        for (;;) {
          await directory.append(long(written));
          written += 1;
        }
      })().catch((error: unknown) => error);
      expect(error).toEqual(failed);
      await expect(directory.last.save({ ...position, step: 8 }, states(...Array(20_000).fill(2)))).rejects.toEqual(
        failed,
      );
      expect(directory.metrics).toHaveLength(written);
      expect(await lastOf(directory)).toEqual({ position, values: [[1], [0.5]] });
    });
    expect(written).toBeGreaterThan(10);
    const text = await readFile(join(path, 'metrics.jsonl'), 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    expect(text.split('\n')).toHaveLength(written + 1);
    await expect(openRunDirectory(path, config)).rejects.toEqual(failed);
    await writeFile(join(path, 'metrics.jsonl'), `${text.split('\n')[0]}\n`);
    expect(await stepsIn(path)).toEqual([0]);
  });
});
