import { ShapelawError } from '../../errors.js';
import { dimensionsOf } from '../../flops/index.js';
import { writeHuggingFaceT5 } from '../checkpoint/index.js';
import type { EngineKind } from '../engines/engine.js';
import type { Slot } from '../graph/index.js';
import type { Batch } from '../text/index.js';
import type { BatchSource } from './batches.js';
import type { Checkpoint, Position } from './checkpoint.js';
import type { MetricsLine, RunDirectory } from './directory.js';
import type { MeasuredPeak } from './measure.js';
import { type Branch, linesProblem, type Plan } from './plan.js';
import { parametersOf, type Recipe, type StepSizes } from './recipe.js';
import { cooldownStart, learningRateAt } from './schedule.js';
import { measuredOf, noSteps, type StepMeter, withStep } from './step-meter.js';
import type { TrainOptions, TrainResult } from './train.js';
import { initialStates, type LazyStates, type Trainer } from './trainer.js';

/** A run whose engine, text and directory are open. */
export interface OpenRun {
  readonly options: TrainOptions;
  readonly recipe: Recipe;
  readonly sizes: StepSizes;
  readonly plan: Plan;
  readonly runId: string;
  readonly engine: EngineKind;
  readonly device: string;
  readonly peak: MeasuredPeak;
  /** Measures the peak again. */
  readonly measurePeak: () => Promise<MeasuredPeak>;
  readonly tokenizer: string;
  readonly validation: readonly Batch[];
  /** Bytes of text a target token stands for, sentinels and ends of sequence included in the count of tokens. */
  readonly bytesPerTarget: number;
  readonly directory: RunDirectory;
  readonly trainer: Trainer;
  /** Those from the trunk's step on; fails with `interrupted` where the signal stops the reading of text. */
  readonly batches: BatchSource;
  readonly from: Resumption;
}

/** What a run goes on from. */
export interface Resumption {
  /** Where the trunk stands; undefined at the start of a run. */
  readonly trunk: Checkpoint | undefined;
  /** Where a branch off that step stands, which a stop left half-way. */
  readonly branch: Checkpoint | undefined;
}

/** Seconds of training after which a checkpoint is saved, beside those at evaluations and stops. */
const saveEverySeconds = 300;

/**
 * What the directory's checkpoints say; one of a branch that is done, or off another step of the trunk, is removed.
 *
 * @throws ShapelawError `bad-run-directory` where a line before the checkpoint is missing, which would never be written.
 */
export async function resumption(directory: RunDirectory, plan: Plan, slots: readonly Slot[]): Promise<Resumption> {
  const trunk = await directory.last.load(slots);
  const step = trunk?.position.step ?? 0;
  // That of the step itself is still to come where a crash fell between the checkpoint of its branch and its line.
  const problem = linesProblem(directory.metrics, plan, step === plan.steps ? step - 1 : step);
  if (problem !== undefined) {
    throw new ShapelawError(
      'bad-run-directory',
      `${directory.path}/metrics.jsonl: ${problem}, and its checkpoint is of step ${step}; restore the file, or remove the folder to train from the start`,
      { path: directory.path, step },
    );
  }
  const branch = await directory.branch.load(slots);
  const planned = plan.branches.find(({ end }) => end === branch?.position.branchEnd);
  const isDone = directory.metrics.some(({ step, finished }) => finished && step === planned?.end);
  if (branch !== undefined && planned !== undefined && planned.start === trunk?.position.step && !isDone) {
    return { trunk, branch };
  }
  await directory.branch.remove();
  return { trunk, branch: undefined };
}

/** Steps, evaluations and branches from the position to the end, the signal or the end of the time. */
export async function runPlan(run: OpenRun): Promise<TrainResult> {
  const { options, recipe, sizes, plan, directory, trainer, batches, from } = run;
  const { saveSeconds = saveEverySeconds } = options;
  const { schedule } = recipe;
  const { states, position } = from.branch ?? from.trunk ?? { states: initialStates(recipe), position: undefined };
  await trainer.write(states, position?.lossScale);
  const started = performance.now();
  const before = Math.max(
    position?.elapsedSeconds ?? 0,
    ...directory.metrics.map(({ elapsedSeconds }) => elapsedSeconds),
  );
  const elapsed = () => before + (performance.now() - started) / 1000;
  let { step, meter } = from.trunk?.position ?? { step: 0, meter: noSteps };
  let peakFlops = run.peak.flopsPerSecond;
  let bestLoss = directory.metrics.length === 0 ? null : Math.min(...directory.metrics.map(({ loss }) => loss));
  let recentSeconds = 0;
  let stepsMade = 0;
  let isTextStopped = false;
  const stopped = (): 'time' | 'interrupted' | undefined => {
    if (isTextStopped || options.signal?.aborted) return 'interrupted';
    // A session makes a step at least: a run goes on however short its sessions are.
    const isTimeUp = options.timeSeconds !== undefined && performance.now() - started > 1000 * options.timeSeconds;
    return isTimeUp && stepsMade > 0 ? 'time' : undefined;
  };
  const hasLine = (at: number, finished: boolean) =>
    directory.metrics.some((line) => line.step === at && line.finished === finished);

  /** The step's text; undefined where the signal stopped its reading. */
  const textOf = async (index: number): Promise<readonly Batch[] | undefined> => {
    const passes: Batch[] = [];
    try {
      for (let pass = 0; pass < recipe.accumulate; pass++) {
        passes.push(await batches.at((index - 1) * recipe.accumulate + pass));
      }
    } catch (error) {
      if (!(error instanceof ShapelawError && error.code === 'interrupted')) throw error;
      isTextStopped = true;
      return undefined;
    }
    return passes;
  };

  /** A step, and what it adds to the meter; undefined where a stop came before it. */
  const doStep = async (index: number, total: number, before: StepMeter): Promise<StepMeter | undefined> => {
    const rate = learningRateAt(schedule, index, total);
    const passes = stopped() === undefined ? await textOf(index) : undefined;
    if (passes === undefined) return undefined;
    const from = performance.now();
    const result = await trainer.step(passes, index, rate);
    const sound = Number.isFinite(result.loss) && (Number.isFinite(result.gradientNorm) || result.skipped);
    if (!sound) {
      throw diverged(directory.path, `the loss is no longer finite at step ${index}`, index, rate, {
        loss: String(result.loss),
        gradientNorm: String(result.gradientNorm),
      });
    }
    const seconds = (performance.now() - from) / 1000;
    // The first step of a session warms the engine up.
    recentSeconds = stepsMade < 2 ? seconds : 0.9 * recentSeconds + 0.1 * seconds;
    stepsMade += 1;
    const isBranch = total !== plan.steps;
    options.onEvent?.({
      event: 'step',
      step: index,
      steps: plan.steps,
      branch: isBranch,
      loss: result.loss,
      tokensPerSecond: sizes.tokens / recentSeconds,
      secondsLeft: stepsLeft(plan, index, isBranch ? total : undefined) * recentSeconds,
    });
    return withStep(before, result, seconds, rate);
  };

  /** The learning rate of the last step. */
  const rateOf = (at: number, total: number) => (at === 0 ? 0 : learningRateAt(schedule, at, total));

  /** States that are checked to be finite when they are written, so that no good checkpoint is replaced by a bad one. */
  const soundStates = (what: 'all' | 'parameters', at: number, total: number): LazyStates =>
    new Map(
      [...trainer.read(what)].map(([name, tensor]) => [
        name,
        {
          ...tensor,
          async load() {
            const values = (await tensor.load()) as Float32Array;
            if (areFinite(values)) return values;
            throw diverged(directory.path, `"${name}" is no longer finite after step ${at}`, at, rateOf(at, total), {
              name,
            });
          },
        },
      ]),
    );

  const evaluate = async (at: number, total: number, before: StepMeter): Promise<void> => {
    const finished = at === total;
    if (hasLine(at, finished)) return;
    const measured = measuredOf(before);
    // A step faster than the peak shows that the machine was busy when that was measured.
    if (measured !== undefined && sizes.flops / measured.stepSeconds > peakFlops) {
      peakFlops = Math.max(peakFlops, (await run.measurePeak()).flopsPerSecond);
    }
    const { loss, accuracy } = await trainer.evaluate(run.validation);
    if (!Number.isFinite(loss)) {
      throw diverged(directory.path, `the held-out loss is no longer finite at step ${at}`, at, rateOf(at, total));
    }
    const line: MetricsLine = {
      runId: run.runId,
      params: parametersOf(recipe),
      tokens: at * sizes.tokens,
      flops: at * sizes.flops,
      loss,
      step: at,
      ...(measured === undefined ? {} : { ...measured, mfu: sizes.flops / measured.stepSeconds / peakFlops }),
      seed: recipe.seed,
      schedule: scheduleName(recipe, at, total),
      split: 'validation',
      ...dimensionsOf(recipe.shape),
      paramsConvention: 'total',
      flopsConvention: 'exact',
      tokensConvention: 'encoder+decoder',
      lossUnit: 'nats-per-token',
      tokenizer: run.tokenizer,
      finished,
      bitsPerByte: loss / Math.LN2 / run.bytesPerTarget,
      tokenAccuracy: accuracy,
      elapsedSeconds: elapsed(),
      peakMemoryBytes: peakMemory(),
      engine: run.engine,
      device: run.device,
    };
    // Before the line, which a resumed run takes for a sign that nothing is left to do here.
    if (bestLoss === null || loss < bestLoss) {
      await directory.saveBest(soundStates('parameters', at, total), at, loss);
      bestLoss = loss;
    }
    await directory.append(line);
    options.onEvent?.({ event: 'evaluation', line });
  };

  let savedAt = performance.now();
  const isSaveDue = () => performance.now() - savedAt > 1000 * saveSeconds;
  const positionOf = (at: number, meter: StepMeter) => ({
    step: at,
    elapsedSeconds: elapsed(),
    lossScale: trainer.lossScale,
    meter,
  });
  /** Step of the trunk that the last checkpoint is of. */
  let savedStep = from.trunk?.position.step;
  const saveTrunk = async () => {
    if (savedStep !== step) await directory.last.save(positionOf(step, meter), soundStates('all', step, plan.steps));
    savedStep = step;
    savedAt = performance.now();
  };
  const saveBranch = async (at: number, end: number, meter: StepMeter) => {
    await directory.branch.save({ ...positionOf(at, meter), branchEnd: end }, soundStates('all', at, end));
    savedAt = performance.now();
  };

  /** Cools down off the trunk to the end of a budget, and goes back; false where a stop left it half-way. */
  const runBranch = async ({ start, end }: Branch, halfway: Position | undefined): Promise<boolean> => {
    if (hasLine(end, true)) return true;
    await saveTrunk();
    let { step: at, meter } = halfway ?? { step: start, meter: noSteps };
    let saved = at;
    while (at < end) {
      const stepped = await doStep(at + 1, end, meter);
      if (stepped !== undefined) [at, meter] = [at + 1, stepped];
      if (at > saved && (stepped === undefined || isSaveDue())) {
        await saveBranch(at, end, meter);
        saved = at;
      }
      if (stepped === undefined) return false;
    }
    await evaluate(end, end, meter);
    const trunk = await directory.last.load(trainer.states);
    await trainer.write(trunk!.states, trunk!.position.lossScale);
    await directory.branch.remove();
    return true;
  };

  let isOnTrunk = true;
  while (isOnTrunk) {
    if (plan.evaluations.includes(step)) {
      await evaluate(step, plan.steps, meter);
      meter = noSteps;
      await saveTrunk();
    }
    for (const branch of plan.branches.filter(({ start }) => start === step)) {
      if (!isOnTrunk || stopped() !== undefined) break;
      const halfway = from.branch?.position;
      isOnTrunk = await runBranch(branch, halfway?.branchEnd === branch.end ? halfway : undefined);
    }
    if (!isOnTrunk || step === plan.steps) break;
    batches.forget(step * recipe.accumulate);
    const stepped = await doStep(step + 1, plan.steps, meter);
    if (stepped === undefined) break;
    [step, meter] = [step + 1, stepped];
    if (isSaveDue()) await saveTrunk();
  }
  const isComplete = isOnTrunk && step === plan.steps && plan.branches.every(({ end }) => hasLine(end, true));
  if (isOnTrunk) await saveTrunk();
  if (isComplete) {
    const parameters = soundStates('parameters', step, plan.steps);
    await writeHuggingFaceT5(`${directory.path}/model`, recipe.shape, parameters, { dropoutRate: recipe.dropout });
  }
  const branchSteps = plan.branches
    .filter(({ end }) => hasLine(end, true))
    .reduce((sum, { start, end }) => sum + end - start, 0);
  return {
    runId: run.runId,
    out: directory.path,
    status: isComplete ? 'complete' : (stopped() ?? 'interrupted'),
    step,
    steps: plan.steps,
    tokens: step * sizes.tokens,
    flops: (step + branchSteps) * sizes.flops,
    loss: directory.metrics.findLast((line) => line.step === step)?.loss ?? null,
    bestLoss,
    elapsedSeconds: elapsed(),
    peakMemoryBytes: peakMemory(),
  };
}

function diverged(
  path: string,
  problem: string,
  step: number,
  learningRate: number,
  details: Readonly<Record<string, unknown>> = {},
): ShapelawError {
  return new ShapelawError(
    'diverged',
    `${problem}, learning rate ${learningRate}: the last checkpoint in ${path} is kept; a lower --learning-rate or a --clip-norm makes another run, which takes another --out`,
    { step, learningRate, ...details },
  );
}

/** The difference of a number from itself is 0 but for one that is not finite. */
function areFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]! - values[index]!;
  return sum === 0;
}

/** Steps after one of the trunk, or of the branch to an end. */
function stepsLeft(plan: Plan, step: number, branchEnd: number | undefined): number {
  const current = plan.branches.find(({ end }) => end === branchEnd);
  const trunk = current?.start ?? step;
  const later = plan.branches.filter(({ start, end }) => start >= trunk && end > (branchEnd ?? 0));
  const left = plan.steps - trunk + later.reduce((sum, { start, end }) => sum + end - start, 0);
  return left + (current === undefined ? 0 : current.end - step);
}

/** Like runs have like names: a loss in the middle of a schedule is not that of a finished run. */
function scheduleName(recipe: Recipe, step: number, total: number): string {
  const { kind, cooldown } = recipe.schedule;
  if (kind === 'constant' && cooldown > 0) {
    if (step === total) return 'constant+cooldown';
    return step <= cooldownStart(recipe.schedule, total) ? 'constant' : 'constant+cooldown-unfinished';
  }
  return kind === 'cosine' && step < total ? 'cosine-unfinished' : kind;
}

function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}
