export {
  type Backtest,
  type BacktestErrors,
  type BacktestOptions,
  backtest,
  type HeldOut,
  type HoldOut,
  type LawBacktest,
} from './backtest.js';
export type { Bounds } from './bounds.js';
export { computeOptimum } from './compute-optimum.js';
export { requireSameConventions } from './conventions.js';
export { type Extrapolation, extrapolation } from './domain.js';
export { loadExpressions } from './expression/load.js';
export { fitLaw, fitLawParallel } from './fit.js';
export { type LawParameters, lossOf } from './formulas.js';
export type { Interval } from './intervals.js';
export { type Law, type LawDraws, type LawFile, lawSchema, parseLaw, serializeLaw } from './law.js';
export {
  type Coordinate,
  type LawColumn,
  type LawDefinition,
  type LawForm,
  type LawOptions,
  type LawPoint,
  lawColumns,
} from './law-form.js';
export { lawDefinition, lawDefinitions, lawForm, loadLaw } from './laws/registry.js';
export type { Objective } from './objective.js';
export * from './optimum/index.js';
export type { FitOptions } from './options.js';
export { type LossPrediction, lawDraws, type Prediction, predict, predictor } from './predict.js';
export {
  type Profile,
  type ProfileOptions,
  type ProfilePoint,
  profileLikelihood,
  profileLikelihoods,
} from './profile.js';
export { publishedLaw, publishedLawNames } from './published.js';
export { type RefitMap, type Refits, type RefitTask, refitRange } from './refit.js';
export * from './region/index.js';
export type { NoiseSize, Resampling, ResamplingSource } from './resample.js';
export {
  type DeltaFit,
  deltaSensitivity,
  type Influence,
  type InfluenceOptions,
  influence,
  type Quantities,
  type RunInfluence,
} from './sensitivity.js';
export { type RatioReport, type ShapeReport, shapeReport, type WithInterval } from './shape-report.js';
export type { FitData, QuadraticPrior, Solution } from './solve.js';
export { studies, studyNamed } from './studies/registry.js';
export type { ReproducedLine, ReproducedPart, Reproduction, Study } from './studies/study.js';
