import { afterEach, describe, expect, test, vi } from 'vitest';
import { ShapelawError } from '../../errors.js';
import { parseInlineShape } from '../../flops/index.js';
import type { EngineKind } from '../engines/engine.js';
import type { Executor } from '../engines/executor.js';
import { outputNames } from '../model/step.js';
import { chooseEngine } from './choose-engine.js';
import { completeRecipe } from './recipe.js';
import { trainingPrograms } from './trainer.js';

const shape = parseInlineShape('enc=1,dec=1,d=8,ff=8,kv=4,h=2,vocab=384');
const recipe = completeRecipe({ shape, tokens: 1e5, encoderTokens: 16, batch: 2, dropout: 0.1 });
const programs = trainingPrograms(recipe);

afterEach(() => vi.restoreAllMocks());

/** What a fake engine does: how long its steps take, or where it fails. */
interface Behaviour {
  readonly seconds?: number;
  readonly fails?: 'open' | 'prepare' | 'run' | 'dispose';
}

/** Engines that fail or take so many seconds a step by a clock of their own, and which of them are open. */
function engines(behaviours: Partial<Record<EngineKind, Behaviour>>) {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const open = new Set<EngineKind>();
  const opened: EngineKind[] = [];
  const fail = (kind: EngineKind) => {
    throw new ShapelawError('engine-unavailable', `no ${kind} here\nmore of it`);
  };
  const openEngine = async (kind: EngineKind): Promise<Executor> => {
    opened.push(kind);
    const { seconds, fails } = behaviours[kind] ?? { fails: 'open' };
    if (fails === 'open') fail(kind);
    open.add(kind);
    let runs = 0;
    return {
      device: kind,
      versions: {},
      async prepare() {
        if (fails === 'prepare') fail(kind);
        return {
          async run(feeds) {
            if (fails === 'run') fail(kind);
            expect(feeds.size).toBeGreaterThan(3);
            // The first step of an engine is slow, which tells nothing about the run.
            now += runs++ === 0 ? 9000 : 1000 * seconds!;
            const scalar = { dtype: 'float32', dims: [], values: Float32Array.of(1) } as const;
            return new Map([
              [outputNames.loss, scalar],
              [outputNames.gradientNorm, scalar],
            ]);
          },
          dispose: async () => {},
        };
      },
      writeStates: async () => {},
      readStates: async () => new Map(),
      async dispose() {
        open.delete(kind);
        if (fails === 'dispose') fail(kind);
      },
    };
  };
  return { openEngine, open, opened };
}

describe('auto', () => {
  test.each<[EngineKind, Partial<Record<EngineKind, Behaviour>>]>([
    ['webgpu', { cpu: { seconds: 2 }, webgpu: { seconds: 0.5 }, cuda: { seconds: 1 } }],
    ['cuda', { cpu: { seconds: 2 }, webgpu: { seconds: 0.5 }, cuda: { seconds: 0.25 } }],
    ['cpu', { cpu: { seconds: 0.1 }, webgpu: { seconds: 0.5 } }],
    ['cpu', { cpu: { seconds: 3 } }],
  ])('takes the fastest, here %s, of %o, and closes the others', async (kind, behaviours) => {
    const { openEngine, open } = engines(behaviours);
    const chosen = await chooseEngine('auto', recipe, programs, openEngine);
    expect(chosen).toMatchObject({ kind, executor: { device: kind } });
    expect([...open]).toEqual([kind]);
    const timed = chosen.trials.filter(({ stepSeconds }) => stepSeconds !== undefined);
    expect(Object.fromEntries(timed.map((trial) => [trial.kind, { seconds: trial.stepSeconds }]))).toEqual(behaviours);
  });

  test('says why', async () => {
    const { openEngine } = engines({ cpu: { seconds: 2 }, webgpu: { seconds: 0.5 }, cuda: { fails: 'open' } });
    const { reason, trials } = await chooseEngine('auto', recipe, programs, openEngine);
    expect(reason).toBe("a step takes 0.500 s; cuda can't run here, tfjs-node-gpu can't run here, cpu 2.000 s");
    expect(trials.find(({ kind }) => kind === 'cuda')).toEqual({ kind: 'cuda', problem: 'no cuda here' });
  });

  test.each(['open', 'prepare', 'run'] as const)('goes on where an engine fails to %s', async (fails) => {
    const { openEngine, open } = engines({ cuda: { fails }, webgpu: { seconds: 1 }, cpu: { fails } });
    expect((await chooseEngine('auto', recipe, programs, openEngine)).kind).toBe('webgpu');
    expect([...open]).toEqual(['webgpu']);
  });

  test('goes on where an engine fails to close', async () => {
    const { openEngine } = engines({
      cuda: { fails: 'dispose', seconds: 2 },
      webgpu: { seconds: 1 },
      cpu: { seconds: 3 },
    });
    const chosen = await chooseEngine('auto', recipe, programs, openEngine);
    expect(chosen.kind).toBe('webgpu');
    expect(chosen.executor.device).toBe('webgpu');
  });

  test('refuses where none runs, with what each says', async () => {
    const { openEngine, open } = engines({ webgpu: { fails: 'run' } });
    await expect(chooseEngine('auto', recipe, programs, openEngine)).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringMatching(
        /^no engine runs here:\n {2}cuda: no cuda here\n {2}webgpu: no webgpu here\n(.*\n)* {2}cpu: /,
      ),
    });
    expect(open.size).toBe(0);
  });
});

describe('an engine by its name', () => {
  test('is opened without a trial', async () => {
    const { openEngine, opened } = engines({ 'tfjs-cpu': { seconds: 1 } });
    expect(await chooseEngine('tfjs-cpu', recipe, programs, openEngine)).toMatchObject({
      kind: 'tfjs-cpu',
      trials: [],
    });
    expect(opened).toEqual(['tfjs-cpu']);
  });

  test('is refused where it is missing, without another in its place', async () => {
    const { openEngine, opened } = engines({ cpu: { seconds: 1 } });
    await expect(chooseEngine('cuda', recipe, programs, openEngine)).rejects.toMatchObject({
      code: 'engine-unavailable',
    });
    expect(opened).toEqual(['cuda']);
  });

  test('is refused where there is none of the name', async () => {
    const { openEngine, opened } = engines({ cpu: { seconds: 1 } });
    await expect(chooseEngine('gpu' as never, recipe, programs, openEngine)).rejects.toMatchObject({
      code: 'bad-usage',
      message: expect.stringMatching(/^no engine "gpu": auto, cpu, webgpu, cuda/),
    });
    expect(opened).toEqual([]);
  });
});
