import { mkdtempSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseInlineShape } from '../../flops/index.js';
import { readSafetensors } from '../checkpoint/index.js';
import type { Executor } from '../engines/executor.js';
import { chooseEngine } from './choose-engine.js';
import { type MetricsLine, readConfig } from './directory.js';
import { completeRecipe, type Recipe, type RecipeOptions, stepSizes } from './recipe.js';
import { stopper } from './stopper.js';
import { type TrainEvent, type TrainOptions, type TrainResult, train } from './train.js';

import * as trainer from './trainer.js';
import { trainingPrograms } from './trainer.js';

// The peak of the device takes longer to measure than a run here.
vi.mock('./measure.js', async (original) => ({
  ...(await original<typeof import('./measure.js')>()),
  measurePeak: async () => ({ flopsPerSecond: 1e10, size: 256 }),
}));

const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);

const folder = mkdtempSync(join(tmpdir(), 'stops-'));
const corpus = join(folder, 'corpus.jsonl');
let made = 0;
const fresh = () => join(folder, `run-${made++}`);
beforeAll(async () => {
  const text = (k: number) => JSON.stringify({ text: `the ${k} of ${k * k} is a number near ${k + 1}. `.repeat(4) });
  await writeFile(corpus, Array.from({ length: 150 }, (_, k) => text(k)).join('\n'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

/** A recipe of so many steps at each budget. */
function recipeOf(steps: readonly number[], more: Partial<RecipeOptions> = {}): Recipe {
  const options = {
    ...{ shape: parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=384'), corpus: [corpus], encoderTokens: 32 },
    ...{ batch: 2, evaluations: 5, validationExamples: 4, validationFraction: 0.2, ...more },
  };
  const { tokens } = stepSizes(completeRecipe({ ...options, tokens: 1 }));
  return completeRecipe({ ...options, tokens: steps.map((count) => count * tokens) });
}

const run = (recipe: Recipe, out: string, more: Partial<TrainOptions> = {}): Promise<TrainResult> =>
  train({ recipe, out, engine: 'cpu', ownThread: false, ...more });

async function linesIn(out: string): Promise<readonly MetricsLine[]> {
  const text = await readFile(join(out, 'metrics.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** All that a run leaves but times: also the means of the steps between two lines, wherever it was stopped. */
async function traces(out: string) {
  const hex = async (path: string) => (await readFile(join(out, path))).toString('hex');
  const { tensors, metadata } = await readSafetensors(join(out, 'last.safetensors'));
  return {
    lines: (await linesIn(out)).map(({ elapsedSeconds, peakMemoryBytes, mfu, stepSeconds, ...line }) => line),
    model: await hex('model/model.safetensors'),
    best: await hex('best.safetensors'),
    last: [...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('hex')]),
    step: JSON.parse(metadata.position!).step,
    files: (await readdir(out)).sort(),
  };
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const crash = new Error('crash');

describe.skipIf(!isInstalled)('a cool-down off the trunk', () => {
  // Steps 9 to 16 and, off the trunk that goes on, the last fifth of 20; an evaluation every fourth step.
  const recipe = recipeOf([16, 20], { cooldown: 0.5, dropout: 0.1, optimizer: { kind: 'adamw' }, clipNorm: 1 });
  let flawless: Awaited<ReturnType<typeof traces>>;
  beforeAll(async () => {
    const out = fresh();
    await run(recipe, out);
    flawless = await traces(out);
  });

  test('goes on where a time shorter than it stopped it, and ends alike', async () => {
    const out = fresh();
    const stop = new AbortController();
    await run(recipe, out, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.event === 'step' && event.step === 8) stop.abort();
      },
    });
    const branchAt: (number | null)[] = [];
    for (let session = 0; session < 9; session++) {
      // Shorter than a step, of which each session makes one.
      const { status } = await run(recipe, out, {
        timeSeconds: 1e-6,
        onEvent: (event) => {
          if (event.event === 'start') branchAt.push(event.resumedBranchAt);
        },
      });
      expect(status).toBe('time');
    }
    expect(branchAt).toEqual([null, 9, 10, 11, 12, 13, 14, 15, null]);
    await run(recipe, out);
    expect(await traces(out)).toEqual(flawless);
    expect(flawless.files).not.toContain('branch.safetensors');
  });

  test('stopped by the signal keeps its steps beside the trunk’s', async () => {
    const out = fresh();
    const stop = new AbortController();
    const stopped = await run(recipe, out, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.event === 'step' && event.branch && event.step === 12) stop.abort();
      },
    });
    expect(stopped).toMatchObject({ status: 'interrupted', step: 8 });
    const branch = await readSafetensors(join(out, 'branch.safetensors'));
    expect(JSON.parse(branch.metadata.position!)).toMatchObject({ step: 12, branchEnd: 16, meter: { steps: 4 } });
    const steps: number[] = [];
    await run(recipe, out, {
      onEvent: (event) => {
        if (event.event === 'step') steps.push(event.step);
      },
    });
    expect(steps).toEqual([13, 14, 15, 16, ...Array.from({ length: 12 }, (_, k) => k + 9)]);
    expect(await traces(out)).toEqual(flawless);
  });

  test.each(['trunk', 'branch'])(
    'loses only the steps since the last checkpoint to a crash on the %s',
    async (where) => {
      const out = fresh();
      const [at, isBranch] = where === 'trunk' ? [6, false] : [13, true];
      const first = run(recipe, out, {
        // After each step.
        saveSeconds: 0,
        onEvent: (event) => {
          if (event.event === 'step' && event.step === at && event.branch === isBranch) throw crash;
        },
      });
      await expect(first).rejects.toBe(crash);
      const steps: number[] = [];
      await run(recipe, out, {
        onEvent: (event) => {
          if (event.event === 'step') steps.push(event.step);
        },
      });
      expect(steps[0]).toBe(at);
      expect(await traces(out)).toEqual(flawless);
    },
  );

  test('is not done again where a crash left its checkpoint behind', async () => {
    const out = fresh();
    const first = run(recipe, out, {
      saveSeconds: 0,
      onEvent: (event) => {
        if (event.event === 'evaluation' && event.line.finished && event.line.step === 16) throw crash;
      },
    });
    await expect(first).rejects.toBe(crash);
    expect(await readdir(out)).toContain('branch.safetensors');
    const events: TrainEvent[] = [];
    await run(recipe, out, { onEvent: (event) => events.push(event) });
    expect(events.some((event) => event.event === 'step' && event.branch)).toBe(false);
    expect(await traces(out)).toEqual(flawless);
  });

  test('leaves the lines of the trunk as they are without it', async () => {
    const alone = fresh();
    const longest = recipeOf([20], { cooldown: 0.5, dropout: 0.1, optimizer: { kind: 'adamw' }, clipNorm: 1 });
    await run(longest, alone);
    const ofTrunk = ({ lines }: typeof flawless) =>
      lines.filter(({ step, finished }) => !finished || step === 20).map(({ runId, ...line }) => line);
    expect(ofTrunk(flawless)).toEqual(ofTrunk(await traces(alone)));
  });
});

describe.skipIf(!isInstalled)('a signal', () => {
  const recipe = recipeOf([10]);
  const stopped = async (more: Partial<TrainOptions> = {}) => {
    const out = fresh();
    const stop = new AbortController();
    stop.abort();
    await expect(run(recipe, out, { signal: stop.signal, ...more })).rejects.toEqual(
      refusal('interrupted', /^stopped before the first step; go on with the same command$/),
    );
    await expect(readdir(out)).rejects.toThrow('ENOENT');
  };

  test('before the first step ends a run at once, while text is read', () => stopped());

  test('ends it while engines are tried, and closes them', async () => {
    const stop = new AbortController();
    const { executor: stoppable } = stopper(stop.signal);
    let [prepared, open] = [0, 0];
    const engine = async (): Promise<Executor> => {
      open += 1;
      return stoppable({
        ...{ device: 'fake', versions: {}, writeStates: async () => {}, readStates: async () => new Map() },
        async prepare() {
          prepared += 1;
          stop.abort();
          return { run: async () => new Map(), dispose: async () => {} };
        },
        async dispose() {
          open -= 1;
        },
      });
    };
    const chosen = chooseEngine('auto', recipe, trainingPrograms(recipe), engine);
    await expect(chosen).rejects.toEqual(refusal('interrupted', /first step/));
    expect({ prepared, open }).toEqual({ prepared: 1, open: 0 });
  });

  test('while a resumed run reads its text again leaves it as it was', async () => {
    const out = fresh();
    await run(recipe, out, { timeSeconds: 1e-6 });
    const stop = new AbortController();
    const { status, step } = await run(recipe, out, {
      signal: stop.signal,
      onEvent: ({ event }) => {
        if (event === 'start') stop.abort();
      },
    });
    expect({ status, step }).toEqual({ status: 'interrupted', step: 1 });
  });
});

describe.skipIf(!isInstalled)('engines of a run', () => {
  const recipe = recipeOf([10]);

  test('stay what they were, unless another is asked for, which is said; each session is kept', async () => {
    const out = fresh();
    const reasons: string[] = [];
    const session = (more: Partial<TrainOptions>) =>
      train({
        ...{ recipe, out, ownThread: false, timeSeconds: 1e-6, ...more },
        onEvent: (event) => {
          if (event.event === 'start') reasons.push(`${event.engine}: ${event.reason}`);
        },
      });
    await session({ engine: 'tfjs-cpu' });
    await session({});
    await session({ engine: 'cpu', threads: 2 });
    expect(reasons).toEqual([
      'tfjs-cpu: as asked',
      'tfjs-cpu: as before',
      'cpu: asked for; the run was trained on tfjs-cpu before, and losses differ in rounding',
    ]);
    const { engine, sessions } = (await readConfig(out))!;
    expect(engine).toBe('cpu');
    expect(sessions).toMatchObject([
      { engine: 'tfjs-cpu', threads: 1 },
      { engine: 'tfjs-cpu', threads: 1 },
      { engine: 'cpu', threads: 2, measuredPeak: { size: 256 } },
    ]);
  });

  test('have at most four threads for each core', async () => {
    await expect(run(recipe, fresh(), { threads: 10_000 })).rejects.toEqual(
      refusal('bad-usage', /^threads must be a whole number from 1 to \d+, four for each .*, not 10000$/),
    );
  });
});

describe.skipIf(!isInstalled)('what a run notes', () => {
  const notesOf = async (recipe: Recipe) => {
    const out = fresh();
    let notes: readonly string[] = [];
    await run(recipe, out, {
      timeSeconds: 1e-6,
      onEvent: (event) => {
        if (event.event === 'start') notes = event.notes;
      },
    });
    return notes;
  };

  test('is nothing of a run as it should be', async () => {
    expect(await notesOf(recipeOf([10]))).toEqual([]);
  });

  test('is fp16 on the CPU, and a vocabulary much larger than the tokenizer’s', async () => {
    const shape = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=1024');
    expect(await notesOf(recipeOf([10], { shape, precision: 'fp16' }))).toEqual([
      expect.stringMatching(/^fp16 on the engine cpu is slower/),
      expect.stringMatching(/^the vocabulary of 1024 is larger than the tokenizer's 384 ids need: vocab=384/),
    ]);
  });
});

describe.skipIf(!isInstalled)('a state that is no longer finite', () => {
  test('keeps the checkpoint before, and is told', async () => {
    const out = fresh();
    const recipe = recipeOf([10]);
    const original = trainer.openTrainer;
    vi.spyOn(trainer, 'openTrainer').mockImplementation(async (...args) => {
      const opened = await original(...args);
      let steps = 0;
      return {
        ...opened,
        get lossScale() {
          return opened.lossScale;
        },
        async step(...given) {
          steps += 1;
          return opened.step(...given);
        },
        // As an overflow in the second step's update would leave it, which no loss shows before the third.
        read(what) {
          const states = new Map(opened.read(what));
          const [name, state] = [...states].at(-1)!;
          if (steps >= 2)
            states.set(name, {
              ...state,
              load: async () => (await (state.load() as Promise<Float32Array>)).map(() => Number.NaN),
            });
          return states;
        },
      };
    });
    const refused = run(recipe, out, { saveSeconds: 0 });
    await expect(refused).rejects.toEqual(
      refusal(
        'diverged',
        /" is no longer finite after step 2, learning rate 0\.01: the last checkpoint .* is kept; .*another --out/,
      ),
    );
    const { metadata } = await readSafetensors(join(out, 'last.safetensors'));
    expect(JSON.parse(metadata.position!).step).toBe(1);
  });
});
