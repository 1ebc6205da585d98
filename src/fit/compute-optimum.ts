/** What of a surface `E + A N^-alpha + B D^-beta` places its optimum. */
export interface SurfaceParameters {
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/** Exponents and pivot of the compute optimum under C = 6 N D: N = G (C/6)^a, D = (C/6)^b / G (Hoffmann et al. 2022, equation 4). */
export function computeOptimum(parameters: SurfaceParameters): {
  readonly a: number;
  readonly b: number;
  readonly G: number;
} {
  const { A, B, alpha, beta } = parameters;
  const sum = alpha + beta;
  return { a: beta / sum, b: alpha / sum, G: ((alpha * A) / (beta * B)) ** (1 / sum) };
}

/**
 * Parameters and tokens of least loss for training FLOPs.
 *
 * @param rate - FLOPs for each parameter and token. Defaults to 6.
 */
export function optimumAtFlops(
  parameters: SurfaceParameters,
  flops: number,
  rate = 6,
): { readonly params: number; readonly tokens: number } {
  const { a, b, G } = computeOptimum(parameters);
  return { params: G * (flops / rate) ** a, tokens: (flops / rate) ** b / G };
}
