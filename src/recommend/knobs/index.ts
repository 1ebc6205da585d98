export type { HeldTokens, KnobsOptions, RunBudget } from './context.js';
export { type GrowthOptions, type OperatorName, operatorNames, operatorSays, type Sizes } from './dimensions.js';
export { type Knob, type KnobEffect, type KnobOptions, type KnobRegion, type Knobs, knobs } from './knobs.js';
export type { LossChange, RegionBounds } from './law-view.js';
export {
  type GrowthPath,
  type PathLimits,
  type PathOptions,
  type PathStep,
  type StopReason,
  steepestPath,
} from './path.js';
export type { Sight } from './told-apart.js';
