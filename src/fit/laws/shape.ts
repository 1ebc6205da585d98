import { ShapelawError } from '../../errors.js';
import type { RunTable } from '../../runs/index.js';
import { type ColumnSource, columnValue } from '../columns.js';
import { computeOptimum, optimumAtFlops } from '../compute-optimum.js';
import type { Coordinate, LawColumn, LawDefinition, LawForm } from '../law-form.js';
import { correlation } from '../statistics.js';
import { amplitudeCoordinate, exponentCoordinate } from './power-terms.js';

/** A ratio of a shape's dimensions: product of columns over product of columns. */
export interface ShapeRatio {
  readonly name: string;
  readonly over: readonly LawColumn[];
  readonly under: readonly LawColumn[];
}

/** The shape ratios that the law knows. */
export const shapeRatios: readonly ShapeRatio[] = [
  { name: 'dModel/layers', over: ['dModel'], under: ['layers'] },
  { name: 'dFf/dModel', over: ['dFf'], under: ['dModel'] },
  { name: 'heads*dKv/dModel', over: ['heads', 'dKv'], under: ['dModel'] },
  { name: 'decoderLayers/encoderLayers', over: ['decoderLayers'], under: ['encoderLayers'] },
];

/** Distinct values below which a parabola through a ratio has nothing to rest on. */
const valuesNeeded = 3;
/** |correlation| of two log ratios beyond which their optima can't be told apart. */
const collinearCorrelation = 0.95;

const curvature: Coordinate = { kind: 'free', lower: 0, upper: 20, start: [0.003, 0.3] };
/** Log of the best ratio at the centre of the data, less the centre of the log ratio. */
const bestRatio: Coordinate = { kind: 'free', lower: -8, upper: 8, start: [-1, 1] };
const drift: Coordinate = { kind: 'free', lower: -3, upper: 3, start: [-0.3, 0.4] };

/** The value of a ratio; undefined where a column is absent. */
export function ratioValue(ratio: ShapeRatio, point: ColumnSource): number | undefined {
  let value = 1;
  for (const [columns, power] of [
    [ratio.over, 1],
    [ratio.under, -1],
  ] as const) {
    for (const column of columns) {
      const found = columnValue(point, column);
      if (found === undefined) return undefined;
      value *= found ** power;
    }
  }
  return value;
}

/**
 * Chinchilla in effective parameters: `ln Neff = ln N - sum_k c_k (ln r_k - a_k - rho_k ln N)^2`, c_k >= 0, so that
 * exp(a_k) N^rho_k is the best ratio at N parameters. Coordinates: as of chinchilla, and of each ratio c_k, a_k at the centre
 * of the data, rho_k.
 */
function shapeForm(ratios: readonly ShapeRatio[]): LawForm {
  const columns: LawColumn[] = ['params', 'tokens'];
  for (const { over, under } of ratios) {
    for (const column of [...over, ...under]) if (!columns.includes(column)) columns.push(column);
  }
  const signs = ratios.map(({ over, under }) =>
    columns.map((column) => Number(over.includes(column)) - Number(under.includes(column))),
  );
  const logRatio = (k: number, logs: readonly number[]) =>
    signs[k]!.reduce((sum, sign, column) => sum + sign * logs[column]!, 0);
  const size = 5 + 3 * ratios.length;
  const suffix = (k: number) => (ratios.length === 1 ? '' : String(k + 1));

  return {
    law: 'shape',
    options: { ratios: ratios.map(({ name }) => name) },
    formula: `L = E + A Neff^-alpha + B tokens^-beta, ln Neff = ln params${ratios
      .map(({ name }, k) => ` - c${suffix(k)} (ln ${name} - a${suffix(k)} - rho${suffix(k)} ln params)^2`)
      .join('')}`,
    columns,
    columnScale: 'centred-log',
    apart: ['params', 'tokens'],
    parameters: [
      ...['E', 'A', 'B', 'alpha', 'beta'],
      ...ratios.flatMap((_, k) => [`c${suffix(k)}`, `a${suffix(k)}`, `rho${suffix(k)}`]),
    ],
    coordinates: [
      amplitudeCoordinate,
      amplitudeCoordinate,
      amplitudeCoordinate,
      exponentCoordinate,
      exponentCoordinate,
      ...ratios.flatMap(() => [curvature, bestRatio, drift]),
    ],

    evaluate(theta, data, rows, logLoss, jacobian) {
      const E = Math.exp(theta[0]!);
      const [alpha, beta] = [theta[3]!, theta[4]!];
      for (let row = 0; row < rows; row++) {
        const at = row * size;
        const n = data[0]![row]!;
        const d = data[1]![row]!;
        let effective = n;
        for (let k = 0; k < signs.length; k++) {
          const sign = signs[k]!;
          let distance = -theta[6 + 3 * k]! - theta[7 + 3 * k]! * n;
          for (let column = 0; column < sign.length; column++) {
            if (sign[column] !== 0) distance += sign[column]! * data[column]![row]!;
          }
          const c = theta[5 + 3 * k]!;
          effective -= c * distance * distance;
          // Derivatives of ln Neff, to be scaled below.
          jacobian[at + 5 + 3 * k] = -distance * distance;
          jacobian[at + 6 + 3 * k] = 2 * c * distance;
          jacobian[at + 7 + 3 * k] = 2 * c * distance * n;
        }
        const termN = Math.exp(theta[1]! - alpha * effective);
        const termD = Math.exp(theta[2]! - beta * d);
        const sum = E + termN + termD;
        const [shareN, shareD] = [termN / sum, termD / sum];
        logLoss[row] = Math.log(sum);
        jacobian[at] = E / sum;
        jacobian[at + 1] = shareN;
        jacobian[at + 2] = shareD;
        jacobian[at + 3] = -shareN * effective;
        jacobian[at + 4] = -shareD * d;
        for (let j = 5; j < size; j++) jacobian[at + j]! *= -shareN * alpha;
      }
    },

    toParameters(theta, centres) {
      const [params, tokens] = centres as [number, number];
      return [
        Math.exp(theta[0]!),
        Math.exp(theta[1]! + theta[3]! * params),
        Math.exp(theta[2]! + theta[4]! * tokens),
        theta[3]!,
        theta[4]!,
        ...ratios.flatMap((_, k) => {
          const [c, a, rho] = theta.slice(5 + 3 * k) as unknown as [number, number, number];
          return [c, a + logRatio(k, centres) - rho * params, rho];
        }),
      ];
    },

    toCoordinates(parameters, centres) {
      const [params, tokens] = centres as [number, number];
      const theta = Float64Array.from(parameters);
      theta[0] = Math.log(parameters[0]!);
      theta[1] = Math.log(parameters[1]!) - parameters[3]! * params;
      theta[2] = Math.log(parameters[2]!) - parameters[4]! * tokens;
      ratios.forEach((_, k) => {
        theta[6 + 3 * k] = parameters[6 + 3 * k]! - logRatio(k, centres) + parameters[7 + 3 * k]! * params;
      });
      return theta;
    },

    loss(parameters, point) {
      const [E, A, B, alpha, beta] = parameters as [number, number, number, number, number];
      return E + A * (point.params * efficiency(parameters, ratios, point)) ** -alpha + B * point.tokens ** -beta;
    },

    /** Exponents of the compute optimum at the best ratios, where effective parameters are the parameters. */
    derive(parameters) {
      const [, A, B, alpha, beta] = parameters as [number, number, number, number, number];
      return computeOptimum({ A, B, alpha, beta });
    },

    optimum(parameters, flops) {
      const [, A, B, alpha, beta] = parameters as [number, number, number, number, number];
      return optimumAtFlops({ A, B, alpha, beta }, flops);
    },
  };
}

/**
 * The share of its parameters that a shape makes use of by a law of shape: exp(-S), S the sum of c (ln r - a - rho ln N)^2.
 *
 * @param parameters - Of the law, in its order.
 */
export function efficiency(
  parameters: readonly number[],
  ratios: readonly ShapeRatio[],
  point: ColumnSource & { readonly params: number },
): number {
  let waste = 0;
  ratios.forEach((ratio, k) => {
    const [c, a, rho] = parameters.slice(5 + 3 * k) as [number, number, number];
    waste += c * (Math.log(ratioValue(ratio, point)!) - a - rho * Math.log(point.params)) ** 2;
  });
  return Math.exp(-waste);
}

/** The ratios of a form's options. */
export function ratiosNamed(names: readonly string[]): readonly ShapeRatio[] {
  return names.map((name) => {
    const ratio = shapeRatios.find((known) => known.name === name);
    if (ratio !== undefined) return ratio;
    throw new ShapelawError(
      'bad-usage',
      `no shape ratio "${name}": ${shapeRatios.map((known) => known.name).join(', ')}`,
      { ratio: name },
    );
  });
}

/** The log of a ratio in each row; undefined where a row lacks it. */
function logRatios(ratio: ShapeRatio, table: RunTable): readonly number[] | undefined {
  const logs = table.rows.map((row) => Math.log(ratioValue(ratio, row) ?? Number.NaN));
  return logs.some(Number.isNaN) ? undefined : logs;
}

/** The shape law: Chinchilla in parameters that a shape makes use of. */
export const shape: LawDefinition = {
  name: 'shape',
  summary: 'chinchilla in effective parameters, by ratios of the shape; for a sweep of shapes',
  takes: ['ratios'],
  choose({ ratios: asked }, table) {
    const notes: string[] = [];
    const kept: { readonly ratio: ShapeRatio; readonly logs: readonly number[] }[] = [];
    const candidates = asked === undefined ? shapeRatios : ratiosNamed(asked);
    for (const ratio of candidates) {
      const logs = logRatios(ratio, table);
      const values = new Set(logs);
      const twin = logs && kept.find((other) => Math.abs(correlation(other.logs, logs)) > collinearCorrelation);
      const problem =
        logs === undefined
          ? 'the table lacks it'
          : values.size < valuesNeeded
            ? `the table has ${values.size} ${values.size === 1 ? 'value' : 'values'} of it, and ${valuesNeeded} are needed`
            : twin && `it moves with ${twin.ratio.name} (correlation of logs beyond ${collinearCorrelation})`;
      if (logs !== undefined && problem === undefined) kept.push({ ratio, logs });
      else if (asked !== undefined) {
        throw new ShapelawError(
          logs === undefined ? 'missing-column' : values.size < valuesNeeded ? 'no-variation' : 'collinear',
          `${table.source}: the ratio ${ratio.name} can't be in the law: ${problem}. Add runs of other shapes, or leave it out of --ratios.`,
          { ratio: ratio.name },
        );
      } else if (logs !== undefined && values.size > 1) notes.push(`the ratio ${ratio.name} is left out: ${problem}`);
    }
    if (kept.length === 0) {
      throw new ShapelawError(
        'no-variation',
        `${table.source}: the shape law needs a shape ratio that varies (${shapeRatios.map(({ name }) => name).join(', ')}), ` +
          `each with ${valuesNeeded} values or more; the table has none. Add runs of other shapes, or fit chinchilla.`,
        { ratios: shapeRatios.map(({ name }) => name) },
      );
    }
    return { options: { ratios: kept.map(({ ratio }) => ratio.name) }, notes };
  },
  form: ({ ratios = ['dModel/layers'] }) => shapeForm(ratiosNamed(ratios)),
};
