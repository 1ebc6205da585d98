export * from './allocation/index.js';
export { type Allocation, type Allocations, allocationsOf } from './allocations.js';
export { exportedTraining, shapeOfAnswer } from './answer-shape.js';
export { type Budget, budgetFlops, type ComputeSetting, type Constraint } from './budget.js';
export { type ParsedBudget, parseBudget } from './budget-text.js';
export * from './design/index.js';
export type { Evidence } from './evidence.js';
export { type ExplainedInput, type ExplainedNumber, type Explanation, explain, explainedNumbers } from './explain.js';
export * from './export/index.js';
export * from './knobs/index.js';
export { type Estimate, optimalTokens } from './law-use.js';
export type { Excess, Limits, ShapeLimit } from './limits.js';
export { type Preference, preferences, type RecommendOptions } from './options.js';
export { parseQuantity, type QuantityKind } from './quantity.js';
export { recommend } from './recommend.js';
export type {
  BudgetRegion,
  Recommendation,
  RecommendationSet,
  RecommendedShape,
  Role,
} from './recommendation.js';
export type { RowSpeed } from './row-speed.js';
export type { Standing } from './search/confidence-set.js';
export { type LatticeFamily, type LatticeOptions, latticeFamilies } from './search/lattice.js';
export type { Limit } from './search/search.js';
export type { Assumption, Setting, SettingOptions } from './setting.js';
export * from './speed/index.js';
export { type RuleName, type RunSize, type TrainingRule, trainingRule, trainingRules } from './training-rules.js';
export { loadUnits } from './units.js';
