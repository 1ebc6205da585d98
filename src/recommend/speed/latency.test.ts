import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryShape } from '../../../tests/arbitrary-shape.js';
import { findHardware } from '../../flops/hardware.js';
import { presetShape } from '../../flops/presets/index.js';
import { llamaShape, type Shape, t5Shape } from '../../flops/shape.js';
import { gemstonesDevice } from './gemstones.js';
import { type ServingSetting, servingTime } from './latency.js';

const preset = (name: string): Shape => presetShape(name)!;

/** A machine so fast at products that memory bounds all. */
const device = { batch: 1, peakFlops: 1e30, memoryBandwidth: 1e9, mfu: [0.2, 0.4] as const };
const one = llamaShape('one', { layers: 2, dModel: 8, dFf: 16, heads: 2, vocab: 10 });
const lengths = { encoderTokens: 0, decoderTokens: 9 };
/** Two layers of 4*64 + 3*128 weights and two norms, the last norm and the output projection; the embedding is only looked up in. */
const weights = 2 * (256 + 384 + 16) + 8 + 80;
const kernels = 2 * 16;

describe('serving', () => {
  test('of a token reads the weights and the cache once, a launch for each kernel at the slow end', () => {
    const { interval } = servingTime(one, { ...device, lengths }).token.seconds;
    const bytes = 2 * weights + 2 * 2 * 2 * 8 * 9;
    expect(interval[0]).toBeCloseTo(bytes / 1e9, 15);
    expect(interval[1]).toBeCloseTo((2 * bytes) / 1e9 + kernels * 6e-6, 15);
  });

  test('of a token takes its products where they take longer', () => {
    const setting = { ...device, lengths, batch: 4, peakFlops: 1e3, memoryBandwidth: 1e30 };
    const { seconds, parts } = servingTime(one, setting).token;
    // 2 FLOPs for each weight of a product, 4 for each of 9 tokens and 8 of width a layer.
    const flops = 4 * (2 * (2 * (256 + 384) + 80) + 2 * 4 * 9 * 8);
    expect(seconds.interval[0]).toBeCloseTo(flops / 400, 9);
    expect(seconds.interval[1]).toBeCloseTo(flops / 200 + kernels * 6e-6, 9);
    expect(parts.memory).toBe(0);
  });

  test('of a sequence reads them for each generated token, the cache half full, and a prompt in one pass', () => {
    const cache = (tokens: number) => 2 * 2 * 2 * 8 * tokens;
    const all = servingTime(one, { ...device, lengths });
    expect(all.sequence.seconds.interval[0]).toBeCloseTo((9 * (2 * weights + cache(5))) / 1e9, 15);
    const prompted = servingTime(one, { ...device, lengths, promptTokens: 4 });
    const bytes = 2 * weights + cache(4) + 5 * (2 * weights + cache(7));
    expect(prompted.sequence.seconds.interval[0]).toBeCloseTo(bytes / 1e9, 15);
    expect(prompted.tokensPerSecond[1]).toBeCloseTo(5 / prompted.sequence.seconds.interval[0], 9);
    expect(prompted.tokensPerSecond[0]).toBeCloseTo(5 / prompted.sequence.seconds.interval[1], 9);
  });

  test('of a prompt takes the products of all its tokens', () => {
    const setting = { ...device, lengths, peakFlops: 1e3, memoryBandwidth: 1e30 };
    const [none, some] = [0, 4].map((promptTokens) => servingTime(one, { ...setting, promptTokens }).sequence);
    // Read or generated, nine tokens have the same products; a pass for each has launches of its own, a pass for four has them once.
    expect(some!.seconds.interval[0] / none!.seconds.interval[0]).toBeCloseTo(1, 12);
    expect(none!.seconds.interval[1] - some!.seconds.interval[1]).toBeCloseTo(3 * kernels * 6e-6, 9);
  });

  test('weights of one byte take half the time to read', () => {
    const [wide, narrow] = [2, 1].map(
      (weightBytes) => servingTime(one, { ...device, lengths, weightBytes }).token.seconds,
    );
    expect(wide!.interval[0] - narrow!.interval[0]).toBeCloseTo(weights / 1e9, 15);
  });

  test('of an encoder-decoder passes through the encoder once', () => {
    const shape = t5Shape('t5', {
      encoderLayers: 3,
      decoderLayers: 1,
      dModel: 8,
      dFf: 16,
      dKv: 4,
      heads: 2,
      vocab: 10,
    });
    const [short, long] = [1, 2].map((decoderTokens) =>
      servingTime(shape, { ...device, lengths: { encoderTokens: 7, decoderTokens } }),
    );
    const encoder = 3 * (256 + 256);
    // Attention of the decoder and across, feed-forward, the projection, all norms, and two tables of positions.
    const decoder = 512 + 256 + 80 + 8 * (3 * 2 + 1 + 3 + 1) + 2 * 32 * 2;
    const cache = (tokens: number) => 2 * 2 * 8 * (7 + tokens);
    expect(short!.sequence.seconds.interval[0]).toBeCloseTo((2 * (encoder + decoder) + cache(1)) / 1e9, 15);
    expect(long!.sequence.seconds.interval[0]).toBeCloseTo((2 * (encoder + 2 * decoder) + 2 * cache(2)) / 1e9, 15);
    // 3 layers of 14 kernels once, 1 of 23 for each token.
    const launches = long!.sequence.seconds.interval[1] - 2 * long!.sequence.seconds.interval[0];
    expect(launches).toBeCloseTo((3 * 14 + 2 * 23) * 6e-6, 12);
  });

  test('of T5-small, by hand', () => {
    const { sequence, token } = servingTime(preset('t5-small'), {
      ...device,
      lengths: { encoderTokens: 512, decoderTokens: 114 },
    });
    // 6 layers of 4 d^2 + 2 d dFf; the other of its 60,506,624 parameters are read for each token, the tied embedding to project.
    const encoder = 6 * (4 * 512 ** 2 + 2 * 512 * 2048);
    const decoder = 60_506_624 - encoder;
    // Keys and values of 512 in 6 layers, 2 bytes each: of the encoder's tokens, and of 58 of 114 on average.
    const cache = (tokens: number) => 2 * 2 * 6 * 512 * (512 + tokens);
    expect(token.seconds.interval[0]).toBeCloseTo((2 * decoder + cache(114)) / 1e9, 12);
    expect(sequence.seconds.interval[0]).toBeCloseTo((2 * encoder + 114 * (2 * decoder + cache(58))) / 1e9, 9);
    // Half the bandwidth, and 6 layers of 14 and 23 kernels.
    const slow = 2 * sequence.seconds.interval[0] + 6 * (14 + 114 * 23) * 6e-6;
    expect(sequence.seconds.interval[1]).toBeCloseTo(slow, 9);
  });

  test('of an encoder is one pass over all tokens', () => {
    const { token, sequence, tokensPerSecond } = servingTime(preset('bert-base-uncased'), {
      ...device,
      lengths: { encoderTokens: 128, decoderTokens: 0 },
      batch: 3,
    });
    expect(sequence.seconds.interval[0] / token.seconds.interval[0]).toBeCloseTo(128, 9);
    expect(tokensPerSecond[1] * sequence.seconds.interval[0]).toBeCloseTo(3 * 128, 9);
  });
});

/** Tokens a second, one sequence at a time, a prompt of 5: github.com/pytorch-labs/gpt-fast, README. */
describe('measured by gpt-fast', () => {
  const a100 = findHardware('A100');
  const serve = (name: string, weightBytes: number, hardware: Pick<ServingSetting, 'peakFlops' | 'memoryBandwidth'>) =>
    servingTime(preset(name), {
      ...{ lengths: { encoderTokens: 0, decoderTokens: 205 }, batch: 1, mfu: [0.213, 0.462], promptTokens: 5 },
      ...{ ...hardware, weightBytes },
    }).tokensPerSecond;
  const onA100 = { peakFlops: a100.peakFlops.bf16!, memoryBandwidth: a100.memoryBandwidth };

  test.each([
    ['llama-2-7b', 2, onA100, 104.9],
    ['llama-2-7b', 1, onA100, 155.58],
    ['llama-2-70b', 1, onA100, 19.13],
    ['mixtral-8x7b', 1, onA100, 97.92],
    ['llama-2-7b', 2, gemstonesDevice, 76.33],
    ['llama-2-7b', 1, gemstonesDevice, 101.86],
  ] as const)('%s with weights of %i bytes', (name, bytes, hardware, measured) => {
    const [low, high] = serve(name, bytes, hardware);
    expect(low).toBeLessThan(measured);
    expect(measured).toBeLessThan(high);
    // An interval that holds anything says nothing.
    expect(high / low).toBeLessThan(4);
  });
});

test('serving of any shape: parts sum to the value within its interval; layers and sequences take time', () => {
  const options = fc.record({
    lengths: fc.record({
      encoderTokens: fc.integer({ min: 1, max: 64 }),
      decoderTokens: fc.integer({ min: 1, max: 64 }),
    }),
    batch: fc.integer({ min: 1, max: 64 }),
    peakFlops: fc.double({ min: 1e6, max: 1e15, noNaN: true }),
    memoryBandwidth: fc.double({ min: 1e6, max: 1e13, noNaN: true }),
    mfu: fc.constant([0.213, 0.462] as const),
  });
  fc.assert(
    fc.property(arbitraryShape, options, (shape, setting) => {
      const served = servingTime(shape, setting);
      for (const { seconds, parts } of [served.token, served.sequence]) {
        expect(Object.values(parts).reduce((sum, part) => sum + part) / seconds.value).toBeCloseTo(1, 12);
        expect(Math.min(...Object.values(parts))).toBeGreaterThanOrEqual(0);
        expect(seconds.interval[0]).toBeLessThanOrEqual(seconds.value);
        expect(seconds.value).toBeLessThanOrEqual(seconds.interval[1]);
      }
      const taller = { ...shape, encoderLayers: 2 * shape.encoderLayers, decoderLayers: 2 * shape.decoderLayers };
      const more = servingTime(shape, { ...setting, batch: 2 * setting.batch });
      for (const end of [0, 1] as const) {
        const now = served.sequence.seconds.interval[end];
        expect(servingTime(taller, setting).sequence.seconds.interval[end]).toBeGreaterThan(now);
        expect(more.sequence.seconds.interval[end]).toBeGreaterThanOrEqual(now);
      }
    }),
  );
});

test.each([
  [{ batch: 0 }, 'batch must be positive, not 0'],
  [{ peakFlops: -1 }, 'peakFlops must be positive, not -1'],
  [{ memoryBandwidth: Number.NaN }, 'memoryBandwidth must be positive, not NaN'],
  [{ weightBytes: 0 }, 'weightBytes must be positive, not 0'],
  [{ mfu: [0.4, 0.2] }, 'MFU must be a range'],
  [{ promptTokens: 9 }, 'a prompt must be a whole number of tokens below the 9 of the decoder, not 9'],
  [{ promptTokens: 1.5 }, 'not 1.5'],
  [{ lengths: { encoderTokens: 0, decoderTokens: 0 } }, 'decoder tokens must be a positive integer, not 0'],
] as const)('serving refuses %j', (change, message) => {
  expect(() => servingTime(one, { ...device, lengths, ...change })).toThrow(
    expect.objectContaining({ code: 'bad-usage', message: expect.stringContaining(message) }),
  );
});
