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
export { type Claim, type MetricsLine, type RunConfig, readConfig } from './run/directory.js';
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
export type { Claims, Holder, RunClaim, SeenClaim } from './sweep/claims.js';
export { type Collected, collectRuns } from './sweep/collect.js';
export { type ControlOptions, controlSweep, runsFailed, type SweepEvent, type SweepOutcome } from './sweep/control.js';
export type { EndedJob, Job, JobExecutor, Observation } from './sweep/executor.js';
export {
  type Attempt,
  byEnding,
  type Endings,
  type RunEnd,
  type RunFailure,
  type RunProgress,
  type SweepFolder,
  type SweepSetup,
  sweepFolder,
} from './sweep/folder.js';
export { type LocalOptions, localExecutor, requireFitting, type WorkerMessage } from './sweep/local.js';
export { type OpenSweep, type OpenSweepOptions, openSweep } from './sweep/open-sweep.js';
export { absoluteSweep, type PlannedRun, planSweep } from './sweep/plan-sweep.js';
export { memoryEstimator, type Probe, probeSweep, runSeconds, type Span, sweepSeconds } from './sweep/probe.js';
export { type SlurmExecutor, type SlurmOptions, slurmExecutor, wasSubmitted } from './sweep/slurm.js';
export { workerExits } from './sweep/slurm-script.js';
export { starterSweep } from './sweep/starter-sweep.js';
export { type RunningRun, type SweepStatus, sweepStatus } from './sweep/status.js';
export { trainingMaker } from './sweep/train-run.js';
export { type RunMaker, type WorkEnding, type WorkOptions, workOn } from './sweep/work.js';
export * from './text/index.js';
