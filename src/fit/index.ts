export { computeOptimum } from './compute-optimum.js';
export { requireSameConventions } from './conventions.js';
export { type Extrapolation, extrapolation } from './domain.js';
export { type FitOptions, fitLaw } from './fit.js';
export { type LawParameters, type LawPoint, lossOf } from './formulas.js';
export { type Law, lawSchema, parseLaw, serializeLaw } from './law.js';
export type { LawColumn } from './law-form.js';
export { type Interval, type LossPrediction, lawDraws, type Prediction, predict, predictor } from './predict.js';
export { publishedLaw, publishedLawNames } from './published.js';
