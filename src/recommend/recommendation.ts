import type { Extrapolation } from '../fit/domain.js';
import type { LossPrediction } from '../fit/predict.js';
import type { Cost } from '../flops/cost.js';
import type { SequenceLengths } from '../flops/flops.js';
import type { InferenceMemory, TrainingMemory } from '../flops/memory.js';
import type { Shape } from '../flops/shape.js';
import type { Allocations } from './allocations.js';
import type { Budget, Constraint } from './budget.js';
import type { Evidence } from './evidence.js';
import type { Estimate } from './law-use.js';
import type { Excess } from './limits.js';
import type { RowSpeed } from './row-speed.js';
import type { Standing } from './search/confidence-set.js';
import type { Assumption, Setting } from './setting.js';
import type { TrainingRule } from './training-rules.js';

/**
 * Why a shape stands in an answer: by the DeepNarrow rule, as the standard size of the budget, as the law's own optimum, as a member of
 * the recommendation set, or as a standard size of another family.
 */
export type Role = 'deep-narrow' | 'standard' | 'law' | 'set' | 'reference';

/** One shape, what it takes and what to expect of it. */
export interface RecommendedShape {
  readonly shape: Shape;
  readonly role: Role;
  /** All parameters, tied embeddings once. */
  readonly parameters: number;
  /** Parameters over the budget's, less 1; null where the budget sets none. */
  readonly excess: number | null;
  /** Limits that the shape goes beyond; only a reference does. */
  readonly exceeds: readonly Excess[];
  /** Training FLOPs of all tokens, exact convention. */
  readonly flops: number;
  /** Exact training FLOPs for each token over those of the standard size beside it. */
  readonly flopsPerTokenRatio: number;
  /** Training tokens, encoder and decoder. */
  readonly tokens: number;
  /** What the tokens may range over: the law's interval, or the budget's from the lowest to the highest MFU; null where neither has one. */
  readonly tokensInterval: readonly [number, number] | null;
  /** What `tokensInterval` spans: `law`, the law's interval; `mfu`, the budget's tokens from the lowest to the highest MFU. */
  readonly tokensIntervalOf: 'law' | 'mfu' | null;
  /** Tokens of one of its sequences. */
  readonly lengths: SequenceLengths;
  /** Passes over the unique tokens at hand; null where none are stated. */
  readonly epochs: number | null;
  readonly steps: number;
  readonly time: {
    readonly devices: number;
    readonly deviceHours: Cost['deviceHours'];
    readonly wallSeconds: Cost['wallSeconds'];
  };
  readonly cost: {
    readonly dollars: Cost['dollars'];
    readonly kiloWattHours: Cost['kiloWattHours'];
    readonly kilogramsCo2e: Cost['kilogramsCo2e'];
  };
  /** Bytes of training on one device, and whether they fit it. */
  readonly memory: TrainingMemory & { readonly deviceBytes: number; readonly fits: boolean };
  /** Bytes of serving one sequence at a time, weights and cache of 16 bits. */
  readonly inferenceMemory: InferenceMemory;
  /** Step time of training and latency of serving, by the model of speed. */
  readonly speed: RowSpeed;
  /** Batch size and learning rate by a published rule; null where none applies. */
  readonly rule: TrainingRule | null;
  /** Predicted loss in the law's unit; null without a law. */
  readonly loss: LossPrediction | null;
  /** How the shape stands to the recommendation set; null where there is none. */
  readonly set: Standing | null;
  /** Whether no candidate is as good in parameters, FLOPs a token, seconds a step and loss, and better in one of them. */
  readonly pareto: boolean;
  /** A candidate with no more parameters, FLOPs a token and seconds a step, less of one of them, and no greater loss; null without. */
  readonly dominatedBy: string | null;
  /** Distance of the point from the evidence of the law used: the one given, else the one that sets tokens and sizes. */
  readonly extrapolation: Extrapolation;
  readonly evidence: readonly Evidence[];
}

/** The shapes that the evidence can't tell from the best. */
export interface RecommendationSet {
  /** Loss above the least that is taken for as good, in the law's unit. */
  readonly tolerance: number;
  readonly level: number;
  /** Members; about so many where `thinned` exceeds 1. */
  readonly size: number;
  /** Candidates of the lattice. */
  readonly candidates: number;
  /** Candidates near the best of which one in so many was compared; 1 where all were. */
  readonly thinned: number;
  /** What the law tells apart: shapes, or only their sizes. */
  readonly tells: 'shapes' | 'sizes';
  /** Least and greatest of the members. */
  readonly ranges: Readonly<
    Record<
      'parameters' | 'encoderLayers' | 'decoderLayers' | 'dModel' | 'dFf' | 'heads' | 'dKv',
      readonly [number, number]
    >
  >;
  /** Loss that rounding to the lattice costs: of its best shape less that of the best shape between its points, in the law's unit. */
  readonly roundingLoss: number;
}

/** The compute region of the budget, by a law of regions. */
export interface BudgetRegion {
  readonly variable: string;
  readonly value: number;
  /** From 1. */
  readonly index: number;
  readonly of: number;
  /** Bounds in the unit of the variable; null at the ends. */
  readonly from: number | null;
  readonly to: number | null;
  /** Exponent of each operator: the loss falls by as many percent for one percent more. */
  readonly exponents: Readonly<Record<string, Estimate>>;
}

/** A budget, what was assumed, and the shapes that answer it. */
export interface Recommendation {
  readonly budget: Budget & {
    /** Training FLOPs (with those of serving, where a volume is given), exact convention, at the lowest and the highest MFU; null where the budget sets none. Shapes are planned at the lowest. */
    readonly trainingFlops: readonly [number, number] | null;
    /** What limits the answer beside. */
    readonly constraints: readonly Constraint[];
  };
  readonly assumptions: readonly Assumption[];
  /** The assumptions as numbers. */
  readonly setting: Omit<Setting, 'assumptions'>;
  /** The set; null without a law that weighs shapes or sizes, and has draws. */
  readonly set: RecommendationSet | null;
  /** How compute is best split between parameters and tokens, by the law that sets tokens; null without a budget of compute. */
  readonly allocation: Allocations | null;
  readonly region: BudgetRegion | null;
  readonly recommendations: readonly RecommendedShape[];
  readonly notes: readonly string[];
}
