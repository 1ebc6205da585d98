import { unstatedConventions } from '../conventions.js';
import { ShapelawError } from '../errors.js';
import { version } from '../version.js';
import { besirogluDraws, besirogluResiduals } from './besiroglu-draws.js';
import {
  gemstonesShapeDraws,
  gemstonesShapeDrawsKind,
  gemstonesShapeParameters,
  gemstonesShapeRanges,
  gemstonesShapeResiduals,
} from './gemstones-shape.js';
import { centralInterval } from './intervals.js';
import type { Law } from './law.js';
import { lawForm } from './laws/registry.js';
import { unpackNumbers } from './packed-draws.js';

interface PublishedLaw {
  readonly law: Law['law'];
  /** Defaults to none. */
  readonly form?: Law['form'];
  readonly formula: string;
  readonly variables: readonly Law['variables'][number][];
  readonly parameters: Readonly<Record<string, number>>;
  readonly rounded: boolean;
  readonly conventions: Partial<Law['conventions']>;
  readonly ranges: Readonly<Record<string, readonly [number, number]>> | null;
  readonly source: string;
  readonly notes: readonly string[];
  /** Central intervals of single parameters as printed. */
  readonly intervals?: NonNullable<Law['intervals']>;
  readonly draws?: NonNullable<Law['draws']>;
  readonly residuals?: NonNullable<Law['residuals']>;
}

/** Level of the intervals of derived quantities. */
const publishedLevel = 0.95;

const chinchilla = {
  law: 'chinchilla',
  formula: 'L = E + A params^-alpha + B tokens^-beta',
  variables: ['params', 'tokens'],
} as const;
const hoffmannRanges = { params: [70e6, 16e9], tokens: [5e9, 500e9] } as const;
const hoffmannConventions = { loss: 'nats-per-token' } as const;
const decoderTokens = { tokens: 'decoder' } as const;

const publishedLaws: Readonly<Record<string, PublishedLaw>> = {
  'hoffmann-2022': {
    ...chinchilla,
    parameters: {
      E: Math.exp(0.5267228),
      A: Math.exp(6.0073404),
      B: Math.exp(6.0179186),
      alpha: 0.33917084,
      beta: 0.2849083,
    },
    rounded: false,
    conventions: { ...hoffmannConventions, ...decoderTokens },
    ranges: hoffmannRanges,
    source:
      'Hoffmann et al. 2022, Training Compute-Optimal Large Language Models, appendix D.3, at the precision of its TeX source (read by Besiroglu et al. 2024)',
    notes: [
      'approach 3; its printed intervals of the exponent, .454 to .455, would take some 600,000 runs (Besiroglu et al. 2024)',
      'disagrees with approaches 1 and 2 of the same paper, and with a re-fit of its own figure 4: see besiroglu-2024',
    ],
  },
  'hoffmann-2022-rounded': {
    ...chinchilla,
    parameters: { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 },
    rounded: true,
    conventions: { ...hoffmannConventions, ...decoderTokens },
    ranges: hoffmannRanges,
    source: 'Hoffmann et al. 2022, Training Compute-Optimal Large Language Models, equation 10',
    notes: [
      'rounded as printed: at 5.76e23 FLOP it asks for 92.6 tokens a parameter, where the unrounded parameters ask for 58.9; prefer hoffmann-2022 or besiroglu-2024',
    ],
  },
  'besiroglu-2024': {
    ...chinchilla,
    parameters: { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 },
    rounded: false,
    conventions: { ...hoffmannConventions, ...decoderTokens },
    ranges: { params: [57334197, 16183346311], tokens: [818680777, 317754489344] },
    source: 'Besiroglu et al. 2024, Chinchilla Scaling: A replication attempt, table 1',
    notes: [
      'a likelihood fit to 240 points digitised from figure 4 of Hoffmann et al. 2022; the ranges are those of the points',
      'printed to 4 digits; the more digits in the notebook of its authors change tokens per parameter by 0.3%',
      'only intervals of single parameters are published; draws and scatter, and so all other intervals, are our own refits of the same points',
    ],
    intervals: {
      level: 0.95,
      kind: 'bootstrap, as published',
      parameters: {
        A: [285.2, 743.6],
        B: [1042, 5810],
        E: [1.769, 1.871],
        alpha: [0.317, 0.373],
        beta: [0.331, 0.415],
      },
    },
    draws: {
      kind: 'our bootstrap over the 140 model sizes of its points (Huber, delta 1e-3), not published',
      seed: 0,
      notConverged: 0,
      atBound: 0,
      redrawn: 0,
      parameters: ['E', 'A', 'B', 'alpha', 'beta'],
      values: besirogluDraws.map((draw) => [...draw]),
    },
    residuals: { quantiles: [...besirogluResiduals] },
  },
  'besiroglu-2024-notebook': {
    ...chinchilla,
    parameters: { E: 1.81686, A: 482.00572, B: 2085.4342, alpha: 0.34781, beta: 0.36585 },
    rounded: false,
    conventions: { ...hoffmannConventions, ...decoderTokens },
    ranges: { params: [57334197, 16183346311], tokens: [818680777, 317754489344] },
    source: 'the notebook of Besiroglu et al. 2024 (epoch-research/analyzing-chinchilla), as printed there',
    notes: ['the fit of besiroglu-2024 with the digits that the notebook prints'],
  },
  'kaplan-2020': {
    law: 'kaplan',
    formula: 'L = [(Nc/params)^(alphaN/alphaD) + Dc/tokens]^alphaD',
    variables: ['params', 'tokens'],
    parameters: { Nc: 6.4e13, Dc: 1.8e13, alphaN: 0.076, alphaD: 0.103 },
    rounded: true,
    conventions: { params: 'non-embedding', loss: 'nats-per-token', tokenizer: 'GPT-2 BPE, 50257', ...decoderTokens },
    ranges: { params: [768, 1.5e9], tokens: [22e6, 23e9] },
    source: 'Kaplan et al. 2020, Scaling Laws for Neural Language Models, equation 1.5 and table 2',
    notes: ['rounded as printed; of models trained to convergence on WebText2, early-stopped'],
  },
  'gemstones-shape': {
    law: 'shape',
    form: { ratios: ['dModel/layers'] },
    formula: lawForm('shape', { ratios: ['dModel/layers'] }).formula,
    variables: ['params', 'tokens', 'dModel', 'layers'],
    parameters: gemstonesShapeParameters,
    rounded: false,
    conventions: { params: 'total', loss: 'nats-per-token', ...decoderTokens },
    ranges: gemstonesShapeRanges,
    source:
      'our fit of the law of shape to the 220 published measurements of McLeish et al. 2025, Gemstones (MIT licence); not a result of that study',
    notes: [
      'of 22 decoder-only models with width and depth varied alone, on one data set, with one vocabulary of 50,304 and untied tables that count as parameters: encoders, other ratios, other texts and downstream scores are beyond it',
      'losses in the middle of a schedule, of ten checkpoints a run',
    ],
    draws: {
      kind: `our ${gemstonesShapeDrawsKind} (Huber, delta 1e-3), not published`,
      seed: 0,
      notConverged: 0,
      atBound: 0,
      redrawn: 0,
      parameters: Object.keys(gemstonesShapeParameters),
      values: rowsOf(gemstonesShapeDraws, Object.keys(gemstonesShapeParameters).length),
    },
    residuals: { quantiles: [...gemstonesShapeResiduals] },
  },
  'muennighoff-2023': {
    law: 'data-constrained',
    formula:
      'L = E + A effective(params)^-alpha + B effective(tokens)^-beta, effective(x) = U + U R* (1 - exp(-(x/U - 1)/R*))',
    variables: ['params', 'tokens', 'uniqueTokens'],
    parameters: {
      E: Math.exp(0.6254804),
      A: Math.exp(6.255414),
      B: Math.exp(7.3049974),
      alpha: 0.3526596,
      beta: 0.3526596,
      RD: 15.387756,
      RN: 5.309743,
    },
    rounded: false,
    conventions: { loss: 'nats-per-token', tokenizer: 'GPT-2 BPE, 50257', ...decoderTokens },
    ranges: null,
    source:
      'Muennighoff et al. 2023, Scaling Data-Constrained Language Models, section 3.2, at the precision of its code',
    notes: ['runs of up to 9B parameters and 900B tokens; alpha and beta were set equal'],
  },
};

/** Names of the published laws. */
export function publishedLawNames(): readonly string[] {
  return Object.keys(publishedLaws);
}

/**
 * A published law, as a law file holds it. None has published draws; besiroglu-2024 has our own.
 *
 * @throws ShapelawError `unknown-law`, listing the names.
 */
export function publishedLaw(name: string): Law {
  const key = name.toLowerCase();
  const found = Object.hasOwn(publishedLaws, key) ? publishedLaws[key] : undefined;
  if (found === undefined) {
    throw new ShapelawError('unknown-law', `no published law named ${name}: ${publishedLawNames().join(', ')}`, {
      name,
    });
  }
  const { parameters } = found;
  const draws = found.draws ?? null;
  const form = lawForm(found.law, found.form ?? {});
  const derived = Object.entries(form.derive(form.parameters.map((parameter) => parameters[parameter]!)));
  const drawn = draws === null ? [] : draws.values.map((values) => form.derive(values));
  return {
    format: 'shapelaw-law/2',
    name: key,
    law: found.law,
    form: found.form ?? {},
    formula: found.formula,
    variables: [...found.variables],
    parameters: { ...parameters },
    objective: null,
    status: 'published',
    solver: null,
    rows: null,
    intervals: found.intervals ?? null,
    derived: Object.fromEntries(
      derived.map(([quantity, value]) => [
        quantity,
        {
          value,
          interval:
            drawn.length === 0
              ? null
              : centralInterval(
                  drawn.map((draw) => draw[quantity]!),
                  publishedLevel,
                ),
        },
      ]),
    ),
    draws,
    residuals: found.residuals ?? null,
    noise: null,
    prior: null,
    forced: [],
    conventions: { ...unstatedConventions, ...found.conventions },
    domain:
      found.ranges === null
        ? null
        : {
            ranges: Object.fromEntries(Object.entries(found.ranges).map(([key, [low, high]]) => [key, [low, high]])),
            hull: null,
          },
    provenance: {
      source: found.source,
      fileSha256: null,
      rowsSha256: null,
      options: {},
      rounded: found.rounded,
      notes: [...found.notes],
      version,
    },
  };
}

/** Packed draws as rows of so many numbers. */
function rowsOf(packed: string, size: number): number[][] {
  const flat = unpackNumbers(packed, 'gemstones-shape');
  return Array.from({ length: flat.length / size }, (_, k) => Array.from(flat.subarray(k * size, (k + 1) * size)));
}
