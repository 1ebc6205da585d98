import { computeOptimum } from '../compute-optimum.js';
import type { LawDefinition, LawForm } from '../law-form.js';
import { bestFirst, findStarts } from '../starts.js';
import { amplitudeCoordinate, exponentCoordinate } from './power-terms.js';

/** Repetitions after which more of them are worth little: from half an epoch to hundreds. */
const halfLife = { kind: 'free', lower: Math.log(0.05), upper: Math.log(1e4) } as const;
const repetitionStarts = [2, 8, 30].map(Math.log);
const excessStarts = [1, 6, 40].map(Math.log);

/**
 * Muennighoff et al. 2023, section 3.2: the Chinchilla law in effective tokens and parameters. Tokens beyond the unique
 * ones, and parameters beyond those that the unique tokens call for, lose their worth exponentially.
 *
 * Coordinates: ln E, the log amplitudes at the centre, the exponents, ln RD, ln RN. With u the log of unique tokens read,
 * the parameters that they call for are `(ln(alpha A / (beta B)) + beta u) / alpha`, so that unique tokens are centred
 * with tokens.
 */
const form: LawForm = {
  law: 'data-constrained',
  options: {},
  formula:
    'L = E + A effective(params)^-alpha + B effective(tokens)^-beta, effective(x) = U + U R* (1 - exp(-(x/U - 1)/R*))',
  columns: ['params', 'tokens', 'uniqueTokens'],
  columnScale: 'centred-log',
  centredWith: [0, 1, 1],
  apart: ['params', 'tokens'],
  parameters: ['E', 'A', 'B', 'alpha', 'beta', 'RD', 'RN'],
  coordinates: [
    amplitudeCoordinate,
    amplitudeCoordinate,
    amplitudeCoordinate,
    exponentCoordinate,
    exponentCoordinate,
    { ...halfLife, start: [Math.log(2), Math.log(30)] },
    { ...halfLife, start: [Math.log(1), Math.log(40)] },
  ],

  evaluate(theta, [params, tokens, uniqueTokens], rows, logLoss, jacobian) {
    const [e, a, b, alpha, beta, logRD, logRN] = theta as unknown as number[] as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const [E, RD, RN] = [Math.exp(e), Math.exp(logRD), Math.exp(logRN)];
    for (let row = 0; row < rows; row++) {
      const [n, d] = [params![row]!, tokens![row]!];
      const unique = Math.min(uniqueTokens![row]!, d);
      const data = saturating(d - unique, RD);
      const ratio = Math.log((alpha / beta) * Math.exp(a - b));
      const called = (ratio + beta * unique) / alpha;
      const isExcess = called < n;
      const size = saturating(isExcess ? n - called : 0, RN);
      const logN = (isExcess ? called : n) + size.value;
      const logD = unique + data.value;
      const termN = Math.exp(a - alpha * logN);
      const termD = Math.exp(b - beta * logD);
      const sum = E + termN + termD;
      const [shareN, shareD] = [termN / sum, termD / sum];
      // How effective parameters move with those called for, and these with the coordinates.
      const byCalled = isExcess ? 1 - size.slope : 0;
      const at = row * 7;
      logLoss[row] = Math.log(sum);
      jacobian[at] = E / sum;
      jacobian[at + 1] = shareN * (1 - byCalled);
      jacobian[at + 2] = shareD + shareN * byCalled;
      jacobian[at + 3] = -shareN * (logN + byCalled * (1 / alpha - called));
      jacobian[at + 4] = -shareD * logD - shareN * byCalled * (unique - 1 / beta);
      jacobian[at + 5] = -shareD * beta * data.byLogR;
      jacobian[at + 6] = -shareN * alpha * size.byLogR;
    }
  },

  /** Without excess parameters the amplitudes are linear; the half-lives then take a grid. */
  starts(data) {
    const plain: LawForm = {
      ...form,
      coordinates: form.coordinates.map((coordinate, j) =>
        j === 6 ? { ...coordinate, start: [Math.log(1e4), Math.log(1e4)] } : coordinate,
      ),
    };
    const { starts: _, ...projected } = plain;
    const grid = findStarts(projected, data, 3).flatMap((start) =>
      repetitionStarts.flatMap((logRD) =>
        excessStarts.map((logRN) => {
          const theta = Float64Array.from(start);
          theta[5] = logRD;
          theta[6] = logRN;
          return theta;
        }),
      ),
    );
    return bestFirst(form, data, grid);
  },

  toParameters([e, a, b, alpha, beta, logRD, logRN], [params, tokens]) {
    return [
      Math.exp(e!),
      Math.exp(a! + alpha! * params!),
      Math.exp(b! + beta! * tokens!),
      alpha!,
      beta!,
      Math.exp(logRD!),
      Math.exp(logRN!),
    ];
  },

  toCoordinates([E, A, B, alpha, beta, RD, RN], [params, tokens]) {
    return Float64Array.of(
      Math.log(E!),
      Math.log(A!) - alpha! * params!,
      Math.log(B!) - beta! * tokens!,
      alpha!,
      beta!,
      Math.log(RD!),
      Math.log(RN!),
    );
  },

  loss([E, A, B, alpha, beta, RD, RN], { params, tokens, uniqueTokens: atHand }) {
    const uniqueTokens = Math.min(atHand, tokens);
    const repetitions = tokens / uniqueTokens - 1;
    const { G } = computeOptimum({ A: A!, B: B!, alpha: alpha!, beta: beta! });
    const uniqueParams = Math.min(params, (uniqueTokens * G) ** (beta! / alpha!) * G);
    const excess = params / uniqueParams - 1;
    const effectiveTokens = uniqueTokens * (1 + RD! * (1 - Math.exp(-repetitions / RD!)));
    const effectiveParams = uniqueParams * (1 + RN! * (1 - Math.exp(-excess / RN!)));
    return E! + A! * effectiveParams ** -alpha! + B! * effectiveTokens ** -beta!;
  },

  derive: () => ({}),
};

/**
 * The log of `1 + R (1 - exp(-(exp(excess) - 1) / R))`, with its derivatives to the log of what exceeds and to the log of R.
 */
function saturating(excess: number, R: number): { value: number; slope: number; byLogR: number } {
  // Beyond e^700 nothing changes, and infinity times nothing would be no number.
  const times = Math.expm1(Math.min(excess, 700));
  const left = Math.exp(-times / R);
  const whole = 1 + R * (1 - left);
  return {
    value: Math.log(whole),
    slope: (left * (times + 1)) / whole,
    byLogR: (R * (1 - left) - times * left) / whole,
  };
}

/** The law of repeated data (Muennighoff et al. 2023). */
export const dataConstrained: LawDefinition = {
  name: 'data-constrained',
  summary: 'loss by params, tokens and unique tokens; for runs of several epochs',
  takes: [],
  choose: () => ({ options: {}, notes: [] }),
  form: () => form,
};
