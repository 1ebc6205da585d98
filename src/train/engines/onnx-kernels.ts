/** Execution providers of ONNX Runtime, which know different operators. */
export type OnnxProvider = 'cpu' | 'webgpu' | 'cuda';

/** What a provider's kernels do beyond the plain operators of ONNX, which all providers have, Gemm with its flags among them. */
export interface OnnxKernels {
  /** FusedMatMul: transposed sides and a factor in a product of more than two axes. */
  readonly fusedMatMul: boolean;
  /** The same with batch axes between the last two. */
  readonly batchInside: boolean;
  /** FusedGemm: a ReLU in the pass of a product. */
  readonly gemmRelu: boolean;
  readonly reduceSumSquare: boolean;
  readonly hardSigmoid: boolean;
  /** SimplifiedLayerNormalization that gives 1/rms beside the norm. */
  readonly inverseRmsOfNorm: boolean;
  /** Rows of a table up to which rows are added to it by a one-hot product, beyond by ScatterElements. */
  readonly oneHotRows: number;
}

/**
 * Of ONNX Runtime 1.30, found by running each operator.
 *
 * WebGPU has a kernel for SimplifiedLayerNormalization too, but its second output isn't 1/rms. Its ScatterElements adds
 * with atomic operations: right for repeated indices, in no fixed order, and slow where thousands meet at one element, as
 * positions do in a few buckets; so small tables take the one-hot product. CUDA's column is cautious, since nobody has run it here.
 */
export const onnxKernels: Readonly<Record<OnnxProvider, OnnxKernels>> = {
  cpu: {
    fusedMatMul: true,
    batchInside: true,
    gemmRelu: true,
    reduceSumSquare: true,
    hardSigmoid: true,
    inverseRmsOfNorm: true,
    oneHotRows: 0,
  },
  webgpu: {
    fusedMatMul: false,
    batchInside: false,
    gemmRelu: false,
    reduceSumSquare: true,
    hardSigmoid: false,
    inverseRmsOfNorm: false,
    oneHotRows: 1024,
  },
  cuda: {
    fusedMatMul: true,
    batchInside: false,
    gemmRelu: false,
    reduceSumSquare: false,
    hardSigmoid: false,
    inverseRmsOfNorm: false,
    oneHotRows: 0,
  },
};
