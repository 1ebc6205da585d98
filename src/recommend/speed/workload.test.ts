import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryShape } from '../../../tests/arbitrary-shape.js';
import { countFlops } from '../../flops/flops.js';
import { llamaShape, t5Shape } from '../../flops/shape.js';
import { workloadNames, workloadOf } from './workload.js';

describe('work of a step', () => {
  test('of a decoder layer, by hand', () => {
    const shape = llamaShape('one', { layers: 1, dModel: 8, dFf: 24, heads: 4, kvHeads: 2, vocab: 10 });
    const { activationBytes, outputBytes, flops, parameters } = workloadOf(
      shape,
      { encoderTokens: 0, decoderTokens: 5 },
      3,
    );
    // Of each token 2 bytes of: attention's input, queries and output's input (3 d), keys and values of 2 heads of 2; the feed-forward's input
    // and four of dFf; the inputs of two norms. Korthikanti et al. 2022, section 4.1, without masks, the attention core computed again.
    expect(activationBytes).toBe(3 * 5 * 2 * (3 * 8 + 2 * 2 * 2 + (8 + 4 * 24) + 2 * 8));
    // Inputs of the last norm and of the projection, and logits of 4 bytes.
    expect(outputBytes).toBe(3 * 5 * (2 * 2 * 8 + 4 * 10));
    const weights = 2 * 8 * 8 + 2 * 8 * 4 + 3 * 8 * 24;
    expect(flops).toBe(3 * 5 * (6 * (weights + 10 * 8) + 12 * 5 * 8));
    expect(parameters).toBe(weights + 3 * 8 + 2 * 80);
  });

  test('of a layer of each T5 stack, by hand', () => {
    const shape = t5Shape('two', {
      ...{ encoderLayers: 1, decoderLayers: 1, dModel: 8, dFf: 32, dKv: 3, heads: 2, vocab: 10 },
    });
    const [encoder, decoder] = [7, 5];
    const { activationBytes, outputBytes, flops } = workloadOf(
      shape,
      { encoderTokens: encoder, decoderTokens: decoder },
      2,
    );
    const attention = 8 + 4 * 6;
    const feedForward = 8 + 2 * 32;
    // Cross-attention keeps input, queries and output's input of the decoder, keys and values of the encoder, and the encoder's output.
    const cross = decoder * (8 + 2 * 6) + encoder * (2 * 6 + 8);
    const norms = 8 * (2 * encoder + 3 * decoder);
    expect(activationBytes).toBe(2 * 2 * ((encoder + decoder) * (attention + feedForward) + cross + norms));
    expect(outputBytes).toBe(2 * decoder * (2 * 2 * 8 + 4 * 10));
    const projections = encoder * (4 * 48 + 2 * 256) + decoder * (4 * 48 + 2 * 48 + 2 * 256 + 80) + encoder * 2 * 48;
    const scores = 2 * 6 * (encoder ** 2 + decoder ** 2 + encoder * decoder);
    expect(flops).toBe(2 * 3 * 2 * (projections + scores));
  });

  test('goes with the sequences, parameters apart, and is that of countFlops', () => {
    const tokens = fc.integer({ min: 1, max: 64 });
    fc.assert(
      fc.property(
        arbitraryShape,
        tokens,
        tokens,
        fc.double({ min: 0.01, max: 1e4, noNaN: true }),
        (shape, encoderTokens, decoderTokens, sequences) => {
          const lengths = { encoderTokens, decoderTokens };
          const [one, many] = [workloadOf(shape, lengths, 1), workloadOf(shape, lengths, sequences)];
          expect(one.flops).toBe(countFlops(shape, lengths).training);
          for (const name of workloadNames) {
            const times = name === 'parameters' ? 1 : sequences;
            expect(Math.abs(many[name] - times * one[name])).toBeLessThanOrEqual(1e-12 * many[name]);
          }
        },
      ),
    );
  });
});
