import { llamaShape, type Shape } from '../../flops/shape.js';
import type { StepTimeFit } from './fit-step-time.js';

/**
 * Step times of the 22 runs of McLeish et al. 2025 (Gemstones, MIT licence), fitted here: `npm run bench:speed` fits them again.
 *
 * Of 400 resamples of runs 95% lie within 5.2 to 7.0 fs a FLOP, 34 to 40 ps an activation byte, 5.4 to 14 ps an output byte and 190 to 510 ps
 * a parameter. The first stands at the bound that the peak sets: the runs can't tell products of matrices from what goes with
 * them. Nor do they tell a time for each layer: as a fifth coefficient it lies anywhere from 0 to 3.8 ms a step by the same resamples, and
 * with it left-out runs are predicted worse (5.9% instead of 5.5%), so that it is left out. Unknown of these runs: tensor parallelism, micro-batches and whether activations were computed again.
 */
export const gemstonesStepTime: StepTimeFit = {
  coefficients: {
    flops: 5.221932114882507e-15,
    activationBytes: 3.733868366697602e-11,
    outputBytes: 1.122913367654914e-11,
    parameters: 4.4701765568537267e-10,
  },
  leftOutError: 0.05509484041680983,
  steps: 22,
  flops: [14_669_460_799_488, 197_023_034_769_408],
};

export const gemstonesSource =
  'our fit to the 22 measured step times of McLeish et al. 2025, Gemstones (MI250X, widths 256 to 3,072, 8k to 65k tokens a device)';

/**
 * One half of an MI250X, which its machine counts as a device, 8 a node: half of the 383 TFLOP/s in bf16 that AMD states of both (AMD
 * Instinct MI250X, product page), and 1.6 TB/s (Frontier User Guide, docs.olcf.ornl.gov). The runs were made on Frontier (cards of the
 * models).
 */
export const gemstonesDevice = { peakFlops: 191.5e12, memoryBandwidth: 1.6e12, aNode: 8 } as const;

export const gemstonesLengths = { encoderTokens: 0, decoderTokens: 2048 };

/** Sequences on one device, of 2,048 over all (cards of the models, and WORLD_BATCH_SIZE in their code). */
export function gemstonesSequences(nodes: number): number {
  return 2048 / (gemstonesDevice.aNode * nodes);
}

/** A shape of the study, as its code counts parameters (github.com/mcleish7/gemstone-scaling-laws, plotters/plotting_utils.py, `param_counter`). */
export function gemstonesShape(dModel: number, layers: number): Shape {
  const heads = dModel / 128;
  return llamaShape(`gemstone-${dModel}x${layers}`, {
    layers,
    dModel,
    dFf: 4 * dModel,
    heads,
    kvHeads: Math.floor(heads / 2),
    vocab: 50304,
  });
}

/** The widest run, against which narrower layers are slow. */
export const gemstonesReference = { dModel: 3072, layers: 12, nodes: 32 } as const;
