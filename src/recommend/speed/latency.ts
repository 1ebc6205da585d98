import { ShapelawError } from '../../errors.js';
import { type Range, requireMfu } from '../../flops/cost.js';
import { countFlops, lengthsOfSides, type SequenceLengths } from '../../flops/flops.js';
import { inferenceMemory } from '../../flops/memory.js';
import { countParameters, type ParameterCount } from '../../flops/parameters.js';
import type { Shape } from '../../flops/shape.js';
import { requirePositive } from '../require-positive.js';
import { forwardKernels, launchSeconds } from './kernels.js';
import { type Timed, timedOf } from './step-time.js';

/** The device that serves, and how. */
export interface ServingSetting {
  readonly lengths: SequenceLengths;
  /** Sequences side by side. */
  readonly batch: number;
  /** Peak dense FLOP/s. */
  readonly peakFlops: number;
  /** Bytes a second. */
  readonly memoryBandwidth: number;
  /** Model FLOPs utilisation, for what computation bounds. */
  readonly mfu: Range;
  /** Bytes a weight. Defaults to 2. */
  readonly weightBytes?: number;
  /** Decoder tokens that are given, read in one pass; the rest is generated. Defaults to 0. */
  readonly promptTokens?: number;
}

/** Seconds of serving: for each token that is generated, and for a whole sequence. */
export interface Serving {
  /** Once the cache holds all tokens; of an encoder, for a token that is read. */
  readonly token: Timed;
  readonly sequence: Timed;
  /** Tokens a second of all sequences side by side, generated ones or an encoder's. */
  readonly tokensPerSecond: Range;
}

/**
 * Share of the bandwidth that weights are read at: all of it at best, and half at worst. Llama-2-7B reaches 69% on an A100 of 80 GB and 64%
 * on half of an MI250X with weights of 16 bits, and 52% and 44% with those of 8 (github.com/pytorch-labs/gpt-fast, README).
 */
const bandwidthShare: Range = [0.5, 1];

/**
 * Seconds of generation on one device: for a token the weights of the decoder and its cache are read once from memory, or its products
 * computed, whichever takes longer (Pope et al. 2022, section 2), and kernels are launched one after the other, layer by layer, which is the
 * price of depth. An encoder, or a prompt, is one pass. From full bandwidth with launches hidden to half the bandwidth with a launch for
 * each kernel.
 *
 * @throws ShapelawError `bad-usage` for values out of range.
 */
export function servingTime(shape: Shape, setting: ServingSetting): Serving {
  const { batch, peakFlops, memoryBandwidth, weightBytes = 2, promptTokens = 0 } = setting;
  requireMfu(setting.mfu);
  requirePositive({ batch, peakFlops, memoryBandwidth, weightBytes });
  const { encoderTokens, decoderTokens } = lengthsOfSides(shape, setting.lengths);
  const flops = forwardFlops(shape, setting.lengths);
  const weights = weightsRead(shape, countParameters(shape), batch);
  const kernels = forwardKernels(shape);
  const pass = timesOf(setting, weightBytes * weights.encoder, batch * flops.encoder, kernels.encoder);
  if (shape.kind === 'encoder') {
    const sequence = timed([pass, 1]);
    return served(timed([pass, 1 / encoderTokens]), sequence, batch * encoderTokens);
  }
  const generated = decoderTokens - promptTokens;
  if (!(Number.isSafeInteger(promptTokens) && promptTokens >= 0 && generated > 0)) {
    throw new ShapelawError(
      'bad-usage',
      `a prompt must be a whole number of tokens below the ${decoderTokens} of the decoder, not ${promptTokens}`,
      { promptTokens, decoderTokens },
    );
  }
  const cacheBytes = (tokens: number) =>
    inferenceMemory(shape, { encoderTokens, decoderTokens: tokens, batch }).keyValueCache;
  const step = (cached: number, tokens: number) =>
    timesOf(
      setting,
      weightBytes * weights.decoder + cacheBytes(cached),
      (batch * flops.decoder * tokens) / decoderTokens,
      kernels.decoder,
    );
  const prompt = promptTokens === 0 ? [] : [[step(promptTokens, promptTokens), 1] as const];
  const middle = step(Math.ceil((promptTokens + 1 + decoderTokens) / 2), 1);
  const sequence = timed([pass, 1], ...prompt, [middle, generated]);
  return served(timed([step(decoderTokens, 1), 1]), sequence, batch * generated);
}

function served(token: Timed, sequence: Timed, tokens: number): Serving {
  const [fast, slow] = sequence.seconds.interval;
  return { token, sequence, tokensPerSecond: [tokens / slow, tokens / fast] };
}

/** FLOPs of one sequence forward, by stack; what reads both counts to the decoder. */
function forwardFlops(shape: Shape, lengths: SequenceLengths) {
  const { forward, components } = countFlops(shape, lengths);
  if (shape.kind === 'encoder') return { encoder: forward, decoder: 0 };
  const { encoderProjections, encoderScores, encoderFeedForward } = components;
  const encoder = encoderProjections!.forward + encoderScores!.forward + encoderFeedForward!.forward;
  return { encoder, decoder: forward - encoder };
}

/** Weights that a pass of a stack reads: no tables that are only looked up in, and of experts no more than its tokens visit. */
function weightsRead(shape: Shape, { total, components }: ParameterCount, batch: number) {
  const lookedUp =
    (shape.tiedEmbeddings && shape.head !== 'none' ? 0 : components.embedding) +
    (shape.positions.kind === 'learned' ? components.positions : 0) +
    components.tokenTypes;
  const read = total - lookedUp;
  if (shape.kind === 'encoder') return { encoder: read, decoder: 0 };
  const encoder = components.encoderAttention + components.encoderFeedForward;
  const { count, active } = shape.experts ?? { count: 1, active: 1 };
  const unvisited = components.decoderFeedForward * (1 - Math.min(count, batch * active) / count);
  return { encoder, decoder: read - encoder - unvisited };
}

interface Times {
  readonly compute: Range;
  readonly memory: Range;
  readonly latency: Range;
}

function timesOf(setting: ServingSetting, bytes: number, flops: number, kernels: number): Times {
  const { peakFlops, memoryBandwidth, mfu } = setting;
  return {
    compute: [flops / (peakFlops * mfu[1]), flops / (peakFlops * mfu[0])],
    memory: [bytes / (memoryBandwidth * bandwidthShare[1]), bytes / (memoryBandwidth * bandwidthShare[0])],
    latency: [kernels * launchSeconds[0], kernels * launchSeconds[1]],
  };
}

/** Times that follow each other, each so many times over; of memory and computation the longer counts. */
function timed(...stages: readonly (readonly [times: Times, count: number])[]): Timed {
  const parts = { compute: 0, memory: 0, latency: 0, communication: 0 };
  const secondsAt = (end: 0 | 1) =>
    stages.reduce((sum, [{ compute, memory, latency }, count]) => {
      const bound = compute[end] > memory[end] ? 'compute' : 'memory';
      const longer = count * Math.max(compute[end], memory[end]);
      parts[bound] += longer / 2;
      parts.latency += (count * latency[end]) / 2;
      return sum + longer + count * latency[end];
    }, 0);
  return {
    ...timedOf([secondsAt(0), secondsAt(1)], parts),
    formula:
      'max(bytes / bandwidth, FLOPs / (peak * MFU)) + kernels * launch, the encoder and a prompt once and the decoder for each token',
    source:
      'roofline of the device (Pope et al. 2022, section 2), from its full bandwidth with launches hidden to half of it with 6 us a kernel; not measured',
  };
}
