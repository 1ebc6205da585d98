import type { Law } from '../fit/law.js';
import type { Shape } from '../flops/shape.js';

/** What a line of a recommendation rests on. */
export interface Evidence {
  /** `exact`: counted; `rule`: a published rule applied here; `published`: a published measurement of this shape; `law`: a fitted or published law; `assumption`: an input that nothing here measures. */
  readonly kind: 'exact' | 'rule' | 'published' | 'law' | 'assumption';
  readonly says: string;
  readonly source: string;
}

const paper = 'Tay et al. 2022, Scale Efficiently';
const transcribed = `${paper}, as transcribed by third parties`;

export const exactCounts: Evidence = {
  kind: 'exact',
  says: 'parameters and FLOPs are counted, not estimated',
  source: 'formulas of the T5 reference implementation',
};

export const deepNarrowRule: Evidence = {
  kind: 'rule',
  says: 'DeepNarrow: raise depth before any other dimension, with gains ending at 32 to 36 layers; rests on downstream scores after fine-tuning of T5 on C4, not on loss',
  source: `${paper}, as quoted in the cards of its released checkpoints`,
};

/** Relations that the paper prints between a tall shape and a standard size. */
const published: Readonly<Record<string, string>> = {
  't5-efficient-small-nl16':
    '60% of T5-base in parameters, 63.1% in FLOPs (by exact count 63.3% at 512 tokens on either side, 62.1% at 512 and 114), 40% faster',
  't5-efficient-small-nl24':
    '87% of T5-base in FLOPs (by exact count 91.9% at 512 and 114 tokens; the paper does not state its convention)',
  't5-efficient-base-nl36': '16% fewer parameters than T5-large',
  't5-efficient-large-nl36': '37% of the parameters of T5-3B (38.2% by exact count)',
  't5-efficient-xl-nl32': 'about 33% of the parameters of T5-11B, about 3 times as fast',
};

/** Depths of the released checkpoints that are standard sizes made taller or shorter, by size. */
const releasedDepths: Readonly<Record<string, readonly number[]>> = {
  tiny: [2, 6, 8, 12, 16, 24, 32],
  mini: [6, 8, 12, 24],
  small: [2, 4, 8, 16, 20, 22, 24, 32, 36, 40, 48],
  base: [2, 4, 8, 16, 24, 32, 36, 40, 48],
  large: [2, 4, 8, 10, 12, 16, 20, 32, 36],
  xl: [2, 4, 6, 8, 12, 16, 28],
};

/** Encoder layers of the released checkpoints whose encoder alone differs, by size. */
const releasedEncoders: Readonly<Record<string, readonly number[]>> = {
  tiny: [2, 6, 8],
  small: [2, 4, 8, 12, 16, 32, 48, 64],
  base: [2, 4, 6, 8, 16],
  large: [2, 4, 6, 8, 12],
};

/** What is published of a tall shape: whether a checkpoint of it is released, and how the paper compares it. */
export function publishedEvidence({ name, encoderLayers }: Shape): readonly Evidence[] {
  const says = published[name];
  const size = name.split('-')[2] ?? '';
  const byDepth = name.includes('-el') ? releasedEncoders : releasedDepths;
  const released = (name.startsWith('t5-efficient-') && byDepth[size]?.includes(encoderLayers)) ?? false;
  return [
    {
      kind: 'published',
      says: released
        ? 'a checkpoint of this shape is released'
        : 'no checkpoint of this shape is released; the name follows their rule',
      source: `checkpoints of ${paper}`,
    },
    ...(says === undefined ? [] : [{ kind: 'published' as const, says, source: transcribed }]),
  ];
}

export const standardReference: Evidence = {
  kind: 'published',
  says: 'a standard size, shown as reference and exempt from the budget',
  source: 'Raffel et al. 2020, Exploring the Limits of Transfer Learning, and Tay et al. 2022 for tiny and mini',
};

/** What a reader of DeepNarrow advice should know against it. */
export const deepNarrowLimits: readonly string[] = [
  'Counter-evidence on depth: Narang et al. 2021 saw their best T5 variant at 18 layers, and 24 worse than 12; Cramming (Geiping & Goldstein 2022) saw no gain.',
  'The abstract of the paper speaks of 50% fewer parameters; no shape known here has that against the standard size that it is compared with: the nearest, t5-efficient-small-nl16, has 40% fewer than T5-base.',
  'Depth is serial: a tall shape of equal FLOPs has more steps in a row, so it can be slower per token where the device is not busy.',
];

/** A law as evidence for tokens or loss, with what separates it from a T5 trained here. */
export function lawEvidence(law: Law, use: string): Evidence {
  const decoder =
    law.conventions.tokens === 'decoder'
      ? '; its tokens are those of a decoder, and tokens of encoder and decoder are counted here, which no measurement here backs'
      : '';
  return { kind: 'law', says: `${use} by ${law.name}${decoder}`, source: law.provenance.source };
}
