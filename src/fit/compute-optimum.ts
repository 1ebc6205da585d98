/** Exponents and pivot of the compute optimum under C = 6 N D: N = G (C/6)^a, D = (C/6)^b / G (Hoffmann et al. 2022, equation 4). */
export function computeOptimum(parameters: {
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}): { readonly a: number; readonly b: number; readonly G: number } {
  const { A, B, alpha, beta } = parameters;
  const sum = alpha + beta;
  return { a: beta / sum, b: alpha / sum, G: ((alpha * A) / (beta * B)) ** (1 / sum) };
}
