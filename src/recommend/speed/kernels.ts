import type { Range } from '../../flops/cost.js';
import type { Shape } from '../../flops/shape.js';

/**
 * Seconds from one launch of a kernel to the next: none where they are hidden or a graph of them is replayed, else 6 us. On a GB200
 * a launch by the driver alone took 3.0 us, by Triton 4.7 and by PyTorch's Inductor 6.8 (github.com/meta-pytorch/tritonbench, pull
 * request 1017), on an RTX 5070 Ti 4 to 6 (susun-blog.com, pegainfer (3)).
 */
export const launchSeconds: Range = [0, 6e-6];

/** Three projections, scores, softmax, values, output and residual. */
const attentionKernels = 8;
/** Two products, the non-linearity and the residual; a gate takes a product and a multiplication more. */
const feedForwardKernels = 4;

/**
 * Kernels that one pass forward runs one after the other, a kernel for each operation and none fused; attention fused into one
 * kernel and the like take fewer (11 instead of 16 a gated layer in pegainfer (4)).
 */
export function forwardKernels(shape: Shape): { readonly encoder: number; readonly decoder: number } {
  const norms = shape.norms.perSublayer;
  const attention = norms + attentionKernels;
  const feedForward = norms + feedForwardKernels + (shape.feedForward === 'gated' ? 2 : 0);
  const attentions = shape.kind === 'encoder-decoder' ? 2 : 1;
  return {
    encoder: shape.encoderLayers * (attention + feedForward),
    decoder: shape.decoderLayers * (attentions * attention + feedForward),
  };
}
