export { type Budget, budgetFlops } from './budget.js';
export type { Evidence } from './evidence.js';
export { type Estimate, optimalTokens } from './law-use.js';
export { parseQuantity, type QuantityKind } from './quantity.js';
export { type RecommendOptions, recommend } from './recommend.js';
export type { Recommendation, RecommendedShape } from './recommendation.js';
export type { Assumption, SettingOptions } from './setting.js';
