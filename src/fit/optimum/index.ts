export { type ApproachComparison, type ApproachPair, compareApproaches } from './compare.js';
export {
  type ComputeSource,
  type Estimate,
  type FrontierPoint,
  type OptimumAt,
  type OptimumEstimate,
  type OptimumMethod,
  type OptimumOptions,
  type OptimumWarning,
  optimumAt,
  type PowerOfCompute,
} from './estimate.js';
export { type FrontierOptions, frontier } from './frontier.js';
export { type IsoflopOptions, isoflop } from './isoflop.js';
export type { BudgetMinimum, BudgetRefusal, WidthBias } from './isoflop-result.js';
export { lawOptimum } from './law-optimum.js';
export { type SurfaceOptions, type SurfaceParameters, surfaceOptimum } from './surface-optimum.js';
export { gridBias, type SurfaceExponents } from './width-bias.js';
