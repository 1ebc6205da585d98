export * from './checkpoint/index.js';
export { type EngineKind, type EngineOptions, engineKinds, openExecutor } from './engines/engine.js';
export type { Executor, HostTensor, PreparedProgram, Values } from './engines/executor.js';
export { workerExecutor } from './engines/worker.js';
export type {
  BinaryKind,
  ComparisonKind,
  Dims,
  DType,
  Operation,
  Program,
  Pullback,
  ReductionKind,
  Slot,
  Tensor,
  UnaryKind,
} from './graph/index.js';
export type { LossScale } from './model/loss-scale.js';
export type { AdafactorOptions, AdamWOptions, OptimizerOptions } from './model/optimizer.js';
export type { EngineTrial } from './run/choose-engine.js';
export { type MetricsLine, type RunConfig, readConfig } from './run/directory.js';
export type { MeasuredPeak } from './run/measure.js';
export {
  completeRecipe,
  parametersOf,
  parseRecipe,
  type Recipe,
  type RecipeOptions,
  recipeId,
  type StepSizes,
  stepSizes,
  stepsFor,
} from './run/recipe.js';
export { cooldownStart, learningRateAt, type Schedule, type ScheduleKind } from './run/schedule.js';
export { type TrainEvent, type TrainOptions, type TrainResult, train } from './run/train.js';
export * from './text/index.js';
