import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { MetricsLine } from '../../src/train/index.js';

export const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/**
 * A folder with a corpus and the file `sweep.json` of six runs, and what is done and seen in it.
 *
 * @param main - The program.
 * @param tokens - Three lengths of the runs.
 */
export function sweepHome(main: string, tokens: readonly [number, number, number]) {
  const folder = mkdtempSync(join(tmpdir(), 'shapelaw-sweep-'));
  const text = Array.from({ length: 200 }, (_, k) =>
    JSON.stringify({ text: `the ${k} of ${k * k} is a number near ${k + 1}. `.repeat(4) }),
  );
  writeFileSync(join(folder, 'corpus.jsonl'), text.join('\n'));
  const sweep = {
    format: 'shapelaw-sweep/1',
    shapes: [8, 16].map((d) => ({ shape: `enc=1,dec=1,d=${d},ff=${2 * d},kv=8,h=1` })),
    tokens,
    engine: 'cpu',
    corpus: [join(folder, 'corpus.jsonl')],
    encoderTokens: 32,
    batch: 4,
    evaluations: 5,
    validationExamples: 8,
    validationFraction: 0.1,
  };
  writeFileSync(join(folder, 'sweep.json'), JSON.stringify(sweep));

  const namesIn = (...path: readonly string[]): readonly string[] =>
    existsSync(join(folder, ...path)) ? readdirSync(join(folder, ...path)) : [];
  return {
    folder,
    sweep,
    namesIn,
    /** Starts `shapelaw calibrate` in a process of its own. */
    start(...args: readonly string[]): Started {
      const child = spawn(process.execPath, [main, 'calibrate', ...args], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      return { child, ended: once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr })) };
    },
    /** Processes that hold claims. */
    workersOf: (out: string): readonly number[] =>
      namesIn(out, 'claims').flatMap((runId) =>
        namesIn(out, 'claims', runId).map((name) => Number(name.split('~')[2])),
      ),
    /** What may not differ from an undisturbed sweep: the lines but for their times, and the bits of the models. */
    resultOf: (out: string) =>
      Object.fromEntries(
        [...namesIn(out, 'runs')].sort().map((runId) => {
          const run = join(folder, out, 'runs', runId);
          const lines: MetricsLine[] = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line));
          const decided = lines.map(({ step, loss, tokenAccuracy, tokens, flops, finished, trainLoss }) => ({
            ...{ step, loss, tokenAccuracy, tokens, flops, finished, trainLoss },
          }));
          const model = readFileSync(join(run, 'model', 'model.safetensors')).toString('base64');
          return [runId, { lines: decided, model }];
        }),
      ),
  };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(10);
}
