import type {
  GrowthPath,
  KnobEffect,
  KnobRegion,
  Knobs,
  LossChange,
  PathStep,
  RegionBounds,
  Sizes,
} from '../recommend/knobs/index.js';
import { change, exact, interval, percent, scientific, short, signed, significant } from './format.js';
import { outside } from './predict.js';
import { right, table } from './table.js';
import type { Terminal } from './terminal.js';

/** Steps of a path that are printed; of a longer one those at its two ends. */
const mostLines = 40;

/** What the command prints of knobs, and of a path where a budget was given. */
export function knobsText(answer: Knobs, path: GrowthPath | null, { colors }: Terminal): string {
  const { unit, level, more, regions } = answer;
  const notes = [...new Set([...answer.notes, ...(path?.notes ?? [])])];
  return [
    heading(answer),
    '',
    colors.bold(`${change(more)} training FLOPs spent on one dimension, and the next shape of each`),
    growthTable(answer, colors.bold),
    ...regions.flatMap((region) => [
      colors.bold(regionHeading(answer, region)),
      effectTable(answer, region, colors.bold),
      choiceText(answer, region),
      '',
    ]),
    ...(path === null ? [] : [pathText(path, level, colors.bold), '']),
    colors.dim(
      [
        `Loss in ${unit === 'unstated' ? 'a unit that the law does not state' : unit}; intervals: ${percent(level)}, of the law's draws.`,
        ...notes,
      ]
        .map((note) => `- ${note}`)
        .join('\n'),
    ),
    '',
  ].join('\n');
}

function heading(answer: Knobs): string {
  const { shape, law, parameters, flopsPerToken, flops, tokens, loss, extrapolation, seconds } = answer;
  const ends = (between: readonly [number, number] | null, format: (value: number) => string) =>
    between === null ? '' : ` (${interval(between, format)})`;
  return [
    `shape    ${shape.name}: ${exact(parameters)} parameters, ${scientific(flopsPerToken)} FLOPs a token, ${scientific(flops)} for all`,
    `tokens   ${short(tokens.value)}${ends(tokens.interval, short)}, ${tokens.source}`,
    `loss     ${loss.value.toFixed(4)}${ends(loss.interval, (value) => value.toFixed(4))} by ${law}; outside evidence: ${outside(extrapolation)}`,
    ...(seconds === null ? [] : [`step     ${significant(seconds.value)} s${ends(seconds.interval, significant)}`]),
  ].join('\n');
}

function sizes(of: Sizes): string {
  return Object.values(of)
    .map((size: number) => (Number.isInteger(size) ? String(size) : String(Number(size.toPrecision(4)))))
    .join('/');
}

function growthTable({ knobs, more }: Knobs, bold: (text: string) => string): string {
  const time = (seconds: number | null, flops: number) => change(seconds ?? flops);
  return table(
    [
      { heading: 'knob' },
      { heading: 'dimension' },
      right('from'),
      right(`to, at ${change(more)}`),
      right('parameters'),
      right('time'),
      right('next'),
      right('parameters'),
      right('FLOPs'),
      right('time'),
      right('outside evidence'),
    ],
    knobs.map(({ operator, dimension, from, to, parameters, seconds, next }) => [
      operator,
      dimension,
      sizes(from),
      sizes(to),
      short(parameters),
      time(seconds, more),
      sizes(next.to),
      short(next.parameters),
      change(next.flops),
      time(next.seconds, next.flops),
      outside(next.extrapolation),
    ]),
    bold,
  );
}

function bounds({ from, to }: RegionBounds, variable: string): string {
  const place = (end: NonNullable<RegionBounds['from']>) =>
    `${scientific(end.value)}${end.interval === null ? '' : ` (${interval(end.interval, scientific)})`}`;
  if (from === null) return to === null ? `all ${variable}` : `${variable} below ${place(to)}`;
  return to === null ? `${variable} from ${place(from)}` : `${variable} from ${place(from)} to ${place(to)}`;
}

function regionHeading({ law, place, more }: Knobs, region: KnobRegion): string {
  const title = `Loss by ${law}, at ${change(more)} FLOPs and at the next shape`;
  if (place === null) return title;
  const here = region.here
    ? `, where the ${place.of} lies, at ${scientific(place.value)}${region.share === null ? '' : ` (in ${percent(Number(region.share.toFixed(3)))} of draws)`}`
    : '';
  return `${title}: region ${region.region}, ${bounds(region, place.variable)}${here}`;
}

function effectTable({ level, more }: Knobs, { effects }: KnobRegion, bold: (text: string) => string): string {
  return table(
    [
      { heading: 'knob' },
      right(`loss at ${change(more)}`),
      right(percent(level)),
      right('relative'),
      right(percent(level)),
      right('loss at next'),
      right(percent(level)),
      { heading: 'the law sees it through' },
    ],
    effects.map((effect) => [
      effect.operator,
      ...absolute(effect.change),
      ...relative(effect.change),
      ...(effect.next?.loss == null ? relative(effect.next) : absolute(effect.next)),
      seen(effect),
    ]),
    bold,
  );
}

function seen({ through, alike }: KnobEffect): string {
  const term = through === 'shape' ? 'a term of shape' : through === 'operator' ? 'an exponent' : through;
  return term === through || alike.length === 0 ? term : `${term}, as ${alike.join(', ')}`;
}

const fixed = (value: number) => signed(value, (text) => text.toFixed(5));
const shares = (value: number) => signed(value, (text) => `${(100 * text).toFixed(3)}%`);

function absolute(of: LossChange | null): string[] {
  return of?.loss == null ? ['', ''] : [fixed(of.loss.value), interval(of.loss.interval, fixed)];
}

function relative(of: LossChange | null): string[] {
  return of === null ? ['', ''] : [shares(of.relative.value), interval(of.relative.interval, shares)];
}

function choiceText({ law }: Knobs, { choice, effects }: KnobRegion): string {
  if (choice === null) {
    return effects.some(({ toldApart, through }) => toldApart || through === 'shape' || through === 'operator')
      ? `${law} names no dimension to grow: it tells fewer than two apart, or none lowers the loss.`
      : `${law} tells no dimension from another, and names none to grow.`;
  }
  const { operator, alike, share } = choice;
  const others = alike.length === 0 ? '' : ` (or ${alike.join(', ')}, which it can't tell from it)`;
  const draws = share === null ? '' : `, in ${percent(Number(share.toFixed(3)))} of its draws`;
  return `Of what ${law} tells apart, ${operator}${others} lowers the loss most${draws}.`;
}

function pathText(path: GrowthPath, level: number, bold: (text: string) => string): string {
  const { steps, stopped, end, region, rule } = path;
  const by =
    rule === 'deep-narrow'
      ? 'by depth before all else'
      : region === null
        ? 'by the steepest step at each shape'
        : `by the exponents of region ${region.region}, the budget's: ${bounds(region, region.variable)}`;
  const line = (step: PathStep, index: number) => [
    String(index + 1),
    step.operator,
    sizes(step.from),
    sizes(step.to),
    exact(step.parameters),
    scientific(step.flopsPerToken),
    scientific(step.flops),
    ...(step.change?.loss == null ? relative(step.change) : absolute(step.change)),
    outside(step.extrapolation),
  ];
  const lines = steps.map(line);
  const left = Math.ceil(mostLines / 2);
  const shown =
    lines.length <= mostLines
      ? lines
      : [...lines.slice(0, left), [`… ${lines.length - mostLines} more`], ...lines.slice(left - mostLines)];
  const { change: total } = path;
  return [
    bold(`Path to the budget, ${by}`),
    table(
      [
        right('step'),
        { heading: 'knob' },
        right('from'),
        right('to'),
        right('parameters'),
        right('FLOPs/token'),
        right('FLOPs'),
        right('loss'),
        right(percent(level)),
        right('outside evidence'),
      ],
      shown,
      bold,
    ).trimEnd(),
    `ends at  ${end.shape.name}: ${exact(end.parameters)} parameters, ${scientific(end.flops)} FLOPs`,
    ...(total === null
      ? []
      : [
          `in all   ${total.loss === null ? '' : `loss ${absolute(total)[0]} (${absolute(total)[1]}), `}${relative(total)[0]} (${relative(total)[1]})`,
        ]),
    `stopped  ${stopped.map(({ operator, reason }) => `${operator} by ${reason}`).join(', ')}`,
  ].join('\n');
}
