import { describe, expect, test } from 'vitest';
import { countParameters } from '../../flops/parameters.js';
import { gemstonesShape } from './gemstones.js';
import { measuredSteps, type StepRow } from './measured-steps.js';

describe('step times of a run table', () => {
  const dimensions = { decoderLayers: 2, dModel: 64, dFf: 128, dKv: 32, heads: 2, vocab: 100 };
  const row: StepRow = { runId: 'a', tokens: 4096, step: 2, stepSeconds: 3, nodes: 2, ...dimensions };
  const options = { lengthsOf: () => ({ encoderTokens: 0, decoderTokens: 128 }), devicesPerNode: 4 };

  test('are one a run, the median of its rows, with the sequences of a device', () => {
    const [measured, ...others] = measuredSteps(
      [
        { ...row, stepSeconds: 90 },
        { ...row, tokens: 8192, step: 4, stepSeconds: 4 },
        { ...row, tokens: 12_288, step: 6, stepSeconds: 5 },
        { ...row, runId: 'b', stepSeconds: undefined },
      ],
      options,
    );
    expect(others).toEqual([]);
    expect(measured!.stepSeconds).toBe(5);
    // 2048 tokens a step are 16 sequences, on 8 devices.
    expect(measured!.workload.flops).toBe(2 * 3 * 2 * 128 * (2 * (4 * 64 * 64 + 3 * 64 * 128 + 2 * 128 * 64) + 6400));
    // Gated, untied, with two norms a layer and a last one.
    expect(measured!.workload.parameters).toBe(2 * 6400 + 2 * (4 * 64 * 64 + 3 * 64 * 128 + 128) + 64);
  });

  test('of two stacks count the tokens of both', () => {
    const lengthsOf = () => ({ encoderTokens: 100, decoderTokens: 28 });
    const [both] = measuredSteps([{ ...row, encoderLayers: 1 }], { lengthsOf });
    // One device a node: 8 sequences each. Bytes of the output: two numbers of dModel and a logit in fp32 for each decoder token.
    expect(both!.workload.outputBytes).toBe(8 * 28 * (4 * 64 + 4 * 100));
  });

  test('of two stacks count those of the decoder alone where the table does', () => {
    const lengthsOf = () => ({ encoderTokens: 512, decoderTokens: 128 });
    const [decoders] = measuredSteps([{ ...row, encoderLayers: 1 }], { lengthsOf, tokens: 'decoder' });
    expect(decoders!.workload.outputBytes).toBe(8 * 128 * (4 * 64 + 4 * 100));
  });

  test('refuse tokens that are no whole number of sequences, rounding apart', () => {
    const at = (decoderTokens: number, change: Partial<StepRow> = {}) =>
      measuredSteps([{ ...row, ...change }], { lengthsOf: () => ({ encoderTokens: 0, decoderTokens }) });
    expect(() => at(100)).toThrow(
      expect.objectContaining({
        code: 'bad-usage',
        message: expect.stringMatching(/^a took 2048 tokens a step, no whole number of sequences of .* 100 decoder/),
      }),
    );
    expect(() => at(3000)).toThrow('no whole number of sequences');
    // 10.0B of 2,385 steps of 2,048 sequences of 2,048 (Gemstones) are 10,003,415,040.
    expect(at(2048, { tokens: 1e10, step: 2385 })).toHaveLength(1);
  });

  test('refuse an encoder alone, whose shape the dimensions do not tell', () => {
    expect(() => measuredSteps([{ ...row, encoderLayers: 2, decoderLayers: 0 }], options)).toThrow(
      'decoderLayers must be positive, not 0',
    );
  });

  test('take a shape that is given', () => {
    const shape = gemstonesShape(256, 3);
    const [given] = measuredSteps([{ runId: 'a', tokens: 128, step: 1, stepSeconds: 1 }], {
      ...options,
      shapeOf: () => shape,
    });
    expect(given!.workload.parameters).toBe(countParameters(shape).total);
  });

  test.each(['tokens', 'step', 'decoderLayers', 'dModel', 'dFf', 'dKv', 'heads', 'vocab'] as const)(
    'refuse a row without %s',
    (name) => {
      expect(() => measuredSteps([{ ...row, [name]: undefined }], options)).toThrow(
        expect.objectContaining({ code: 'missing-column', details: { run: 'a', column: name } }),
      );
    },
  );

  test('refuse steps of no tokens and no devices', () => {
    expect(() => measuredSteps([{ ...row, tokens: 0 }], options)).toThrow('sequences a step must be positive, not 0');
    expect(() => measuredSteps([row], { ...options, devicesPerNode: 0 })).toThrow('devicesPerNode must be positive');
  });
});
