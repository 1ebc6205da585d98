import { ShapelawError } from '../errors.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';

/** A batch size and a learning rate that a published rule gives, and how far to believe them. */
export interface TrainingRule {
  readonly rule: RuleName;
  /** Tokens a step; of an encoder-decoder the encoder's, as its rule counts them. */
  readonly batchTokens: number;
  /** Sequences a step where the rule states them; else null: batchTokens over the length of a sequence. */
  readonly batchSequences: number | null;
  /** The highest of the schedule. */
  readonly learningRate: number;
  readonly schedule: string;
  readonly optimizer: 'adafactor' | 'adamw';
  readonly formula: string;
  readonly source: string;
  /** What the study of the rule covers, in words. */
  readonly domain: string;
  readonly insideDomain: boolean;
  /** Factor by which the farthest of the rule's quantities lies outside the study; 1 inside. */
  readonly outsideFactor: number;
  readonly note: string;
}

export type RuleName = 't5' | 'step-law' | 'deepseek';

/** The run that a rule is asked about. */
export interface RunSize {
  /** Training tokens, encoder and decoder. */
  readonly tokens: number;
  /** Training FLOPs of them all, exact convention. */
  readonly flops: number;
}

interface Rule {
  readonly rule: RuleName;
  readonly applies: (shape: Shape) => boolean;
  /** The quantities that the study varied, and what it covered of each. */
  readonly domain: (run: Quantities) => readonly (readonly [value: number, low: number, high: number])[];
  readonly batchTokens: (run: Quantities) => number;
  readonly batchSequences: number | null;
  readonly learningRate: (run: Quantities) => number;
  readonly says: Pick<TrainingRule, 'schedule' | 'optimizer' | 'formula' | 'source' | 'note'> & {
    readonly domain: string;
  };
}

interface Quantities extends RunSize {
  readonly params: number;
  readonly nonEmbedding: number;
  /** FLOPs without the output projection. */
  readonly bodyFlops: number;
}

const singleStudy = 'One study, stated without an interval, and never refitted here.';

const rules: readonly Rule[] = [
  {
    rule: 't5',
    applies: ({ kind, positions, norms }) =>
      kind === 'encoder-decoder' && positions.kind === 'relative' && norms.kind === 'rms',
    // t5-small and t5-11b; the 2^35 tokens are those of the encoder, to which span corruption adds 114 for every 512.
    domain: ({ params, tokens }) => [
      [params, 60_506_624, 11_307_321_344],
      [tokens, 1, 2 ** 35 * (1 + 114 / 512)],
    ],
    batchTokens: () => 128 * 512,
    batchSequences: 128,
    learningRate: () => 1 / Math.sqrt(10_000),
    says: {
      schedule: '1 / sqrt(max(step, 10^4)): 0.01 for 10^4 steps, then the inverse square root',
      optimizer: 'adafactor',
      formula: 'batch = 128 sequences of 512 tokens = 2^16; rate = 1 / sqrt(max(step, 10^4))',
      source:
        'Raffel et al. 2020, section 3.1.2; defaults of T5X at every size, t5x/configs/runs/pretrain.gin (commit 0858c1a2)',
      domain: 'T5 with span corruption, 60.5M to 11.3B parameters, up to 2^35 tokens of the encoder (2^19 steps)',
      note: `A setting, not an optimum: the paper fixes it at T5-base and varies neither with size. ${singleStudy}`,
    },
  },
  {
    rule: 'step-law',
    applies: ({ kind, experts }) => kind === 'decoder' && experts === null,
    domain: ({ nonEmbedding, tokens }) => [
      [nonEmbedding, 214_663_680, 1_073_741_824],
      [tokens, 4e9, 1e11],
    ],
    batchTokens: ({ tokens }) => 0.58 * tokens ** 0.571,
    batchSequences: null,
    learningRate: ({ nonEmbedding, tokens }) => 1.79 * nonEmbedding ** -0.713 * tokens ** 0.307,
    says: {
      schedule: 'cosine to a fixed 1e-5',
      optimizer: 'adamw',
      formula: 'rate = 1.79 N^-0.713 D^0.307; batch = 0.58 D^0.571 tokens; N without vocabulary, D tokens',
      source: 'Li et al. 2025, Predictable Scale: Part I, Step Law (arXiv 2503.04715); the grid of step-law.github.io',
      domain: 'dense decoders of 215M to 1.07B parameters without vocabulary, on 4B to 100B tokens',
      note: `Losses are flat around the optimum. ${singleStudy}`,
    },
  },
  {
    rule: 'deepseek',
    applies: ({ kind, experts }) => kind === 'decoder' && experts === null,
    domain: ({ bodyFlops }) => [[bodyFlops, 1e17, 1e20]],
    batchTokens: ({ bodyFlops }) => 0.292 * bodyFlops ** 0.3271,
    batchSequences: null,
    learningRate: ({ bodyFlops }) => 0.3118 * bodyFlops ** -0.125,
    says: {
      schedule: 'multi-step after 2000 steps of warm-up: 31.6% of the rate from 80% of the tokens on, 10% from 90%',
      optimizer: 'adamw',
      formula: 'rate = 0.3118 C^-0.1250; batch = 0.2920 C^0.3271 tokens; C training FLOPs without the vocabulary',
      source: 'Bi et al. 2024, DeepSeek LLM, equation 1 (arXiv 2401.02954)',
      domain: 'dense decoders at 1e17 to 2e19 FLOPs, tested at 1e20',
      note: `Its authors trained 7B and 67B by it, at 8e22 and 1e24 FLOPs. ${singleStudy}`,
    },
  },
];

/**
 * Every published rule of batch size and learning rate for a kind of model, those whose study covers the run first, then the closest;
 * empty where none is known (BERT, mixtures of experts, encoder-decoders that are no T5).
 *
 * @throws ShapelawError `bad-usage` for tokens or FLOPs that are not positive.
 */
export function trainingRules(shape: Shape, run: RunSize): readonly TrainingRule[] {
  for (const [name, value] of Object.entries({ tokens: run.tokens, flops: run.flops })) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new ShapelawError('bad-usage', `${name} must be a positive number, not ${value}`, { [name]: value });
  }
  const { total, nonEmbedding } = countParameters(shape);
  const { tokens, flops } = run;
  // A token takes 2 FLOPs a parameter of the output projection forward, and twice as many backward.
  const bodyFlops = flops - 6 * shape.vocab * shape.dModel * tokens;
  const quantities = { tokens, flops, params: total, nonEmbedding, bodyFlops };
  return rules
    .filter(({ applies }) => applies(shape))
    .map((rule) => applied(rule, quantities))
    .filter(({ learningRate }) => Number.isFinite(learningRate))
    .sort((a, b) => a.outsideFactor - b.outsideFactor);
}

function applied(
  { rule, domain, batchTokens, batchSequences, learningRate, says }: Rule,
  run: Quantities,
): TrainingRule {
  const outsideFactor = domain(run).reduce((most, [value, low, high]) => Math.max(most, low / value, value / high), 1);
  return {
    rule,
    batchTokens: Math.round(batchTokens(run)),
    batchSequences,
    learningRate: learningRate(run),
    ...says,
    insideDomain: outsideFactor === 1,
    outsideFactor,
  };
}

/**
 * The first of {@link trainingRules}; null where no rule is known.
 *
 * @throws ShapelawError `bad-usage` for tokens or FLOPs that are not positive.
 */
export function trainingRule(shape: Shape, run: RunSize): TrainingRule | null {
  return trainingRules(shape, run)[0] ?? null;
}
