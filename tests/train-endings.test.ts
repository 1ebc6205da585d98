import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);

const main = join(inject('build'), 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'shapelaw-train-endings-'));
const at = (name: string) => join(folder, name);

beforeAll(() => {
  const text = (k: number) => JSON.stringify({ text: `the ${k} of ${k * k} is a number near ${k + 1}. `.repeat(4) });
  writeFileSync(at('corpus.jsonl'), Array.from({ length: 200 }, (_, k) => text(k)).join('\n'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const command = (shape: string, tokens: number, out: string, ...more: string[]) => [
  ...['train', shape, '--corpus', 'corpus.jsonl', '--encoder-tokens', '32', '--batch', '1', '--evaluations', '5'],
  ...['--validation-examples', '1', '--validation-fraction', '0.1', '--engine', 'cpu', '--threads', '1'],
  ...['--tokens', String(tokens), '--out', out, '--json', ...more],
];
const tiny = 'enc=1,dec=1,d=16,ff=32,kv=8,h=2';

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}

async function ended(child: ChildProcess) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    textOf(child.stdout!),
    textOf(child.stderr!),
    once(child, 'close'),
  ]);
  return { stdout, stderr, code, signal };
}

describe.skipIf(!isInstalled)('shapelaw train', () => {
  test('whose reader goes away stops, says so, and leaves a run that goes on', async () => {
    const child = start(command(tiny, 400_000, 'unread'));
    const errors = textOf(child.stderr!);
    const lines = createInterface(child.stdout!);
    await once(lines, 'line');
    child.stdout!.destroy();
    const [code, signal] = await once(child, 'exit');
    const stderr = await errors;
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toMatch(
      /^nobody reads the output any more: stopping after this step\n\[interrupted\] stopped after /,
    );
    expect(stderr).toMatch(/go on with: shapelaw train --resume unread\n$/);
    expect(existsSync(at('unread/lock'))).toBe(false);
    expect(existsSync(at('unread/last.safetensors'))).toBe(true);
    const [, step] = /after step ([\d,]+) of/.exec(stderr)!;
    const resumed = await ended(start(['train', '--resume', 'unread', '--time', '0.001s', '--json']));
    expect(resumed).toMatchObject({ code: 0, stderr: '' });
    const [first, ...others] = resumed.stdout.trimEnd().split('\n');
    expect(JSON.parse(first!)).toMatchObject({ resumedAt: Number(step), engine: 'cpu', reason: 'as before' });
    // A session's time being up is no failure, unlike a stop by a signal.
    expect(JSON.parse(others.at(-1)!)).toMatchObject({ event: 'end', status: 'time' });
  }, 60_000);

  test('where no folder can be made says so at once', async () => {
    writeFileSync(at('letter.txt'), 'dear');
    const proc = await ended(start(command(tiny, 1000, '/proc/shapelaw')));
    expect(proc.code).toBe(1);
    expect(proc.stderr).toMatch(/^\[write-failed\] can't make the folder \/proc\/shapelaw: .*name another place/);
    const file = await ended(start(command(tiny, 1000, 'letter.txt')));
    expect(file.code).toBe(2);
    expect(file.stderr).toMatch(/^\[bad-run-directory\] letter\.txt: is a file and no folder; name a folder/);
    expect(readFileSync(at('letter.txt'), 'utf8')).toBe('dear');
  }, 60_000);

  test('takes no more memory than it estimates, where parameters and optimizer are most of it', async () => {
    // 38 MB of parameters and twice that of AdamW; what a step computes is small beside.
    const shape = 'enc=1,dec=1,d=64,ff=64,kv=16,h=2,vocab=150000';
    const { stdout, code } = await ended(start(command(shape, 100, 'wide', '--optimizer', 'adamw')));
    expect(code).toBe(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ratio = events[0].memoryEstimateBytes / events.at(-1).peakMemoryBytes;
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.6);
  }, 60_000);
});
