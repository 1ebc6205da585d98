import type { Extrapolation } from '../fit/domain.js';
import type { LossPrediction } from '../fit/predict.js';
import type { Cost } from '../flops/cost.js';
import type { TrainingMemory } from '../flops/memory.js';
import type { Shape } from '../flops/shape.js';
import type { Budget } from './budget.js';
import type { Evidence } from './evidence.js';
import type { Assumption } from './setting.js';

/** One shape, what it takes and what to expect of it. */
export interface RecommendedShape {
  readonly shape: Shape;
  readonly role: 'deep-narrow' | 'standard' | 'law';
  /** All parameters, tied embeddings once. */
  readonly parameters: number;
  /** Parameters over the budget's, less 1; null where the budget sets none. */
  readonly excess: number | null;
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
  /** Predicted loss in the law's unit; null without a law. */
  readonly loss: LossPrediction | null;
  /** Distance of the point from the evidence of the law used: the one given, else the one that sets tokens and sizes. */
  readonly extrapolation: Extrapolation;
  readonly evidence: readonly Evidence[];
}

/** A budget, what was assumed, and the shapes that answer it. */
export interface Recommendation {
  readonly budget: Budget & {
    /** Training FLOPs, exact convention, at the lowest and the highest MFU; null where the budget sets none. Shapes are planned at the lowest. */
    readonly trainingFlops: readonly [number, number] | null;
  };
  readonly assumptions: readonly Assumption[];
  readonly recommendations: readonly RecommendedShape[];
  readonly notes: readonly string[];
}
