import { ShapelawError } from '../../errors.js';
import { parseInlineShape } from '../../flops/inline.js';
import { inlineDefaults, inlineText } from '../../flops/inline-text.js';
import { closestPresets, presetShape } from '../../flops/presets/index.js';
import type { Shape } from '../../flops/shape.js';
import { badSweep, type ShapeForm, type Sweep, type SweepOperator } from './sweep-schema.js';

/** Rows of the embedding table that ByT5's tokens need: 3 special ones, 256 bytes, 125 sentinels (Xue et al. 2022). */
export const byteVocab = 384;

/** What each operator sets (Tay et al. 2022, as the names of its checkpoints write them). */
export const operatorFields = {
  NL: ['encoderLayers', 'decoderLayers'],
  EL: ['encoderLayers'],
  DL: ['decoderLayers'],
  DM: ['dModel'],
  FF: ['dFf'],
  NH: ['heads'],
  KV: ['dKv'],
} as const satisfies Readonly<Record<SweepOperator, readonly (keyof Shape)[]>>;

type Setting = Readonly<Partial<Record<SweepOperator, number>>>;

/**
 * The shape that a sweep names.
 *
 * @param field - Where it stands, for messages.
 * @throws ShapelawError `bad-sweep` for a name or dimensions of no shape, and for what is no T5 encoder-decoder.
 */
export function sweepShape(form: ShapeForm, sweep: Sweep, field: string): Shape {
  const shape = typeof form === 'string' ? namedShape(form, sweep, field) : form;
  if (shape.kind !== 'encoder-decoder') {
    throw badSweep(field, shape.name, `a ${shape.kind} can't be trained here; give an encoder-decoder`);
  }
  return sweep.vocab === undefined ? shape : { ...shape, vocab: sweep.vocab };
}

function namedShape(text: string, { tokenizer = 'bytes' }: Sweep, field: string): Shape {
  const isInline = text.includes('=');
  const needsVocab = tokenizer === 'bytes' && !/(^|,)\s*vocab\s*=/.test(text);
  try {
    if (isInline) return parseInlineShape(needsVocab ? `${text},vocab=${byteVocab}` : text);
    const preset = presetShape(text);
    if (preset !== undefined) return preset;
  } catch (error) {
    if (error instanceof ShapelawError) throw badSweep(field, text, error.message);
    throw error;
  }
  const near = closestPresets(text);
  throw badSweep(
    field,
    text,
    `no preset has this name${near.length > 0 ? `; did you mean ${near.join(', ')}?` : ''} Dimensions are written as enc=2,dec=2,d=128,ff=512,kv=32,h=4`,
  );
}

/** A T5 shape as text, without its vocabulary: `enc=2,dec=2,d=128,ff=512,kv=32,h=4`. */
export function dimensionsText(shape: Shape): string {
  return inlineText({ ...shape, kvHeads: shape.heads, vocab: inlineDefaults['encoder-decoder'].vocab });
}

/**
 * The shapes of a grid: the base with its operators' values, the last operator changing fastest; one at a time, the base first.
 *
 * @throws ShapelawError `bad-sweep` for no operator, two that set the same, or more than `most` shapes.
 */
export function gridShapes(grid: NonNullable<Sweep['grid']>, base: Shape, most: number): Shape[] {
  const operators = (Object.keys(operatorFields) as SweepOperator[]).filter(
    (name) => grid.operators[name] !== undefined,
  );
  if (operators.length === 0) {
    throw badSweep('grid.operators', grid.operators, `give values of one of ${Object.keys(operatorFields).join(', ')}`);
  }
  const crossed = (grid.mode ?? 'crossed') === 'crossed';
  if (crossed) requireApart(operators, grid);
  const count = crossed ? operators.reduce((product, name) => product * grid.operators[name]!.length, 1) : 0;
  if (count > most) throw badSweep('grid.operators', grid.operators, `${count} shapes are more than ${most}`);
  const settings = crossed
    ? operators.reduce<Setting[]>(
        (before, name) => before.flatMap((set) => grid.operators[name]!.map((value) => ({ ...set, [name]: value }))),
        [{}],
      )
    : [{}, ...operators.flatMap((name) => grid.operators[name]!.map((value) => ({ [name]: value })))];
  return settings.map((setting) => changed(base, setting));
}

function requireApart(operators: readonly SweepOperator[], { operators: values }: NonNullable<Sweep['grid']>): void {
  const setBy = new Map<string, SweepOperator>();
  for (const name of operators) {
    for (const field of operatorFields[name]) {
      const other = setBy.get(field);
      if (other !== undefined) {
        throw badSweep(
          `grid.operators.${name}`,
          values[name],
          `${other} sets ${field} too; cross one of them, or go one-at-a-time`,
        );
      }
      setBy.set(field, name);
    }
  }
}

function changed(base: Shape, setting: Setting): Shape {
  const fields: Partial<Record<keyof Shape, number>> = {};
  for (const [name, value] of Object.entries(setting)) {
    for (const field of operatorFields[name as SweepOperator]) fields[field] = value;
  }
  const shape = { ...base, ...fields } as Shape;
  const sized = {
    ...shape,
    kvHeads: base.kvHeads === base.heads ? shape.heads : base.kvHeads,
    dEmbedding: base.dEmbedding === base.dModel ? shape.dModel : base.dEmbedding,
  };
  return { ...sized, name: `${dimensionsText(sized)},vocab=${sized.vocab}` };
}
