export { type ComputeOptimal, type ComputeOptimalOptions, computeOptimal } from './compute-optimal.js';
export { type DataLimit, type DataLimited, type DataLimitedOptions, dataLimited } from './data-limited.js';
export {
  type InferenceAware,
  type InferenceAwareOptions,
  type InferenceBudget,
  type InferenceBudgetOptions,
  inferenceAware,
  inferenceAwareForBudget,
  type LifetimeAllocation,
} from './inference-aware.js';
export { type OverTraining, type OverTrainingOptions, overTraining } from './over-training.js';
export { epochsAtWorth, type RepetitionWorth, repetitionWorth } from './repetition.js';
export { type AllocationOptions, type Surface, surfaceAt } from './surface.js';
