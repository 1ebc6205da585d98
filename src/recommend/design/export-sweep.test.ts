import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shapeFromHuggingFace } from '../../flops/huggingface.js';
import { countParameters } from '../../flops/parameters.js';
import { presetShape } from '../../flops/presets/index.js';
import { parseRunTable } from '../../runs/index.js';
import { expandSweep } from './expand-sweep.js';
import { exportSweep, type SweepExportFormat } from './export-sweep.js';
import type { Sweep } from './sweep-schema.js';

const small = 'enc=2,dec=2,d=128,ff=512,kv=32,h=4';
const sweep: Sweep = {
  format: 'shapelaw-sweep/1',
  shapes: [{ shape: small }, { shape: 't5-efficient-tiny' }, { shape: 't5-v1.1-small', tokens: [4e6], seeds: [7] }],
  tokens: [2e6, 1e6],
  seeds: [0, 1],
};
const text = (path: string, of: Sweep, format: SweepExportFormat) =>
  exportSweep(of, format).find((file) => file.path === path)!.text;
/** The table, read as its reader would, with a loss for each row. */
async function table(of: Sweep, format: SweepExportFormat) {
  const [header, ...lines] = text('runs.csv', of, format).trim().split('\n');
  const csv = [`${header},loss`, ...lines.map((line) => `${line},3`)].join('\n');
  return parseRunTable(new TextEncoder().encode(csv), 'runs.csv');
}

describe('a sweep as configurations of transformers', () => {
  test('has one of each shape, whose parameters counted again are those of its runs', () => {
    const files = exportSweep(sweep, 'hf-config');
    expect(files.map(({ path }) => path)).toEqual([
      'runs.csv',
      'shapes/enc2-dec2-d128-ff512-kv32-h4-vocab384/config.json',
      'shapes/t5-efficient-tiny/config.json',
      'shapes/t5-v1.1-small/config.json',
    ]);
    const counts = new Set(expandSweep(sweep).map(({ params }) => params));
    const again = files.slice(1).map((file) => countParameters(shapeFromHuggingFace(JSON.parse(file.text), 'x')).total);
    expect(again).toEqual([...counts]);
    expect(JSON.parse(files[1]!.text)).toMatchObject({ model_type: 't5', dropout_rate: 0 });
    expect(JSON.parse(text('shapes/t5-v1.1-small/config.json', { ...sweep, dropout: 0.1 }, 'hf-config'))).toMatchObject(
      { dropout_rate: 0.1 },
    );
  });

  test('the table names each run, its configuration and its setting', () => {
    const [header, first, ...others] = text('runs.csv', sweep, 'hf-config').trim().split('\n');
    expect(others).toHaveLength(8);
    // docs/training.md prints this run: 968,448 parameters, 796 steps of 2,512 tokens and 8.08e9 FLOPs; its recipe's defaults.
    expect(header).toBe(
      'runId,config,shape,params,paramsConvention,tokens,tokensConvention,tokenBudget,steps,flops,flopsConvention,seed,' +
        'encoderLayers,decoderLayers,dModel,dFf,dKv,heads,kvHeads,vocab,feedForward,tiedEmbeddings,' +
        'encoderTokens,decoderTokens,density,meanSpan,batch,accumulate,optimizer,weightDecay,clipNorm,schedule,learningRate,' +
        'warmupSteps,warmup,cooldown,dropout,precision,recompute,evaluations,validationExamples,validationFraction,tokenizer,corpus,textField',
    );
    const name = 'enc2-dec2-d128-ff512-kv32-h4-vocab384';
    const { flops } = expandSweep(sweep)[0]!;
    expect(first).toBe(
      `${name}-steps796-seed0,shapes/${name}/config.json,"${small},vocab=384",968448,total,1999552,encoder+decoder,2000000,796,${flops},exact,0,` +
        '2,2,128,512,32,4,4,384,plain,true,128,29,0.15,3,16,1,adafactor,0,,constant,0.01,40,none,0.2,0,fp32,false,10,256,0.05,bytes,sotu,text',
    );
  });

  test('with a column of losses the table fits as it is', async () => {
    const { rows, conventions, layout } = await table(sweep, 'hf-config');
    expect(layout).toBe('own');
    expect(conventions).toMatchObject({
      params: 'total',
      flops: 'exact',
      tokens: 'encoder+decoder',
      tokenizer: 'bytes',
    });
    expect(rows.map(({ params, flops, seed }) => ({ params, flops, seed }))).toEqual(
      expandSweep(sweep).map(({ params, flops, seed }) => ({ params, flops, seed })),
    );
    expect(rows.at(-1)).toMatchObject({ runId: 't5-v1.1-small-steps1592-seed7', schedule: 'constant', dModel: 512 });
  });
});

describe('a sweep as gin files of T5X', () => {
  test('has one of each run, with its steps, batch and rate', () => {
    const one: Sweep = {
      ...sweep,
      batch: 8,
      accumulate: 4,
      schedule: 'inverse-sqrt',
      learningRate: 0.02,
      dropout: 0.1,
    };
    const files = exportSweep(one, 't5x-gin');
    expect(files).toHaveLength(1 + expandSweep(one).length);
    const { path, text: gin } = files[1]!;
    expect(path).toBe('runs/enc2-dec2-d128-ff512-kv32-h4-vocab384-steps398-seed0.gin');
    for (const line of [
      'TRAIN_STEPS = 398',
      '  batch_size = 32',
      "TASK_FEATURE_LENGTHS = {'inputs': 128, 'targets': 29}",
      '  vocab_size = 384',
      '  base_learning_rate = 2.0',
    ])
      expect(gin.split('\n')).toContain(line);
    expect(gin).toMatch(
      /^# Run enc2-.*-steps398-seed0 of a sweep; runs\.csv has all of its setting\.\n# Not in this file: seed 0;/,
    );
    // T5's schedule is T5X's.
    expect(gin).not.toContain("The sweep's schedule");
    expect(gin.trim().split('\n').at(-1)).toBe('DROPOUT_RATE = 0.1');
    expect(gin.indexOf('DROPOUT_RATE = 0.0')).toBeGreaterThan(0);
  });

  test('says where its schedule is not that of the sweep', () => {
    const [, first] = exportSweep(sweep, 't5x-gin');
    expect(first!.text).toMatch(
      /# The sweep's schedule is constant: peak 0\.01, cooled down linearly over the last 0\.2 of the steps\./,
    );
    const [, other] = exportSweep({ ...sweep, optimizer: 'adamw', schedule: 'cosine' }, 't5x-gin');
    expect(other!.text).toMatch(/schedule is cosine: peak 0\.001, reached over 40 steps/);
    expect(text('runs.csv', { ...sweep, optimizer: 'adamw', schedule: 'cosine' }, 't5x-gin')).toContain(
      ',adamw,0,,cosine,0.001,40,linear,0,',
    );
  });

  test('what T5X can not hold is refused with the name of the run', () => {
    expect(() => exportSweep({ ...sweep, precision: 'fp16' }, 't5x-gin')).toThrow(
      expect.objectContaining({
        code: 'unsupported-config',
        message: expect.stringMatching(/^run enc2-.*-steps796-seed0: .*precision "mixed-fp16"/),
        details: expect.objectContaining({ run: expect.any(String), field: 'precision' }),
      }),
    );
    const shape = { ...presetShape('t5-small')!, name: 'odd', kvHeads: 4 };
    for (const format of ['hf-config', 't5x-gin'] as const) {
      expect(() => exportSweep({ ...sweep, shapes: [{ shape }] }, format)).toThrow(
        /^run odd-steps\d+-seed0: odd: .*kvHeads/,
      );
    }
    expect(() => exportSweep(sweep, 'nemo' as 'hf-config')).toThrow(expect.objectContaining({ code: 'bad-usage' }));
    expect(() => exportSweep({ format: 'shapelaw-sweep/1' }, 'hf-config')).toThrow(
      expect.objectContaining({ code: 'bad-sweep' }),
    );
  });
});

test('paths are unique, whatever the shapes are called, and the table leads to each', () => {
  const tiny = presetShape('t5-efficient-tiny')!;
  const name = fc.oneof(
    fc.constantFrom('a', 'A', 'a-2', 'a/b', 'a b', '..', 'ä', 'x'.repeat(200), 'a-steps1-seed0', 'con,"q"'),
    fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme-ascii' }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.record({ name, dFf: fc.integer({ min: 1, max: 3 }) }), { minLength: 1, maxLength: 6 }),
      fc.constantFrom<SweepExportFormat[]>('hf-config', 't5x-gin'),
      (entries, format) => {
        const shapes = entries.map((fields) => ({ shape: { ...tiny, ...fields } }));
        const files = exportSweep({ ...sweep, shapes }, format);
        const paths = files.map(({ path }) => path.toLowerCase());
        expect(new Set(paths).size).toBe(paths.length);
        for (const path of paths) {
          expect(path).toMatch(/^(runs\.csv|shapes\/[a-z0-9.-]+\/config\.json|runs\/[a-z0-9.-]+\.gin)$/);
          for (const part of path.split('/')) {
            expect(part.length).toBeLessThan(200);
            expect(['.', '..']).not.toContain(part);
          }
        }
        for (const { path } of files.slice(1)) expect(files[0]!.text).toContain(`,${path},`);
      },
    ),
    { numRuns: 60 },
  );
});
