import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseInlineShape } from '../src/flops/index.js';
import { completeRecipe, recipeId } from '../src/train/index.js';
import { shapelaw } from './cli-harness.js';

const folder = mkdtempSync(join(tmpdir(), 'shapelaw-train-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const tiny = 'enc=1,dec=1,d=16,ff=32,kv=8,h=2';
const text = Array.from({ length: 200 }, (_, k) =>
  JSON.stringify({ text: `number ${k} is followed by ${k + 1}. `.repeat(4) }),
);
writeFileSync(at('corpus.jsonl'), text.join('\n'));
writeFileSync(at('empty.jsonl'), '');
writeFileSync(at('blank.txt'), ' \n\n ');
writeFileSync(at('notes.md'), 'text');
writeFileSync(at('bad.json'), '{"model_type":"mamba"}');
writeFileSync(at('tokenizer.json'), '{}');
for (const name of ['alien', 'empty', 'run']) mkdirSync(at(name));
writeFileSync(at('alien/config.json'), '{"model_type":"t5"}');
const recipe = completeRecipe({
  shape: parseInlineShape(`${tiny},vocab=384`),
  tokens: 1e4,
  corpus: [at('corpus.jsonl')],
});
writeFileSync(at('run/config.json'), JSON.stringify({ runId: recipeId(recipe), recipe, validationHash: 'another' }));

/** The arguments of a run that would work, but for the engine's thread, which only the built package has. */
const good = (...more: string[]) => [
  'train',
  tiny,
  '--tokens',
  '10k',
  '--corpus',
  at('corpus.jsonl'),
  '--encoder-tokens',
  '32',
  '--batch',
  '4',
  '--out',
  at('out'),
  ...more,
];

async function expectRefusal(args: readonly string[], code: string, message: RegExp): Promise<void> {
  const { code: exit, out, err } = await shapelaw(args);
  expect({ exit, out }).toEqual({ exit: 2, out: '' });
  expect(err).toMatch(/^\[[a-z-]+\] /);
  expect(err.slice(1, err.indexOf(']'))).toBe(code);
  expect(err).toMatch(message);
  expect(readdirSync(folder)).not.toContain('out');
}

describe('train --help', () => {
  test('has an example, and every option says its default', async () => {
    const { code, out, err } = await shapelaw(['train', '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/Usage: shapelaw train \[options\] \[shape\]/);
    expect(out).toContain('Example:\n  shapelaw train enc=2');
    const described = out
      .replaceAll(/\n {20,}/g, ' ')
      .split('\n')
      .filter((line) => /^ {2}--/.test(line));
    expect(described.length).toBeGreaterThan(25);
    const silent = described.filter((line) => !/default:/.test(line)).map((line) => /--[a-z-]+/.exec(line)![0]);
    expect(silent.sort()).toEqual(['--json', '--recompute', '--resume', '--time', '--tokens']);
  });
});

describe('train refuses', () => {
  const cases: [string, readonly string[], string, RegExp][] = [
    ['no shape', ['train', '--tokens', '1M'], 'bad-usage', /a shape is missing; see shapelaw train --help/],
    ['no tokens', ['train', tiny], 'bad-usage', /give the tokens to train on, as in --tokens 2M/],
    ['two shapes', ['train', tiny, tiny, '--tokens', '1M'], 'bad-usage', /too many arguments/],
    ['an unknown option', good('--epochs', '3'), 'bad-usage', /unknown option '--epochs'\nSee: shapelaw train --help/],
    ['tokens in no unit', good('--tokens', '10Q'), 'bad-quantity', /10Q/],
    ['tokens with a gap', good('--tokens', '1M,,2M'), 'bad-quantity', /tokens/],
    ['no number of tokens', good('--tokens', ''), 'bad-quantity', /tokens/],
    ['tokens below 0', good('--tokens=-5M'), 'bad-quantity', /-5M/],
    ['tokens of 0', good('--tokens', '0'), 'bad-quantity', /tokens/],
    [
      'a time without a unit',
      good('--time', '90'),
      'bad-usage',
      /--time <time>.* It must be a time such as 90s, 10m or 2h/,
    ],
    ['a time in weeks', good('--time', '2w'), 'bad-usage', /must be a time/],
    ['no time', good('--time', '0s'), 'bad-usage', /must be a time/],
    ['a time below 0', good('--time=-5m'), 'bad-usage', /must be a time/],
    ['a batch of 0', good('--batch', '0'), 'bad-usage', /positive integer/],
    ['half a batch', good('--batch', '1.5'), 'bad-usage', /positive integer/],
    ['half a pass', good('--accumulate', '0.5'), 'bad-usage', /positive integer/],
    ['a seed below 0', good('--seed=-1'), 'bad-usage', /whole number/],
    ['a dropout of 1', good('--dropout', '1'), 'bad-usage', /from 0, below 1/],
    ['no dropout', good('--dropout', ''), 'bad-usage', /from 0, below 1/],
    ['a density of 0', good('--density', '0'), 'bad-usage', /text removed/],
    ['a mean span below 1', good('--mean-span', '0.5'), 'bad-usage', /mean span/],
    ['few encoder tokens', good('--encoder-tokens', '8'), 'bad-usage', /encoderTokens/],
    ['a rate of 0', good('--learning-rate', '0'), 'bad-usage', /positive number/],
    ['a weight decay below 0', good('--weight-decay=-1'), 'bad-usage', /at least 0/],
    ['a cool-down of all steps', good('--cooldown', '1'), 'bad-usage', /below 1/],
    ['an unknown optimizer', good('--optimizer', 'sgd'), 'bad-usage', /Allowed choices are adafactor, adamw/],
    [
      'an unknown schedule',
      good('--schedule', 'linear'),
      'bad-usage',
      /Allowed choices are constant, inverse-sqrt, cosine/,
    ],
    ['an unknown precision', good('--precision', 'fp8'), 'bad-usage', /Allowed choices are fp32, fp16/],
    ['few evaluations', good('--evaluations', '4'), 'bad-usage', /evaluations/],
    ['too many threads', good('--threads', '10000'), 'bad-usage', /threads must be a whole number from 1 to \d+/],
    ['more tokens than can be counted', good('--tokens', '1e30'), 'bad-usage', /more examples than can be counted/],
    [
      'blank text',
      good().map((arg) => (arg === at('corpus.jsonl') ? at('blank.txt') : arg)),
      'bad-corpus',
      /training text has 0 tokens and its held-out text 0, and one batch takes \d+ .*a smaller --batch/,
    ],
    ['no threads', good('--threads', '0'), 'bad-usage', /positive integer/],
    ['an unknown engine', good('--engine', 'abacus'), 'bad-usage', /no engine "abacus": auto, cpu, webgpu, cuda/],
    [
      'several budgets with cosine',
      good('--tokens', '1M,2M', '--schedule', 'cosine'),
      'bad-usage',
      /need the schedule constant/,
    ],
    [
      'an unknown shape',
      ['train', 't5-bass', '--tokens', '1M'],
      'unknown-shape',
      /no shape named "t5-bass"; did you mean t5-base/,
    ],
    ['dimensions with a gap', ['train', 'enc=1,dec=1', '--tokens', '1M'], 'bad-shape', /missing/],
    [
      'a decoder',
      ['train', 'layers=2,d=16,ff=32,h=2', '--tokens', '1M'],
      'unsupported-config',
      /is not a T5: kind is "decoder"/,
    ],
    ['a configuration of another model', ['train', at('bad.json'), '--tokens', '1M'], 'unsupported-config', /mamba/],
    [
      'a vocabulary smaller than the tokenizer',
      good().with(1, `${tiny},vocab=100`),
      'bad-tokenizer',
      /384 ids and the model's vocabulary 100/,
    ],
    ['a missing corpus', good('--corpus', at('none.txt')), 'unreadable', /none\.txt/],
    ['an empty corpus', good('--corpus', at('empty.jsonl')), 'bad-corpus', /is empty/],
    ['a folder without text', good('--corpus', at('empty')), 'bad-corpus', /holds no file/],
    ['a corpus of another format', good('--corpus', at('notes.md')), 'bad-corpus', /name it \.txt/],
    ['a field that is not there', good('--text-field', 'body'), 'bad-corpus', /no text in its field "body"/],
    ['a corpus smaller than a batch', good('--batch', '4096'), 'bad-corpus', /smaller --batch/],
    ['a missing tokenizer', good('--tokenizer', at('none.json')), 'unreadable', /none\.json/],
    ['a file that is no tokenizer', good('--tokenizer', at('tokenizer.json')), 'bad-tokenizer', /tokenizer\.json/],
    [
      'a directory with something else',
      good('--out', at('alien')),
      'bad-run-directory',
      /config\.json: is not the configuration of a run/,
    ],
    ['a file as its directory', good('--out', at('notes.md')), 'bad-run-directory', /notes\.md/],
    [
      'a model beyond all memory',
      ['train', 'enc=8,dec=8,d=65536,ff=262144,kv=128,h=512', '--tokens', '1G', '--corpus', at('corpus.jsonl')],
      'out-of-memory',
      /needs about [\d,.]+ GB of memory and [\d.]+ GB are free/,
    ],
  ];
  test.each(cases)('%s', async (_, args, code, message) => {
    await expectRefusal(args, code, message);
  });
});

describe('train --resume refuses', () => {
  const cases: [string, readonly string[], string, RegExp][] = [
    ['a shape beside it', [tiny, '--resume', at('run')], 'bad-usage', /leave the shape enc=1,.* out/],
    [
      'a directory that is not there',
      ['--resume', at('none')],
      'bad-run-directory',
      /none holds no run: it has no config\.json/,
    ],
    ['an empty directory', ['--resume', at('empty')], 'bad-run-directory', /empty holds no run/],
    [
      'a directory of something else',
      ['--resume', at('alien')],
      'bad-run-directory',
      /is not the configuration of a run/,
    ],
    [
      'a run on text that has changed',
      ['--resume', at('run')],
      'bad-run-directory',
      /the corpus or the tokenizer's file has changed/,
    ],
  ];
  test.each(cases)('%s', async (_, args, code, message) => {
    await expectRefusal(['train', ...args], code, message);
  });

  test.each([
    ['--tokens', '1M'],
    ['--corpus', 'corpus.jsonl'],
    ['--text-field', 'text'],
    ['--tokenizer', 'bytes'],
    ['--encoder-tokens', '32'],
    ['--density', '0.2'],
    ['--mean-span', '2'],
    ['--batch', '4'],
    ['--accumulate', '2'],
    ['--seed', '0'],
    ['--optimizer', 'adamw'],
    ['--weight-decay', '0'],
    ['--schedule', 'cosine'],
    ['--learning-rate', '1'],
    ['--warmup', '0'],
    ['--cooldown', '0'],
    ['--clip-norm', '1'],
    ['--dropout', '0'],
    ['--precision', 'fp32'],
    ['--evaluations', '5'],
    ['--validation-examples', '8'],
    ['--validation-fraction', '0.1'],
    ['--out', 'elsewhere'],
    ['--recompute'],
  ])('%s beside it', async (option, ...value) => {
    await expectRefusal(
      ['train', '--resume', at('run'), option, ...value],
      'bad-usage',
      new RegExp(`--resume takes the run from its directory: leave ${option} out`),
    );
  });
});
