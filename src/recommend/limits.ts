import { ShapelawError } from '../errors.js';
import type { Range } from '../flops/cost.js';
import { inferenceMemory, trainingMemory } from '../flops/memory.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import { type Budget, budgetFlops, type Constraint } from './budget.js';
import type { Limit } from './search/search.js';
import type { LengthsOf, Setting } from './setting.js';

/** A limit on a quantity of a shape, and what it is. */
export interface ShapeLimit extends Limit {
  readonly kind: Constraint['kind'];
  /** What is measured, for messages. */
  readonly what: string;
  readonly unit: 'parameters' | 'bytes' | 's';
}

/** What a budget and its constraints come to. */
export interface Limits {
  /** The budget first. */
  readonly constraints: readonly Constraint[];
  /** FLOPs for training, and for serving where a volume is given, at the lowest and the highest MFU; null where nothing sets compute. */
  readonly flops: Range | null;
  /** On shapes. */
  readonly shape: readonly ShapeLimit[];
  /** Distinct training tokens at hand; null where unlimited. */
  readonly uniqueTokens: number | null;
  /** Tokens served over the model's life; 0 where none are counted. */
  readonly inferenceTokens: number;
}

/** Seconds of generation by the worst of what is stated of a device. */
export type Latency = (shape: Shape) => { readonly tokenSeconds: number; readonly sequenceSeconds: number };

/**
 * Brings constraints together: the least compute of all that set any, and a limit for each that bounds shapes.
 *
 * @throws ShapelawError `bad-usage` where a kind is given twice, `bad-quantity` for a value out of range.
 */
export function resolveLimits(
  budget: Budget,
  others: readonly Constraint[],
  setting: Setting,
  lengthsOf: LengthsOf,
  latency: Latency,
): Limits {
  const constraints = [budget, ...others];
  const flops = constraints
    .map((constraint) => budgetFlops(constraint, setting))
    .filter((range) => range !== null)
    .reduce<Range | null>(
      (least, range) => (least === null ? range : [Math.min(least[0], range[0]), Math.min(least[1], range[1])]),
      null,
    );
  const shape: ShapeLimit[] = [];
  const seen = new Set<string>();
  let uniqueTokens: number | null = null;
  let inferenceTokens = 0;
  for (const constraint of constraints) {
    if (seen.has(constraint.kind)) {
      throw new ShapelawError('bad-usage', `the budget states ${constraint.kind} twice; keep one of them`, {
        kind: constraint.kind,
      });
    }
    seen.add(constraint.kind);
    if (constraint.kind === 'unique-tokens') uniqueTokens = constraint.tokens;
    else if (constraint.kind === 'inference-volume') inferenceTokens = constraint.tokens;
    else {
      const limit = shapeLimit(constraint, setting.memory, lengthsOf, latency);
      if (limit !== null) shape.push(limit);
    }
  }
  return { constraints, flops, shape, uniqueTokens, inferenceTokens };
}

function shapeLimit(
  constraint: Constraint,
  memory: Setting['memory'],
  lengthsOf: LengthsOf,
  latency: Latency,
): ShapeLimit | null {
  const { kind } = constraint;
  switch (kind) {
    case 'params':
      return {
        kind,
        what: 'parameters',
        unit: 'parameters',
        most: constraint.params,
        measure: (shape) => countParameters(shape).total,
      };
    case 'training-memory':
      return {
        kind,
        what: 'memory in training',
        unit: 'bytes',
        most: constraint.bytes,
        measure: (shape) => trainingMemory(shape, { ...lengthsOf(shape), ...memory }).total,
      };
    case 'inference-memory':
      return {
        kind,
        what: 'memory in inference',
        unit: 'bytes',
        most: constraint.bytes,
        measure: (shape) => inferenceMemory(shape, { ...lengthsOf(shape), batch: 1 }).total,
      };
    case 'token-latency':
      return {
        kind,
        what: 'latency a token',
        unit: 's',
        most: constraint.seconds,
        measure: (shape) => latency(shape).tokenSeconds,
      };
    case 'sequence-latency':
      return {
        kind,
        what: 'latency a sequence',
        unit: 's',
        most: constraint.seconds,
        measure: (shape) => latency(shape).sequenceSeconds,
      };
    default:
      return null;
  }
}

/** Whether a shape keeps every limit. */
export function keepsLimits(limits: readonly ShapeLimit[], shape: Shape): boolean {
  return limits.every(({ most, measure }) => measure(shape) <= most);
}

/** A limit that a shape goes beyond. */
export interface Excess {
  readonly kind: Constraint['kind'];
  readonly value: number;
  readonly most: number;
  /** value / most - 1. */
  readonly share: number;
}

/** The limits that a shape goes beyond, with by how much. */
export function excessOf(limits: readonly ShapeLimit[], shape: Shape): readonly Excess[] {
  return limits
    .map(({ kind, most, measure }) => {
      const value = measure(shape);
      return { kind, value, most, share: value / most - 1 };
    })
    .filter(({ share }) => share > 0);
}
