import { ShapelawError } from '../../errors.js';
import {
  type Coordinate,
  type LawColumn,
  type LawDefinition,
  type LawForm,
  type LawOptions,
  lawColumns,
} from '../law-form.js';
import { chooseRegions, mostBreaks, requireDivisible } from '../region/choose.js';
import { estimateRegions, type RegionLayout } from '../region/law-estimate.js';
import { askedOperators } from '../region/operators.js';
import { regionSample } from '../region/sample.js';

const free: Coordinate = { kind: 'free', lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY };

/** Name of the exponent of a column in a region, counted from 0; of a law without operators it is that of its variable. */
export function regionExponent({ operators = [] }: LawOptions, region: number, column: LawColumn): string {
  return operators.length === 0 ? `exponent${region + 1}` : `exponent${region + 1}_${column}`;
}

/**
 * `log L = b_r - sum_k e_{r,k} log z_k` in region r of the variable x, regions parted by breakpoints; z is x, or the operators in
 * its place. Coordinates: the logs of the breakpoints less the centre of log x; then of a law that jumps, for each region the log
 * of its amplitude at the centre of the columns, and its exponents; of a continuous law, the first region's log amplitude, and an
 * exponent for each region, from which the other amplitudes follow.
 */
function regionForm(
  variable: LawColumn,
  breaks: number,
  continuous: boolean,
  operators: readonly LawColumn[],
): LawForm {
  const columns = [variable, ...operators.filter((name) => name !== variable)];
  const regressorNames = operators.length === 0 ? [variable] : operators;
  const regressors = regressorNames.map((name) => columns.indexOf(name));
  const layout: RegionLayout = { breaks, continuous, regressors };
  const exponents = regressors.length;
  const regions = Array.from({ length: breaks + 1 }, (_, region) => region);
  const places = regions.slice(1);
  const exponentName = (region: number, k: number) => regionExponent({ operators }, region, regressorNames[k]!);
  const exponentNames = (region: number) => regressors.map((_, k) => exponentName(region, k));
  const size = breaks + (continuous ? breaks + 2 : (breaks + 1) * (exponents + 1));
  const sorted = new WeakMap();

  /** Where a region's log amplitude and exponents stand in the parameters of a law that jumps. */
  const ofRegion = (region: number) => breaks + region * (exponents + 1);
  /** Log amplitude and exponents of every region, in the table's units. */
  const expand = (
    parameters: readonly number[],
  ): readonly { readonly log: number; readonly exponents: readonly number[] }[] => {
    if (!continuous) {
      return regions.map((region) => {
        const at = ofRegion(region);
        return { log: Math.log(parameters[at]!), exponents: parameters.slice(at + 1, at + 1 + exponents) };
      });
    }
    let log = Math.log(parameters[breaks]!);
    return regions.map((region) => {
      const exponent = parameters[breaks + 1 + region]!;
      if (region > 0) log += (exponent - parameters[breaks + region]!) * Math.log(parameters[region - 1]!);
      return { log, exponents: [exponent] };
    });
  };
  /** Region of a value of the variable. */
  const regionOf = (parameters: readonly number[], value: number) =>
    parameters.slice(0, breaks).filter((place) => value >= place).length;

  const form: LawForm = {
    law: 'region',
    options: { variable, breaks, continuous, operators },
    formula: `L = ${regions
      .map(
        (region) =>
          `A${region + 1} ${regressorNames.map((name, k) => `${name}^-${exponentName(region, k)}`).join(' ')}${
            breaks === 0 ? '' : region < breaks ? ` if ${variable} < break${region + 1}` : ' else'
          }`,
      )
      .join(', ')}`,
    columns,
    columnScale: 'centred-log',
    apart: regressorNames,
    parameters: [
      ...places.map((region) => `break${region}`),
      ...(continuous
        ? ['A1', ...regions.flatMap(exponentNames)]
        : regions.flatMap((region) => [`A${region + 1}`, ...exponentNames(region)])),
    ],
    coordinates: Array.from({ length: size }, () => free),

    evaluate(theta, data, rows, logLoss, jacobian) {
      jacobian.fill(0, 0, rows * size);
      const x = data[0]!;
      for (let row = 0; row < rows; row++) {
        const at = row * size;
        let region = 0;
        for (let k = 0; k < breaks; k++) region += Number(x[row]! >= theta[k]!);
        if (continuous) {
          let value = theta[breaks]!;
          jacobian[at + breaks] = 1;
          for (let k = 0; k <= region; k++) {
            // The stretch of log x that lies in region k; of the first it counts from the centre.
            const stretch = (k < region ? theta[k]! : x[row]!) - (k > 0 ? theta[k - 1]! : 0);
            const exponent = theta[breaks + 1 + k]!;
            value -= exponent * stretch;
            jacobian[at + breaks + 1 + k] = -stretch;
            if (k < region) jacobian[at + k] = theta[breaks + 2 + k]! - exponent;
          }
          logLoss[row] = value;
          continue;
        }
        const first = ofRegion(region);
        let value = theta[first]!;
        jacobian[at + first] = 1;
        for (let k = 0; k < exponents; k++) {
          const z = data[regressors[k]!]![row]!;
          value -= theta[first + 1 + k]! * z;
          jacobian[at + first + 1 + k] = -z;
        }
        logLoss[row] = value;
      }
    },

    estimate(data, weights, objective) {
      return estimateRegions(form, layout, sorted, data, weights, objective);
    },

    toParameters(theta, centres) {
      const parameters = Array.from(theta);
      for (let k = 0; k < breaks; k++) parameters[k] = Math.exp(theta[k]! + centres[0]!);
      for (const region of continuous ? [0] : regions) {
        const at = ofRegion(region);
        const shift = regressors.reduce((sum, column, k) => sum + theta[at + 1 + k]! * centres[column]!, 0);
        parameters[at] = Math.exp(theta[at]! + shift);
      }
      return parameters;
    },

    toCoordinates(parameters, centres) {
      const theta = Float64Array.from(parameters);
      for (let k = 0; k < breaks; k++) theta[k] = Math.log(parameters[k]!) - centres[0]!;
      for (const region of continuous ? [0] : regions) {
        const at = ofRegion(region);
        const shift = regressors.reduce((sum, column, k) => sum + parameters[at + 1 + k]! * centres[column]!, 0);
        theta[at] = Math.log(parameters[at]!) - shift;
      }
      return theta;
    },

    loss(parameters, point) {
      const { log, exponents: own } = expand(parameters)[regionOf(parameters, point[variable])]!;
      return Math.exp(regressorNames.reduce((sum, name, k) => sum - own[k]! * Math.log(point[name]), log));
    },

    /** Of a continuous law the amplitudes that follow; of any the change of each exponent from region to region. */
    derive(parameters) {
      const all = expand(parameters);
      const entries: [string, number][] = [];
      for (const region of places) {
        const [before, after] = [all[region - 1]!, all[region]!];
        if (continuous) entries.push([`A${region + 1}`, Math.exp(after.log)]);
        regressors.forEach((_, k) => {
          entries.push([
            `${exponentName(region, k)} - ${exponentName(region - 1, k)}`,
            after.exponents[k]! - before.exponents[k]!,
          ]);
        });
        if (!continuous && operators.length === 0) {
          const place = Math.log(parameters[region - 1]!);
          const jump = after.log - before.log - (after.exponents[0]! - before.exponents[0]!) * place;
          entries.push([`loss ratio at break${region}`, Math.exp(jump)]);
        }
      }
      return Object.fromEntries(entries);
    },
  };
  return form;
}

/**
 * One power law for each compute region. Within a region the law has no irreducible loss: its exponents are those of the loss
 * itself, and fall from region to region as the loss nears what can't be reduced, which is one reason for regions; a law with
 * one irreducible loss and a bend is `broken`. With operators the exponents are theirs, at whatever the variable then is, and the
 * variable only says which region a run is in.
 */
export const region: LawDefinition = {
  name: 'region',
  summary: 'a power law for each region of compute, breakpoints estimated; where protocols of scaling differ by budget',
  takes: ['variable', 'breaks', 'continuous', 'operators'],
  choose({ variable = 'flops', breaks, continuous, operators = [] }, table) {
    for (const name of [variable, ...operators]) requireLawColumn(name);
    if (breaks !== undefined && !(Number.isInteger(breaks) && breaks >= 0 && breaks <= mostBreaks)) {
      throw new ShapelawError('bad-usage', `the region law has 0 to ${mostBreaks} breakpoints, not ${breaks}`, {
        breaks,
      });
    }
    if (continuous === true && operators.length > 0) {
      throw new ShapelawError(
        'bad-usage',
        'a law of operators is not continuous at a breakpoint of compute, unless their exponents are the same on both sides; leave out the operators or what asks for continuity',
        { operators },
      );
    }
    const chosen = operators.length === 0 ? { operators: [], notes: [] } : askedOperators(table, operators);
    const isContinuous = continuous ?? operators.length === 0;
    const form = { variable, continuous: isContinuous, operators: chosen.operators };
    const regressors = chosen.operators.length === 0 ? [variable] : chosen.operators;
    const sample = regionSample(table, variable, regressors);
    if (breaks !== undefined) {
      requireDivisible(sample, isContinuous, breaks);
      return { options: { ...form, breaks }, notes: chosen.notes };
    }
    const choice = chooseRegions(sample, isContinuous);
    const numbers = (pick: (count: (typeof choice.counts)[number]) => string) => choice.counts.map(pick).join(', ');
    return {
      options: { ...form, breaks: choice.breaks },
      notes: [
        ...chosen.notes,
        `${choice.reason} (with ${numbers((count) => String(count.breaks + 1))} regions BIC is ${numbers(({ bic }) => bic.toFixed(1))} and the root mean square error of log loss on held-out runs ${numbers(({ holdOutRmse }) => holdOutRmse?.toPrecision(3) ?? 'unknown')})`,
      ],
    };
  },
  form: ({ variable = 'flops', breaks = 0, continuous = true, operators = [] }) =>
    regionForm(variable, breaks, continuous && operators.length === 0, operators),
};

function requireLawColumn(name: LawColumn): void {
  if (lawColumns.includes(name)) return;
  throw new ShapelawError('bad-usage', `no column "${String(name)}" of a law: ${lawColumns.join(', ')}`, {
    column: name,
  });
}
