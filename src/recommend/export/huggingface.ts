import { ShapelawError } from '../../errors.js';
import { shapeFromHuggingFace } from '../../flops/huggingface.js';
import type { Shape } from '../../flops/shape.js';
import { cannotHold, type ExportedConfiguration, type ExportTraining, plainNumber } from './configuration.js';
import { type Family, families } from './huggingface-families.js';

/** Paths at which two values differ. */
function differences(a: unknown, b: unknown, path = ''): string[] {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b ? [] : [path];
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((key) =>
    differences(left[key], right[key], path === '' ? key : `${path}.${key}`),
  );
}

interface Attempt {
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Fields of the shape that the configuration does not bring back. */
  readonly lost: readonly string[];
  /** Whether the configuration can be read at all. */
  readonly readable: boolean;
}

function attempt(type: string, family: Family, shape: Shape, training: ExportTraining): Attempt {
  const config = { architectures: [family.architecture], model_type: type, ...family.config(shape, training) };
  try {
    const lost = differences(shapeFromHuggingFace(config, shape.name), shape);
    return { type, config, lost, readable: true };
  } catch (error) {
    if (!(error instanceof ShapelawError)) throw error;
    // All that a valid shape can make unreadable is a model whose heads must divide its width.
    return { type, config, lost: ['dKv'], readable: false };
  }
}

function refusal(shape: Shape, attempts: readonly Attempt[]): ShapelawError {
  const distance = ({ lost, readable }: Attempt) => (readable ? lost.length : Number.POSITIVE_INFINITY);
  const closest = attempts.reduce((best, other) => (distance(other) < distance(best) ? other : best));
  const field = closest.lost[0]!;
  const reason = closest.readable
    ? `model type ${closest.type} comes closest, and would differ in ${closest.lost.join(', ')}`
    : `the heads of model type ${closest.type} divide the width of the model, ${shape.dModel}, among them`;
  return cannotHold('transformers', shape, field, valueAt(shape, field), reason);
}

function valueAt(shape: Shape, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | null)?.[key], shape);
}

/**
 * A `config.json` of transformers that `shapeFromHuggingFace` reads back as the same shape.
 *
 * @throws ShapelawError `unsupported-config` where no model type holds the shape.
 */
export function huggingFaceConfiguration(shape: Shape, training: ExportTraining): ExportedConfiguration {
  const named = Object.entries(families).filter(([, { kind }]) => kind === shape.kind);
  const attempts = [
    ...named.filter(([, { names }]) => names.test(shape.name)),
    ...named.filter(([, { names }]) => !names.test(shape.name)),
  ].map(([type, family]) => attempt(type, family, shape, training));
  const found = attempts.find(({ lost }) => lost.length === 0);
  if (found === undefined) throw refusal(shape, attempts);
  requirePositions(shape, training);
  const { steps, batch, learningRate, optimizer } = training;
  return {
    fileName: 'config.json',
    text: `${JSON.stringify(found.config, null, 2)}\n`,
    notes: [
      `transformers 4.57: AutoConfig.from_pretrained of the file's folder, then ${architectureOf(found)}(config) for untrained weights.`,
      `The file holds the model alone. The run goes into TrainingArguments: max_steps ${steps}, ${batch} sequences a step (per_device_train_batch_size, gradient_accumulation_steps and devices multiplied), learning_rate ${learningRate === null ? 'of your choice' : plainNumber(learningRate)}, optimizer ${optimizer}.`,
      'Token ids of padding, start and end are those of your tokenizer; a shape does not know them.',
      ...(shape.kind === 'decoder' || shape.feedForward === 'plain'
        ? []
        : ["A gated feed-forward is written as gated-gelu, T5 v1.1's; a shape does not know its activation."]),
    ],
  };
}

function architectureOf({ type }: Attempt): string {
  return families[type]!.architecture;
}

function requirePositions(shape: Shape, { encoderTokens, decoderTokens }: ExportTraining): void {
  if (shape.positions.kind !== 'learned') return;
  const tokens = Math.max(encoderTokens, decoderTokens);
  if (tokens > shape.positions.rows) {
    const reason = `sequences of ${tokens} tokens need a row for each`;
    throw cannotHold('transformers', shape, 'positions.rows', shape.positions.rows, reason);
  }
}
