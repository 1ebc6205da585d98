import { mkdtempSync } from 'node:fs';
import { cp, type FileHandle, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { countFlops, countParameters, parseInlineShape, spanCorruptionLengths } from '../../flops/index.js';
import { readRunTable, runRecordSchema } from '../../runs/index.js';
import { readHuggingFaceT5, readSafetensors, toFloat32, writeSafetensors } from '../checkpoint/index.js';
import { splitOf } from '../text/split.js';
import type { MetricsLine } from './directory.js';
import { completeRecipe, type Recipe, type RecipeOptions, recipeId } from './recipe.js';
import { type TrainEvent, type TrainOptions, type TrainResult, train } from './train.js';

// The peak of the device takes longer to measure than a run here.
vi.mock('./measure.js', async (original) => ({
  ...(await original<typeof import('./measure.js')>()),
  measurePeak: async () => ({ flopsPerSecond: 1e10, size: 256 }),
}));

const isInstalled = await import('onnxruntime-node').then(
  () => true,
  () => false,
);
const describeEngine = describe.skipIf(!isInstalled);

const folder = mkdtempSync(join(tmpdir(), 'train-'));
const corpus = join(folder, 'corpus.jsonl');
const few = join(folder, 'few.jsonl');
let made = 0;
const fresh = () => join(folder, `run-${made++}`);

/** Sentences of a small language: enough for a small model to learn in a few steps. */
function sentences(count: number, first = 0): string {
  const words = ['the', 'cat', 'sees', 'a', 'small', 'house', 'near', 'water', 'and', 'sings'];
  const text = (k: number) =>
    Array.from({ length: 30 }, (_, w) => words[(k * 7 + w * (1 + (k % 3))) % words.length]).join(' ');
  return Array.from(
    { length: count },
    (_, k) => `${JSON.stringify({ text: `${k + first} ${text(k + first)}` })}\n`,
  ).join('');
}

beforeAll(async () => {
  await writeFile(corpus, sentences(200));
  await writeFile(few, sentences(30));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const shape = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=384');
const batch = 4;
const lengths = spanCorruptionLengths(32);
const stepTokens = batch * (lengths.encoderTokens + lengths.decoderTokens);

function recipeOf(steps: number | readonly number[], more: Partial<RecipeOptions> = {}): Recipe {
  return completeRecipe({
    shape,
    tokens: [steps]
      .flat()
      .map((count) => (count * stepTokens * (more.batch ?? batch) * (more.accumulate ?? 1)) / batch),
    corpus: [corpus],
    encoderTokens: 32,
    batch,
    evaluations: 5,
    validationExamples: 8,
    validationFraction: 0.1,
    ...more,
  });
}

const run = (recipe: Recipe, out: string, more: Partial<TrainOptions> = {}): Promise<TrainResult> =>
  train({ recipe, out, engine: 'cpu', ownThread: false, ...more });

const linesIn = async (out: string): Promise<readonly MetricsLine[]> =>
  (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** What of a line is decided by the recipe alone. */
const decided = ({
  step,
  loss,
  tokenAccuracy,
  bitsPerByte,
  finished,
  schedule,
  tokens,
  flops,
  learningRate,
  gradientNorm,
}: MetricsLine) => ({
  step,
  loss,
  tokenAccuracy,
  bitsPerByte,
  finished,
  schedule,
  tokens,
  flops,
  learningRate,
  gradientNorm,
});

const hex = async (path: string) => (await readFile(path)).toString('hex');

/** All that a run leaves but times. */
async function traces(out: string) {
  const { tensors, metadata } = await readSafetensors(join(out, 'last.safetensors'));
  const values = [...tensors].map(([name, { data }]) => [name, Buffer.from(data.buffer).toString('hex')]);
  return {
    lines: (await linesIn(out)).map(decided),
    model: await hex(join(out, 'model', 'model.safetensors')),
    best: await hex(join(out, 'best.safetensors')),
    last: { values, step: JSON.parse(metadata.position!).step },
    files: (await readdir(out)).sort(),
  };
}

const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

/** Stops a run after so many events: as its signal does, or as a crash would, with nothing saved after it. */
function stopAfter(count: number, kind: 'signal' | 'crash'): Partial<TrainOptions> & { crash: Error } {
  const stop = new AbortController();
  const crash = new Error('crash');
  let events = 0;
  return {
    crash,
    signal: stop.signal,
    onEvent: ({ event }) => {
      if (event !== 'step' && event !== 'evaluation') return;
      events += 1;
      if (events !== count) return;
      if (kind === 'crash') throw crash;
      stop.abort();
    },
  };
}

describeEngine('a run', () => {
  let out: string;
  let result: TrainResult;
  const recipe = recipeOf(40);
  const events: TrainEvent[] = [];
  beforeAll(async () => {
    out = fresh();
    result = await run(recipe, out, { onEvent: (event) => events.push(event) });
  });

  test('lowers the held-out loss, and says so in valid run records', async () => {
    const lines = await linesIn(out);
    expect(lines.map(({ step }) => step)).toEqual([0, 8, 16, 24, 32, 40]);
    for (const line of lines) expect(runRecordSchema.safeParse(line).error).toBeUndefined();
    // An untrained model with T5's initialisation is a little worse than a uniform guess among 384 ids: 5.95 nats.
    expect(lines[0]!.loss).toBeGreaterThan(Math.log(384));
    // All but 30 of the ids never occur, which a model learns first: a guess among 30 costs 3.4 nats.
    expect(lines.at(-1)!.loss).toBeLessThan(3.6);
    const losses = lines.map(({ loss }) => loss);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(lines.map(({ finished }) => finished)).toEqual([false, false, false, false, false, true]);
    expect(result).toMatchObject({
      status: 'complete',
      step: 40,
      steps: 40,
      loss: losses.at(-1),
      bestLoss: losses.at(-1),
    });
  });

  test('counts tokens, FLOPs and parameters exactly', async () => {
    const { training } = countFlops(shape, lengths);
    for (const line of await linesIn(out)) {
      expect(line.tokens).toBe(line.step! * stepTokens);
      expect(line.flops).toBe(line.step! * batch * training);
      expect(line.params).toBe(countParameters(shape).total);
    }
    expect(result).toMatchObject({ tokens: 40 * stepTokens, flops: 40 * batch * training });
  });

  test('measures: rates, times and losses of training are those of the steps between', async () => {
    const [first, ...others] = await linesIn(out);
    expect(first).not.toHaveProperty('trainLoss');
    const steps = events.flatMap((event) => (event.event === 'step' ? [event] : []));
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, k) => k + 1));
    for (const line of others) {
      const between = steps.slice(line.step! - 8, line.step!).map(({ loss }) => loss);
      expect(line.trainLoss).toBeCloseTo(between.reduce((sum, loss) => sum + loss) / 8, 10);
      expect(line.stepSeconds).toBeGreaterThan(0);
      expect(line.mfu).toBeCloseTo(line.flops! / line.step! / line.stepSeconds! / 1e10, 10);
      expect(line.gradientNorm).toBeGreaterThan(0);
    }
    // The cool-down of a fifth: the rate of its last step is one ninth of the peak's.
    expect(others.map(({ learningRate }) => learningRate!)).toEqual([
      0.01,
      0.01,
      0.01,
      0.01,
      expect.closeTo(0.01 / 9, 12),
    ]);
    const seconds = [first!, ...others].map(({ elapsedSeconds }) => elapsedSeconds);
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
  });

  test('is a table that fits read, without the untrained model', async () => {
    const table = await readRunTable(join(out, 'metrics.jsonl'));
    expect(table.rows.map(({ step }) => step)).toEqual([8, 16, 24, 32, 40]);
    expect(new Set(table.rows.map(({ runId }) => runId))).toEqual(new Set([recipeId(recipe)]));
    expect(table.dropped).toEqual([{ row: 1, runId: recipeId(recipe), reason: 'untrained: 0 tokens' }]);
    expect(table.conventions).toMatchObject({ params: 'total', flops: 'exact', tokens: 'encoder+decoder' });
  });

  test('leaves a model that Hugging Face names, the parameters of the last checkpoint', async () => {
    const model = await readHuggingFaceT5(join(out, 'model'));
    expect(model.shape).toMatchObject({ dModel: 16, dFf: 32, vocab: 384, encoderLayers: 1, decoderLayers: 1 });
    const { tensors } = await readSafetensors(join(out, 'last.safetensors'));
    expect(model.tensors.size).toBeGreaterThan(10);
    for (const [name, { shape: dims, data }] of model.tensors) {
      const { shape: lastDims, ...tensor } = tensors.get(name)!;
      expect({
        name,
        dims,
        same: Buffer.from(data.buffer).equals(Buffer.from(toFloat32({ shape: lastDims, ...tensor } as never).buffer)),
      }).toEqual({
        name,
        dims: lastDims,
        same: true,
      });
    }
  });

  test('leaves the parameters of its lowest loss, here the last', async () => {
    const { tensors, metadata } = await readSafetensors(join(out, 'best.safetensors'));
    expect(metadata).toMatchObject({ step: '40', lossNats: String(result.bestLoss) });
    const last = await readSafetensors(join(out, 'last.safetensors'));
    for (const [name, { data }] of tensors) expect(data).toEqual(last.tensors.get(name)!.data);
  });

  test('is the same once more, bit for bit, with 2 threads too', async () => {
    const same = await traces(out);
    for (const options of [{}, { threads: 2 }]) {
      const again = fresh();
      await run(recipe, again, options);
      expect(await traces(again)).toEqual(same);
    }
  });

  test('is another with another seed', async () => {
    const other = fresh();
    await run(recipeOf(40, { seed: 1 }), other);
    const [losses, others] = [await linesIn(out), await linesIn(other)].map((lines) => lines.map(({ loss }) => loss));
    for (const [index, loss] of losses!.entries()) expect(others![index]).not.toBe(loss);
  });

  test('is not done again once it is complete', async () => {
    const before = await traces(out);
    let steps = 0;
    const again = await run(recipe, out, {
      onEvent: ({ event }) => {
        steps += event === 'step' || event === 'evaluation' ? 1 : 0;
      },
    });
    expect(steps).toBe(0);
    expect(again).toMatchObject({
      status: 'complete',
      loss: result.loss,
      bestLoss: result.bestLoss,
      flops: result.flops,
    });
    expect(await traces(out)).toEqual(before);
  });
});

describeEngine('several budgets', () => {
  const budgets = [12, 20, 30];
  let out: string;
  let result: TrainResult;
  beforeAll(async () => {
    out = fresh();
    result = await run(recipeOf(budgets), out);
  });

  test('share the trunk of the largest', async () => {
    const alone = fresh();
    await run(recipeOf(30), alone);
    const lines = (await linesIn(out)).filter(({ finished, step }) => !finished || step === 30);
    expect(lines.map(decided)).toEqual((await linesIn(alone)).map(decided));
    expect(await hex(join(out, 'model', 'model.safetensors'))).toBe(
      await hex(join(alone, 'model', 'model.safetensors')),
    );
  });

  test.each([12, 20])('end at %i steps as a run of that budget alone', async (steps) => {
    const alone = fresh();
    await run(recipeOf(steps), alone);
    const ends = (lines: readonly MetricsLine[]) =>
      lines.filter((line) => line.finished && line.step === steps).map(decided);
    expect(ends(await linesIn(out))).toEqual(ends(await linesIn(alone)));
    expect(ends(await linesIn(out))).toHaveLength(1);
  });

  test('count the steps of the cool-downs too', () => {
    const { training } = countFlops(shape, lengths);
    // A fifth of 12 and of 20 steps, rounded: 2 and 4.
    expect(result.flops).toBe((30 + 2 + 4) * batch * training);
    expect(result.tokens).toBe(30 * stepTokens);
  });

  test('have losses that tell finished runs from others by their schedule', async () => {
    const lines = await linesIn(out);
    expect(lines.filter(({ schedule }) => schedule === 'constant+cooldown').map(({ step }) => step)).toEqual([
      12, 20, 30,
    ]);
    expect(lines.filter(({ schedule }) => schedule === 'constant').map(({ step }) => step)).toEqual([0, 6, 12, 18, 24]);
  });
});

const kinds: [string, Recipe][] = [
  ['of one budget', recipeOf(20)],
  // The cool-down of 15 begins at an evaluation, 12; that of 10 between two, 8; and that of 18 ends beside one.
  ['of several budgets', recipeOf([10, 15, 18, 20])],
  [
    'with dropout and AdamW',
    recipeOf([13, 20], { dropout: 0.1, optimizer: { kind: 'adamw', weightDecay: 0.1 }, clipNorm: 1 }),
  ],
  // 30 of the sentences make 20 batches at most.
  ['that passes over its text again', recipeOf(24, { corpus: [few], batch: 8, schedule: 'cosine' })],
  ['of two passes a step', recipeOf([8, 20], { accumulate: 2, dropout: 0.1 })],
];

/** A run that nothing stopped, and a check that another ends alike. */
async function undisturbed(recipe: Recipe, onEvent: (event: TrainEvent) => void = () => {}) {
  const flawless = fresh();
  const ofResult = ({ status, step, tokens, flops, loss, bestLoss }: TrainResult) => ({
    status,
    step,
    tokens,
    flops,
    loss,
    bestLoss,
  });
  const result = ofResult(await run(recipe, flawless, { onEvent }));
  const left = await traces(flawless);
  return {
    result,
    left,
    async expectSame(out: string) {
      expect(ofResult(await run(recipe, out))).toEqual(result);
      expect(await traces(out)).toEqual(left);
    },
  };
}

/** A run stopped or crashed after so many events. */
async function stopped(recipe: Recipe, out: string, after: number, kind: 'signal' | 'crash'): Promise<void> {
  const { crash, ...options } = stopAfter(after, kind);
  await run(recipe, out, options).catch((error: unknown) => expect(error).toBe(crash));
}

describe.skipIf(!isInstalled).each(kinds)('a run %s', (_, recipe) => {
  test('stopped or crashed anywhere, again and again, ends as if it never was', async () => {
    const { expectSame } = await undisturbed(recipe);
    const stop = fc.record({
      after: fc.integer({ min: 1, max: 30 }),
      kind: fc.constantFrom('signal' as const, 'crash' as const),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(stop, { minLength: 1, maxLength: 3 }), async (stops) => {
        const out = fresh();
        for (const { after, kind } of stops) await stopped(recipe, out, after, kind);
        await expectSame(out);
      }),
      { numRuns: 2 },
    );
  });

  test('goes on after the step that it says it stopped after', async () => {
    for (const after of [5, 11, 16]) {
      const out = fresh();
      const { step, status } = await run(recipe, out, stopAfter(after, 'signal'));
      expect(status).toBe('interrupted');
      const { metadata } = await readSafetensors(join(out, 'last.safetensors'));
      expect(JSON.parse(metadata.position!).step, `${after}`).toBe(step);
    }
  });
});

/** Does something before each file or folder is synced to the disk, which fails where that throws. */
async function beforeEachSync(action: () => void): Promise<void> {
  const probe = await open(join(folder, 'probe'), 'w');
  await probe.close();
  const prototype: FileHandle = Object.getPrototypeOf(probe);
  for (const method of ['sync', 'datasync'] as const) {
    const original = prototype[method];
    vi.spyOn(prototype, method).mockImplementation(async function (this: FileHandle) {
      action();
      return Reflect.apply(original, this, []);
    });
  }
}

describeEngine('a run whose lowest loss is that of a cool-down off its trunk', () => {
  /** The budget of the cool-down. */
  const end = 10;
  let recipe: Recipe;
  let reference: Awaited<ReturnType<typeof undisturbed>>;
  /** Events, and files and folders synced, until the last event before the cool-down and until its evaluation. */
  let [before, last] = [
    { events: 0, syncs: 0 },
    { events: 0, syncs: 0 },
  ];

  beforeAll(async () => {
    // The held-out text shares one letter of three with that trained on: its loss falls while the model learns what all text
    // has in common, to 4.20 nats at the end of the cool-down, and rises as it unlearns the others. The next lowest is 4.29.
    const fraction = 0.3;
    const letters = (k: number) =>
      Array.from({ length: 200 }, (_, at) => 'abc'[(k * at * at + (at >> 2)) % 3]).join('');
    const texts = Array.from({ length: 200 }, (_, k) => k + 1).flatMap((k) => [
      ...['a'.repeat(150 + k)].filter((text) => splitOf(text, fraction) === 'train'),
      ...[`${k} ${letters(k)}`].filter((text) => splitOf(text, fraction) === 'validation'),
    ]);
    const path = join(folder, 'two-languages.jsonl');
    await writeFile(path, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
    recipe = recipeOf([end, 20], { corpus: [path], validationFraction: fraction, learningRate: 0.04 });

    const now = { events: 0, syncs: 0 };
    await beforeEachSync(() => {
      now.syncs += 1;
    });
    reference = await undisturbed(recipe, (event) => {
      if (event.event !== 'step' && event.event !== 'evaluation') return;
      now.events += 1;
      const isOnTrunk = event.event === 'step' ? !event.branch : !event.line.finished;
      if (isOnTrunk && last.events === 0) before = { ...now };
      if (event.event === 'evaluation' && event.line.step === end) last = { ...now };
    });
    vi.restoreAllMocks();
    const { lines } = reference.left;
    const best = lines.reduce((lowest, line) => (line.loss < lowest.loss ? line : lowest));
    expect(best).toMatchObject({ step: end, finished: true, loss: reference.result.bestLoss });
  });

  test.each(['signal', 'crash'] as const)('ends as if nothing was after a %s around it', async (kind) => {
    expect(last.events - before.events).toBeGreaterThan(2);
    for (let after = before.events; after <= last.events; after++) {
      const out = fresh();
      await stopped(recipe, out, after, kind);
      await reference.expectSame(out);
    }
  });

  test('ends as if nothing was after a disk that was full at any write around it', async () => {
    // A checkpoint, the parameters of the lowest loss, and a line of metrics.
    expect(last.syncs - before.syncs).toBeGreaterThan(4);
    for (let survive = before.syncs; survive <= last.syncs; survive++) {
      const out = fresh();
      let left = survive;
      await beforeEachSync(() => {
        left -= 1;
        if (left < 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      });
      await expect(run(recipe, out)).rejects.toEqual(refusal('write-failed', /the disk is full; free space/));
      vi.restoreAllMocks();
      await reference.expectSame(out);
    }
  });
});

describeEngine('timeSeconds', () => {
  test('stops a run, which the same call resumes', async () => {
    const recipe = recipeOf(20);
    const { expectSame } = await undisturbed(recipe);
    const out = fresh();
    // A clock that counts what a run asks of it instead of time.
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => {
      now += 10;
      return now;
    });
    const sessions = [];
    for (let session = 0; session < 2; session++) sessions.push(await run(recipe, out, { timeSeconds: 0.2 }));
    vi.restoreAllMocks();
    expect(sessions.map(({ status }) => status)).toEqual(['time', 'time']);
    expect(sessions[0]!.step).toBeGreaterThan(0);
    expect(sessions[1]!.step).toBeGreaterThan(sessions[0]!.step);
    expect(sessions[1]!.elapsedSeconds).toBeGreaterThan(sessions[0]!.elapsedSeconds);
    await expectSame(out);
  });
});

describeEngine('accumulate', () => {
  test('trains on the sum of its passes as on one large batch', async () => {
    const [passes, whole] = [fresh(), fresh()];
    const optimizer = { kind: 'adamw' } as const;
    await run(recipeOf(10, { optimizer, accumulate: 2 }), passes);
    await run(recipeOf(10, { optimizer, batch: 8 }), whole);
    const [few, one] = [await linesIn(passes), await linesIn(whole)];
    expect(few.map(({ step }) => step)).toEqual([0, 2, 4, 6, 8, 10]);
    for (const [index, { loss, tokens, flops }] of few.entries()) {
      expect({ tokens, flops }).toEqual({ tokens: one[index]!.tokens, flops: one[index]!.flops });
      // Sums in another order: some units in the last place of float32 after a few steps.
      expect(Math.abs(loss - one[index]!.loss)).toBeLessThan(1e-4);
    }
    expect(one.at(-1)!.loss).toBeLessThan(one[0]!.loss - 0.05);
  });
});

describeEngine('train refuses', () => {
  const recipe = recipeOf(10);
  const complete = join(folder, 'complete');
  beforeAll(() => run(recipe, complete));

  const copyOf = async (from: string) => {
    const out = fresh();
    await cp(from, out, { recursive: true });
    return out;
  };

  test('another recipe in the same directory, naming what differs', async () => {
    const other = run(recipeOf(10, { seed: 1, dropout: 0.1 }), complete);
    await expect(other).rejects.toEqual(
      refusal('bad-run-directory', /another run \(seed was 0; dropout was 0\): name/),
    );
    await expect(other).rejects.toMatchObject({ details: { differing: ['seed', 'dropout'] } });
    const wider = { ...recipe, shape: parseInlineShape('enc=2,dec=1,d=16,ff=32,kv=8,h=2,vocab=384') };
    await expect(run(wider, complete)).rejects.toMatchObject({ details: { differing: ['shape'] } });
  });

  test('a corpus that has changed since', async () => {
    const changing = join(folder, 'changing.jsonl');
    await writeFile(changing, sentences(200));
    const [now, out] = [recipeOf(10, { corpus: [changing] }), fresh()];
    await run(now, out, stopAfter(4, 'signal'));
    await writeFile(changing, sentences(200, 1000));
    await expect(run(now, out)).rejects.toEqual(refusal('bad-run-directory', /the corpus or the tokenizer's file has/));
    await writeFile(changing, sentences(200));
    expect((await run(now, out)).status).toBe('complete');
  });

  test('a vocabulary smaller than the tokenizer, saying which to give', async () => {
    const small = parseInlineShape('enc=1,dec=1,d=16,ff=32,kv=8,h=2,vocab=300');
    await expect(run(recipeOf(10, { shape: small }), fresh())).rejects.toEqual(
      refusal('bad-tokenizer', /384 ids and the model's vocabulary 300: give the shape vocab=384$/),
    );
  });

  test('a truncated checkpoint', async () => {
    const out = await copyOf(complete);
    const last = join(out, 'last.safetensors');
    await truncate(last, (await readFile(last)).length - 5);
    await expect(run(recipe, out)).rejects.toEqual(refusal('bad-checkpoint', /last\.safetensors/));
  });

  test("another run's checkpoint, and one of another shape under this run's name", async () => {
    const out = await copyOf(complete);
    const wider = fresh();
    await run(recipeOf(5, { shape: parseInlineShape('enc=1,dec=1,d=24,ff=32,kv=8,h=2,vocab=384') }), wider);
    const last = (path: string) => join(path, 'last.safetensors');
    await cp(last(wider), last(out));
    await expect(run(recipe, out)).rejects.toEqual(
      refusal('bad-checkpoint', /is of run [0-9a-f]{12}, not [0-9a-f]{12}/),
    );
    const { tensors, metadata } = await readSafetensors(last(wider));
    await writeSafetensors(last(out), tensors, { ...metadata, run: recipeId(recipe) }, true);
    await expect(run(recipe, out)).rejects.toEqual(
      refusal('bad-checkpoint', /of another shape or optimizer: shared\.weight is \[384, 24\], not \[384, 16\]/),
    );
  });

  test('a corpus smaller than a batch, and none held out', async () => {
    const tiny = join(folder, 'tiny.jsonl');
    await writeFile(tiny, sentences(12));
    const refused = run(recipeOf(10, { corpus: [tiny], batch: 512, validationFraction: 0.5 }), fresh());
    await expect(refused).rejects.toEqual(
      refusal('bad-corpus', /^tiny\.jsonl: its training text .* a smaller --batch/),
    );
    await writeFile(tiny, sentences(1));
    await expect(run(recipeOf(10, { corpus: [tiny] }), fresh())).rejects.toEqual(
      refusal('bad-corpus', /^tiny\.jsonl: .* give more/),
    );
  });

  test('an engine that there is none of, before it makes a directory', async () => {
    const out = fresh();
    await expect(run(recipe, out, { engine: 'abacus' as never })).rejects.toEqual(
      refusal('bad-usage', /no engine "abacus": auto, cpu, webgpu, cuda/),
    );
    await expect(readdir(out)).rejects.toThrow('ENOENT');
  });

  test('a directory that another run holds at the moment', async () => {
    const out = fresh();
    const seen: unknown[] = [];
    let second: Promise<unknown> | undefined;
    await run(recipe, out, {
      onEvent: ({ event }) => {
        if (event !== 'start') return;
        second = run(recipe, out).catch((error: unknown) => seen.push(error));
      },
    });
    await second;
    expect(seen).toEqual([refusal('bad-run-directory', new RegExp(`process ${process.pid} is training in it`))]);
    expect((await linesIn(out)).map(({ step }) => step)).toEqual([0, 2, 4, 6, 8, 10]);
  });

  test('nothing after a refusal: the directory is free again', async () => {
    const out = await copyOf(complete);
    const last = join(out, 'last.safetensors');
    await truncate(last, 100);
    await expect(run(recipe, out)).rejects.toEqual(refusal('bad-checkpoint', /cut short/));
    expect(await readdir(out)).not.toContain('lock');
    await rm(last);
    expect((await run(recipe, out)).status).toBe('complete');
  });
});

describeEngine('a run that diverges', () => {
  const recipe = recipeOf(10, { optimizer: { kind: 'adamw' }, learningRate: 1e30, warmupSteps: 6 });

  test('says at which step and rate, and keeps a checkpoint that resumes', async () => {
    const out = fresh();
    const first: unknown = await run(recipe, out).catch((error: unknown) => error);
    expect(first).toEqual(refusal('diverged', /no longer finite at step \d+, learning rate .*lower --learning-rate/));
    const { step, learningRate } = (first as { details: { step: number; learningRate: number } }).details;
    expect(learningRate).toBeCloseTo((1e30 * step) / 6, -20);
    const { tensors, metadata } = await readSafetensors(join(out, 'last.safetensors'));
    expect(JSON.parse(metadata.position!).step).toBeLessThan(step);
    for (const { data } of tensors.values()) expect((data as Float32Array).every(Number.isFinite)).toBe(true);
    for (const { loss } of await linesIn(out)) expect(Number.isFinite(loss)).toBe(true);
    await expect(run(recipe, out)).rejects.toMatchObject({ code: 'diverged', details: { step } });
  });
});
