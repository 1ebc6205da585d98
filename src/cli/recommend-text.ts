import type { Allocation, Allocations } from '../recommend/allocations.js';
import { type Constraint, computeKinds } from '../recommend/budget.js';
import type { Explanation } from '../recommend/explain.js';
import type { Estimate } from '../recommend/law-use.js';
import type { Recommendation, RecommendedShape } from '../recommend/recommendation.js';
import {
  bytes,
  change,
  dollars,
  durations,
  exact,
  interval,
  percent,
  range,
  scientific,
  short,
  significant,
  stated,
} from './format.js';
import { outside } from './predict.js';
import { type Column, right, table } from './table.js';
import type { Terminal } from './terminal.js';

/** An answer for people: the shapes, what they take, what they rest on. */
export function recommendationText(answer: Recommendation, { colors }: Terminal): string {
  const rows = answer.recommendations;
  return [
    `${colors.bold('Budget')}  ${budgetText(answer)}`,
    ...setText(answer, colors.bold),
    '',
    shapesTable(answer, rows, colors.bold),
    trainingTable(rows, colors.bold),
    speedTable(rows, colors.bold),
    `${colors.bold('Evidence')}\n${evidenceText(rows)}`,
    '',
    table(
      [{ heading: 'assumed' }, { heading: 'value' }, { heading: 'source' }],
      answer.assumptions.map(({ name, value, source, given }) => [
        name,
        value,
        given && source !== 'given' ? `given; ${source}` : source,
      ]),
      colors.bold,
    ),
    colors.dim(answer.notes.map((note) => `- ${note}`).join('\n')),
    '',
  ].join('\n');
}

function shapesTable(
  answer: Recommendation,
  rows: readonly RecommendedShape[],
  bold: (text: string) => string,
): string {
  const standard = rows.find((row) => row.role === 'standard')!;
  const level = rows[0]!.loss?.level ?? 0;
  const columns: readonly (readonly [Column, (row: RecommendedShape) => string])[] = [
    [{ heading: 'shape' }, (row) => row.shape.name],
    [{ heading: 'role' }, (row) => row.role],
    [right('parameters'), (row) => exact(row.parameters)],
    [right(`vs ${standard.shape.name}`), (row) => change(row.parameters / standard.parameters - 1)],
    ...(answer.budget.kind === 'params'
      ? [[right('vs budget'), (row: RecommendedShape) => change(row.excess!)] as const]
      : []),
    ...(rows.some((row) => beyondText(row, answer) !== '')
      ? [[{ heading: 'beyond the limits' }, (row: RecommendedShape) => beyondText(row, answer)] as const]
      : []),
    [right('FLOPs/token'), (row) => `${row.flopsPerTokenRatio.toFixed(3)}x`],
    [right('tokens'), tokensOf],
    ...(rows.some((row) => row.epochs !== null)
      ? [[right('epochs'), (row: RecommendedShape) => significant(row.epochs!)] as const]
      : []),
    ...(rows.some((row) => row.loss !== null)
      ? ([
          [right('loss'), (row: RecommendedShape) => row.loss?.value.toFixed(4) ?? ''],
          [
            right(`${percent(level)} of a new run`),
            (row: RecommendedShape) =>
              row.loss?.newRun == null ? 'none' : range(row.loss.newRun, (value) => value.toFixed(4)),
          ],
        ] as const)
      : []),
    ...(answer.set === null
      ? []
      : ([
          [right('regret'), regretOf],
          [{ heading: 'in the set' }, (row: RecommendedShape) => (row.set?.member ? 'yes' : 'no')],
        ] as const)),
    [{ heading: 'front' }, (row) => (row.pareto ? 'yes' : row.dominatedBy === null ? 'no' : 'outdone')],
    [right('outside evidence'), (row) => outside(row.extrapolation)],
  ];
  return table(
    columns.map(([column]) => column),
    rows.map((row) => columns.map(([, cell]) => cell(row))),
    bold,
  );
}

/** By what a reference exceeds limits that have no column of their own. */
function beyondText({ exceeds }: RecommendedShape, { budget }: Recommendation): string {
  return exceeds
    .filter(({ kind }) => kind !== budget.kind || kind !== 'params')
    .map(({ kind, share }) => `${kind.replaceAll('-', ' ')} ${change(share)}`)
    .join(', ');
}

function regretOf({ set }: RecommendedShape): string {
  if (set === null) return '';
  return `${set.regret.value.toFixed(4)} (${range(set.regret.interval, (value) => value.toFixed(4))})`;
}

function trainingTable(rows: readonly RecommendedShape[], bold: (text: string) => string): string {
  return table(
    [
      { heading: 'training of' },
      right('steps'),
      right('FLOPs'),
      right('time'),
      right('cost'),
      right('energy'),
      right('CO2e'),
      right('memory'),
      { heading: 'batch and learning rate of a rule' },
    ],
    rows.map((row) => [
      row.shape.name,
      exact(row.steps),
      scientific(row.flops),
      durations(row.time.wallSeconds),
      row.cost.dollars === null ? 'unknown' : range(row.cost.dollars, dollars),
      row.cost.kiloWattHours === null ? 'unknown' : `${range(row.cost.kiloWattHours, significant)} kWh`,
      row.cost.kilogramsCo2e === null ? 'unknown' : `${range(row.cost.kilogramsCo2e, significant)} kg`,
      `${bytes(row.memory.total)}${row.memory.fits ? '' : ' (too big)'}`,
      ruleText(row),
    ]),
    bold,
  );
}

function ruleText({ rule }: RecommendedShape): string {
  if (rule === null) return 'no rule applies';
  const domain = rule.insideDomain ? '' : `, ${significant(rule.outsideFactor)}x beyond its study`;
  return `${short(rule.batchTokens)} tokens, ${significant(rule.learningRate)} (${rule.rule}${domain})`;
}

function speedTable(rows: readonly RecommendedShape[], bold: (text: string) => string): string {
  return table(
    [
      { heading: 'speed of' },
      right('step'),
      right('tokens/s of training'),
      right('token'),
      right('sequence'),
      right('memory of serving'),
    ],
    rows.map(({ shape, speed, inferenceMemory }) => [
      shape.name,
      milliseconds(speed.stepSeconds.interval ?? [speed.stepSeconds.value, speed.stepSeconds.value]),
      range(speed.tokensPerSecond, short),
      milliseconds(speed.tokenSeconds.interval ?? [speed.tokenSeconds.value, speed.tokenSeconds.value]),
      milliseconds(speed.sequenceSeconds.interval ?? [speed.sequenceSeconds.value, speed.sequenceSeconds.value]),
      bytes(inferenceMemory.total),
    ]),
    bold,
  );
}

function milliseconds([low, high]: readonly [number, number]): string {
  return high >= 10 ? durations([low, high]) : `${range([low * 1e3, high * 1e3], significant)} ms`;
}

function tokensOf(row: RecommendedShape): string {
  return row.tokensInterval === null ? short(row.tokens) : `${short(row.tokens)} (${range(row.tokensInterval, short)})`;
}

function budgetText({ budget }: Recommendation): string {
  const { constraints, trainingFlops } = budget;
  const [first, ...rest] = [budget, ...constraints].map(constraintText);
  const kinds: readonly Constraint['kind'][] = computeKinds;
  const compute =
    trainingFlops === null || [budget, ...constraints].every(({ kind }) => kind === 'flops' || !kinds.includes(kind))
      ? ''
      : `, ${range(trainingFlops, scientific)} training FLOPs over the MFU range; planned at the lowest`;
  return [first, ...rest].join(', ') + compute;
}

function constraintText(constraint: Constraint): string {
  switch (constraint.kind) {
    case 'params':
      return `${stated(constraint.params)} parameters`;
    case 'flops':
      return `${scientific(constraint.flops)} training FLOPs`;
    case 'gpu-hours':
      return `${stated(constraint.gpuHours)} device hours`;
    case 'gpus-days':
      return `${exact(constraint.gpus)} devices for ${stated(constraint.days)} days`;
    case 'money':
      return `$${stated(constraint.dollars)}`;
    case 'wall-time':
      return `${durations([constraint.seconds, constraint.seconds])} of training`;
    case 'training-memory':
      return `${bytes(constraint.bytes)} of a device that trains`;
    case 'inference-memory':
      return `${bytes(constraint.bytes)} of a device that serves`;
    case 'token-latency':
      return `${milliseconds([constraint.seconds, constraint.seconds])} a token`;
    case 'sequence-latency':
      return `${milliseconds([constraint.seconds, constraint.seconds])} a sequence`;
    case 'inference-volume':
      return `${short(constraint.tokens)} tokens served`;
    case 'unique-tokens':
      return `${short(constraint.tokens)} unique tokens`;
  }
}

/** The set, the optimum and the region in a line each. */
function setText(answer: Recommendation, bold: (text: string) => string): readonly string[] {
  const { set, allocation, region } = answer;
  const unit = answer.recommendations[0]?.loss?.unit ?? '';
  const lines: string[] = [];
  if (allocation !== null) lines.push(...allocationText(allocation, bold));
  if (region !== null) {
    const bounds = `${region.from === null ? 'from below' : `from ${scientific(region.from)}`} ${region.to === null ? 'on' : `to ${scientific(region.to)}`}`;
    const exponents = Object.entries(region.exponents)
      .map(([name, { value, interval: ends }]) => `${name} ${significant(value)} (${interval(ends, significant)})`)
      .join(', ');
    lines.push(
      `${bold('Region')}  ${region.index} of ${region.of}, ${bounds} ${region.variable}; the loss falls by the power ${exponents}`,
    );
  }
  if (set !== null) {
    const { ranges } = set;
    const layers = (ends: readonly [number, number]) => range(ends, exact);
    lines.push(
      `${bold('Set')}  ${set.thinned > 1 ? 'about ' : ''}${exact(set.size)} of ${exact(set.candidates)} candidates can't be told from the best at ${percent(set.level)}, within ${significant(set.tolerance)} ${unit}`,
      set.tells === 'shapes'
        ? `     ${range(ranges.parameters, short)} parameters, ${layers(ranges.decoderLayers)} decoder layers, dModel ${layers(ranges.dModel)}; rounding to the lattice costs ${significant(set.roundingLoss)} ${unit}`
        : `     ${range(ranges.parameters, short)} parameters, of whatever shape`,
    );
  }
  return lines;
}

function allocationText(
  { law, optimum, overTraining, inferenceAware, dataLimited }: Allocations,
  bold: (text: string) => string,
) {
  const said = ({ params, tokens, tokensPerParam }: Allocation) =>
    `${withInterval(params, short)} parameters, ${withInterval(tokens, short)} tokens, ${withInterval(tokensPerParam, significant)} a parameter`;
  const lines = [`${bold('Optimum')}  ${said(optimum)}, at 6ND by ${law}`];
  if (overTraining.length > 0) {
    const overheads = overTraining.map(
      ({ paramsRatio, overhead }) =>
        `${paramsRatio}x: ${withInterval(overhead, (share) => `+${(100 * share).toFixed(1)}%`)}`,
    );
    lines.push(`     FLOPs for the same loss with other parameters, ${overheads.join(', ')}`);
  }
  if (inferenceAware !== null) {
    const saving = withInterval(inferenceAware.saving, (share) => `${(100 * share).toFixed(1)}%`);
    lines.push(
      `     with serving ${said(inferenceAware)}; at the optimum's loss a model for serving saves ${saving} of the FLOPs of its life`,
    );
  }
  if (dataLimited !== null) {
    lines.push(
      `     with the unique tokens ${said(dataLimited)}, ${withInterval(dataLimited.epochs, significant)} epochs`,
    );
  }
  return lines;
}

function withInterval({ value, interval: ends }: Estimate, format: (value: number) => string): string {
  return ends === null ? `${format(value)} (no interval)` : `${format(value)} (${range(ends, format)})`;
}

/** Each piece of evidence once, with the shapes that rest on it. */
function evidenceText(rows: readonly RecommendedShape[]): string {
  const shapesOf = new Map<string, string[]>();
  for (const row of rows) {
    for (const { kind, says, source } of row.evidence) {
      const line = `[${kind}] ${says} (${source})`;
      shapesOf.set(line, [...(shapesOf.get(line) ?? []), row.shape.name]);
    }
  }
  return [...shapesOf]
    .map(([line, shapes]) => `- ${shapes.length === rows.length ? 'all' : shapes.join('; ')}: ${line}`)
    .join('\n');
}

/** How a number comes about. */
export function explanationText(explanation: Explanation, { colors }: Terminal): string {
  const { number, shape, value, unit, formula, source, inputs } = explanation;
  const written =
    value === null ? 'unknown' : typeof value === 'number' ? digits(value) : range([value[0], value[1]], digits);
  return [
    `${colors.bold(`${number} of ${shape}`)}  ${written} ${unit}`,
    `= ${formula}`,
    `${source}`,
    '',
    table(
      [{ heading: 'input' }, right('value'), { heading: 'unit' }, { heading: 'source' }],
      inputs.map((one) => [
        one.name,
        typeof one.value === 'number' ? digits(one.value) : one.value,
        one.unit,
        one.source,
      ]),
      colors.bold,
    ),
  ].join('\n');
}

/** Whole numbers with every digit, others to seven. */
function digits(value: number): string {
  if (Number.isSafeInteger(value)) return exact(value);
  const size = Math.abs(value);
  return size >= 1e15 || (size < 1e-4 && size > 0)
    ? value.toExponential(6).replace('e+', 'e')
    : value.toLocaleString('en-US', { maximumSignificantDigits: 7 });
}
