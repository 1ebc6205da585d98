import type { SequenceLengths } from '../../flops/flops.js';
import type { Shape } from '../../flops/shape.js';

/** Bytes of a gradient or an activation. */
const width = 2;

/** Seconds in which a ring of devices sums what each of them holds: `2 (p - 1) / p` of the bytes pass each link (github.com/NVIDIA/nccl-tests, doc/PERFORMANCE.md). */
export function allReduceSeconds(bytes: number, devices: number, linkBandwidth: number): number {
  return (2 * (devices - 1) * bytes) / (devices * linkBandwidth);
}

/** Seconds of summing the gradients over data-parallel devices. */
export function gradientSeconds(parameters: number, dataParallel: number, linkBandwidth: number): number {
  return allReduceSeconds(width * parameters, dataParallel, linkBandwidth);
}

/**
 * Seconds of summing activations over tensor-parallel devices: once forward and once backward for each sublayer, which is 4 times
 * a layer of attention and feed-forward (Shoeybi et al. 2019, section 3); cross-attention is counted as one sublayer more.
 *
 * @param sequences - That these devices work on together.
 */
export function tensorSeconds(
  shape: Shape,
  { encoderTokens, decoderTokens }: SequenceLengths,
  sequences: number,
  tensorParallel: number,
  linkBandwidth: number,
): number {
  const sublayers = shape.kind === 'encoder-decoder' ? 3 : 2;
  const visits = shape.encoderLayers * 2 * encoderTokens + shape.decoderLayers * sublayers * decoderTokens;
  return allReduceSeconds(2 * width * sequences * visits * shape.dModel, tensorParallel, linkBandwidth);
}
