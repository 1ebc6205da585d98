import { ShapelawError } from '../errors.js';
import { columnValue } from '../fit/columns.js';
import type { Law } from '../fit/law.js';
import { countFlops } from '../flops/flops.js';
import { countParameters } from '../flops/parameters.js';
import type { Shape } from '../flops/shape.js';
import { shapeOfAnswer } from './answer-shape.js';
import type { Constraint } from './budget.js';
import { parametersFor, pointFor, tokensLawOf } from './law-use.js';
import type { Recommendation, RecommendedShape } from './recommendation.js';

/** One number that went into another, and where it comes from. */
export interface ExplainedInput {
  readonly name: string;
  readonly value: number | string;
  readonly unit: string;
  readonly source: string;
}

/** How a number of an answer comes about. */
export interface Explanation {
  readonly number: ExplainedNumber;
  readonly shape: string;
  readonly value: number | readonly [number, number] | null;
  readonly unit: string;
  readonly formula: string;
  readonly source: string;
  readonly inputs: readonly ExplainedInput[];
}

/** Numbers of a line whose derivation can be asked for. */
export const explainedNumbers = [
  'parameters',
  'flops-per-token',
  'tokens',
  'flops',
  'steps',
  'time',
  'cost',
  'energy',
  'co2e',
  'memory',
  'inference-memory',
  'step-time',
  'latency',
  'loss',
  'regret',
] as const;

export type ExplainedNumber = (typeof explainedNumbers)[number];

interface Context {
  readonly answer: Recommendation;
  readonly row: RecommendedShape;
  readonly law: Law | null;
}

/**
 * The derivation of a number of an answer.
 *
 * @param asked - Its name, with `@` and the name of a shape for another than the first.
 * @param law - The law that the answer was given.
 * @throws ShapelawError `bad-usage` for a number that is none of {@link explainedNumbers} or that the answer lacks,
 * `unknown-shape` for a shape that is not in the answer.
 */
export function explain(answer: Recommendation, asked: string, law: Law | null): Explanation {
  const at = asked.indexOf('@');
  const number = (at < 0 ? asked : asked.slice(0, at)).trim() as ExplainedNumber;
  if (!explainedNumbers.includes(number)) {
    throw new ShapelawError('bad-usage', `no number "${number}" to explain: ${explainedNumbers.join(', ')}`, {
      number,
    });
  }
  const row = shapeOfAnswer(answer, at < 0 ? undefined : asked.slice(at + 1));
  return { number, shape: row.shape.name, ...explainers[number]({ answer, row, law }) };
}

type Explained = Omit<Explanation, 'number' | 'shape'>;

const counted = 'counted';
const explainers: Readonly<Record<ExplainedNumber, (context: Context) => Explained>> = {
  parameters: ({ row }) => {
    const { components } = countParameters(row.shape);
    return {
      value: row.parameters,
      unit: 'parameters',
      formula: `sum of the components${t5Formula(row.shape)}`,
      source: 'formulas of the reference implementation (Hugging Face transformers)',
      inputs: [...dimensionInputs(row.shape), ...componentInputs(components, 'parameters')],
    };
  },
  'flops-per-token': ({ row }) => {
    const { components, training, encoderTokens, decoderTokens } = countFlops(row.shape, row.lengths);
    const forward = Object.fromEntries(Object.entries(components).map(([name, part]) => [name, part.forward]));
    return {
      value: training / (encoderTokens + decoderTokens),
      unit: 'training FLOPs a token, exact',
      formula: '3 * sum of forward matrix products / (encoder tokens + decoder tokens)',
      source: 'every matrix product, 2 FLOPs for a multiply and add; backward is twice forward',
      inputs: [...lengthInputs(row), ...componentInputs(forward, 'forward FLOPs a sequence')],
    };
  },
  tokens: ({ answer, row, law }) => {
    const { trainingFlops } = answer.budget;
    const perToken = row.flops / row.tokens;
    if (trainingFlops !== null) {
      const served = stated(answer, 'inference-volume');
      return {
        value: row.tokens,
        unit: 'tokens, encoder and decoder',
        formula:
          served === undefined
            ? 'training FLOPs at the lowest MFU / training FLOPs a token'
            : '(FLOPs at the lowest MFU - tokens served * forward FLOPs a token) / training FLOPs a token',
        source: 'the budget, and exact counts',
        inputs: [
          input('training FLOPs', trainingFlops[0], 'FLOPs', 'the budget'),
          input('training FLOPs a token', perToken, 'FLOPs', counted),
          ...(served !== undefined
            ? [
                input('tokens served', served.tokens, 'tokens', 'given'),
                input('forward FLOPs a token', perToken / 3, 'FLOPs', counted),
              ]
            : []),
          ...uniqueInputs(answer),
        ],
      };
    }
    const tokensLaw = tokensLawOf(law);
    return {
      value: row.tokens,
      unit: 'tokens, encoder and decoder',
      formula:
        'D = C / (6 N) at the C where N = G (C/6)^a, with a = beta / (alpha + beta), G = (alpha A / (beta B))^(1 / (alpha + beta))',
      source: `Hoffmann et al. 2022, equation 4, with ${tokensLaw.name}: ${tokensLaw.provenance.source}`,
      inputs: [
        input('N', parametersFor(tokensLaw, countParameters(row.shape)), 'parameters', counted),
        ...(['A', 'B', 'alpha', 'beta'] as const).map((name) =>
          input(name, tokensLaw.parameters[name]!, '', tokensLaw.name),
        ),
        ...uniqueInputs(answer),
      ],
    };
  },
  flops: ({ row }) => ({
    value: row.flops,
    unit: 'training FLOPs, exact',
    formula: 'tokens * training FLOPs a token',
    source: 'exact counts',
    inputs: [
      input('tokens', row.tokens, 'tokens', 'explained by tokens'),
      input('training FLOPs a token', row.flops / row.tokens, 'FLOPs', 'explained by flops-per-token'),
    ],
  }),
  steps: ({ answer, row }) => ({
    value: row.steps,
    unit: 'steps',
    formula: `tokens / (batch * tokens of a sequence), rounded ${answer.budget.trainingFlops === null ? 'up' : 'down'}`,
    source: 'the batch that was assumed',
    inputs: [
      input('tokens', row.tokens, 'tokens', 'explained by tokens'),
      input('batch', answer.setting.batch, 'sequences', sourceOf(answer, 'batch')),
      ...lengthInputs(row),
    ],
  }),
  time: ({ answer, row }) => ({
    value: row.time.wallSeconds,
    unit: 's from the highest to the lowest MFU',
    formula: 'FLOPs / (devices * peak * MFU)',
    source: 'MFU as defined by Chowdhery et al. 2022, appendix B',
    inputs: costInputs(answer, row),
  }),
  cost: ({ answer, row }) => ({
    value: row.cost.dollars,
    unit: 'US dollars from the highest to the lowest MFU',
    formula: 'FLOPs / (peak * MFU) / 3600 * price of a device and hour',
    source: 'the price that was assumed',
    inputs: [
      ...costInputs(answer, row),
      input(
        'price',
        answer.setting.dollarsPerHour ?? 'unknown',
        'US dollars a device and hour',
        sourceOf(answer, 'price'),
      ),
    ],
  }),
  energy: ({ answer, row }) => ({
    value: row.cost.kiloWattHours,
    unit: 'kWh from the highest to the lowest MFU',
    formula: 'device hours * watts / 1000 * PUE',
    source: 'Patterson et al. 2021, section 2.5',
    inputs: energyInputs(answer, row),
  }),
  co2e: ({ answer, row }) => ({
    value: row.cost.kilogramsCo2e,
    unit: 'kg CO2e from the highest to the lowest MFU',
    formula: 'device hours * watts / 1000 * PUE * grams a kWh / 1000',
    source: 'Patterson et al. 2021, section 2.5',
    inputs: [
      ...energyInputs(answer, row),
      input('grid', answer.setting.carbonIntensity, 'g CO2e a kWh', sourceOf(answer, 'grid')),
    ],
  }),
  memory: ({ answer, row }) => {
    const { weights, gradients, masterWeights, optimizerState, activations, total } = row.memory;
    return {
      value: total,
      unit: 'bytes of one device',
      formula: 'weights + gradients + master weights + optimizer state + activations',
      source: sourceOf(answer, 'memory'),
      inputs: componentInputs(
        { weights, gradients, masterWeights, optimizerState, ...activations },
        'bytes',
        'a formula of the shape',
      ),
    };
  },
  'inference-memory': ({ row }) => ({
    value: row.inferenceMemory.total,
    unit: 'bytes of one device that serves one sequence at a time',
    formula: 'weights + key-value cache, 2 bytes each number',
    source: 'Pope et al. 2022, section 2',
    inputs: componentInputs(
      { weights: row.inferenceMemory.weights, keyValueCache: row.inferenceMemory.keyValueCache },
      'bytes',
      'a formula of the shape',
    ),
  }),
  'step-time': ({ row }) => ({
    value: row.speed.stepSeconds.interval ?? row.speed.stepSeconds.value,
    unit: 's a step of training',
    formula: row.speed.step.formula,
    source: row.speed.step.source,
    inputs: componentInputs(row.speed.step.parts, 's', row.speed.step.source),
  }),
  latency: ({ row }) => ({
    value: row.speed.tokenSeconds.interval ?? row.speed.tokenSeconds.value,
    unit: 's a token that is generated, one sequence at a time',
    formula: row.speed.serving.formula,
    source: row.speed.serving.source,
    inputs: componentInputs(row.speed.serving.parts, 's', row.speed.serving.source),
  }),
  loss: ({ answer, row, law }) => {
    if (law === null || row.loss === null) throw absent('loss', 'no law was given; name one with --law');
    const point = pointFor(
      law,
      row.shape,
      countParameters(row.shape),
      row.tokens,
      row.flops,
      stated(answer, 'unique-tokens')?.tokens ?? null,
    );
    return {
      value: row.loss.value,
      unit: row.loss.unit,
      formula: law.formula,
      source: `${law.name}: ${law.provenance.source}`,
      inputs: [
        ...Object.entries(law.parameters).map(([name, value]) => input(name, value, '', law.name)),
        ...law.variables.map((name) => input(name, columnValue(point, name)!, '', counted)),
      ],
    };
  },
  regret: ({ answer, row }) => {
    if (row.set === null || answer.set === null)
      throw absent('regret', 'there is no set; name a law with draws with --law');
    return {
      value: row.set.regret.value,
      unit: `${row.loss?.unit ?? 'loss'}, above the best candidate`,
      formula: `loss less the least of all candidates; a member unless a rival is better by more than the tolerance and so many standard deviations that all comparisons hold together at ${answer.set.level}`,
      source: 'model confidence set, Hansen, Lunde & Nason 2011, over the draws of the law',
      inputs: [
        input('loss', row.loss?.value ?? Number.NaN, row.loss?.unit ?? '', 'explained by loss'),
        input('tolerance', answer.set.tolerance, row.loss?.unit ?? '', 'given, or the default'),
        input('candidates', answer.set.candidates, 'shapes', 'the lattice'),
        input('within the tolerance', row.set.probability, 'share of draws', 'the draws of the law'),
      ],
    };
  },
};

function absent(number: ExplainedNumber, why: string): ShapelawError {
  return new ShapelawError('bad-usage', `the answer has no ${number}: ${why}`, { number });
}

function input(name: string, value: number | string, unit: string, source: string): ExplainedInput {
  return { name, value, unit, source };
}

function componentInputs(components: object, unit: string, source = counted): readonly ExplainedInput[] {
  return Object.entries(components)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => input(name, value as number, unit, source));
}

function dimensionInputs(shape: Shape): readonly ExplainedInput[] {
  const names = ['encoderLayers', 'decoderLayers', 'dModel', 'dFf', 'dKv', 'heads', 'vocab'] as const;
  return names.map((name) => input(name, shape[name], '', 'the shape'));
}

function lengthInputs({ lengths }: RecommendedShape): readonly ExplainedInput[] {
  return [
    input('encoder tokens', lengths.encoderTokens, 'tokens a sequence', 'assumed'),
    input('decoder tokens', lengths.decoderTokens, 'tokens a sequence', 'assumed'),
  ];
}

/** What the budget states of a kind. */
function stated<Kind extends Constraint['kind']>({ budget }: Recommendation, kind: Kind) {
  return [budget, ...budget.constraints].find(
    (constraint): constraint is Extract<Constraint, { readonly kind: Kind }> => constraint.kind === kind,
  );
}

function uniqueInputs(answer: Recommendation): readonly ExplainedInput[] {
  const found = stated(answer, 'unique-tokens');
  return found === undefined ? [] : [input('unique tokens', found.tokens, 'tokens', 'given')];
}

function costInputs({ setting, ...answer }: Recommendation, row: RecommendedShape): readonly ExplainedInput[] {
  return [
    input('FLOPs', row.flops, 'FLOPs', 'explained by flops'),
    input('devices', setting.devices, setting.hardware.name, 'assumed, or given'),
    input('peak', setting.peakFlops, 'FLOP/s of a device', setting.hardware.source),
    input('lowest MFU', setting.mfu[0], '', sourceOf(answer, 'MFU')),
    input('highest MFU', setting.mfu[1], '', sourceOf(answer, 'MFU')),
  ];
}

function energyInputs(answer: Recommendation, row: RecommendedShape): readonly ExplainedInput[] {
  return [
    ...costInputs(answer, row),
    input('watts', answer.setting.watts ?? 'unknown', 'W a device', answer.setting.hardware.source),
    input('PUE', answer.setting.pue, '', sourceOf(answer, 'power')),
  ];
}

function sourceOf(answer: Pick<Recommendation, 'assumptions'>, name: string): string {
  return answer.assumptions.find((assumption) => assumption.name === name)?.source ?? 'assumed';
}

/** T5's components in one line, where the shape is one of T5's. */
function t5Formula({ kind, positions, feedForward, tiedEmbeddings }: Shape): string {
  return kind === 'encoder-decoder' && positions.kind === 'relative' && feedForward === 'plain' && tiedEmbeddings
    ? ': V d + EL (4 d h kv + 2 d ff + 2 d) + DL (8 d h kv + 2 d ff + 3 d) + 2 * 32 h + 2 d'
    : '';
}
