import type { Conventions } from '../../conventions.js';
import { ShapelawError } from '../../errors.js';
import type { Interval } from '../intervals.js';
import { type Estimate, type OptimumAt, type OptimumEstimate, type OptimumMethod, optimumAt } from './estimate.js';

/** Two methods against each other. */
export interface ApproachPair {
  readonly methods: readonly [OptimumMethod, OptimumMethod];
  /** Exponents of the second less those of the first. */
  readonly exponents: { readonly params: number; readonly tokens: number };
  /** Whether the intervals of each exponent overlap; null where one has none. */
  readonly exponentsOverlap: { readonly params: boolean | null; readonly tokens: boolean | null };
  readonly at: readonly {
    readonly flops: number;
    /** N* and D* of the second over those of the first. */
    readonly ratio: { readonly params: number; readonly tokens: number };
    readonly overlap: { readonly params: boolean | null; readonly tokens: boolean | null };
  }[];
}

/** What several methods say of one optimum, side by side. */
export interface ApproachComparison {
  readonly methods: readonly {
    readonly method: OptimumMethod;
    readonly params: Estimate;
    readonly tokens: Estimate;
    readonly level: number;
    readonly intervalKind: string | null;
    /** What is known to be off with the method. */
    readonly bias: string;
    readonly optima: readonly OptimumAt[];
  }[];
  readonly pairs: readonly ApproachPair[];
  readonly notes: readonly string[];
}

/**
 * Compares optima that were found in different ways: exponents, and N* and D* at budgets.
 *
 * That intervals overlap does not say that methods agree: on the same runs their errors go together, and the intervals hold
 * no method's own bias.
 *
 * @param at - Budgets in FLOPs. Defaults to those that any of the results was asked for.
 * @throws ShapelawError `bad-usage` for fewer than two results; `mixed-conventions` where two count parameters, tokens or FLOPs
 *   differently.
 */
export function compareApproaches(results: readonly OptimumEstimate[], at?: readonly number[]): ApproachComparison {
  if (results.length < 2)
    throw new ShapelawError('bad-usage', `a comparison needs at least 2 results, and there are ${results.length}`);
  results.forEach((result, k) => {
    for (const other of results.slice(k + 1)) requireSame(result, other);
  });
  const asked = at ?? results.flatMap(({ optima }) => optima.map(({ flops }) => flops));
  const budgets = [...new Set(asked)].sort((a, b) => a - b);
  const optima = results.map((result) => budgets.map((flops) => optimumAt(result, flops)));
  const levels = new Set(results.map(({ level }) => level));
  return {
    methods: results.map((result, k) => ({
      method: result.method,
      params: result.params.exponent,
      tokens: result.tokens.exponent,
      level: result.level,
      intervalKind: result.intervalKind,
      bias: biasOf(result),
      optima: optima[k]!,
    })),
    pairs: results.flatMap((first, j) =>
      results.slice(j + 1).map((second, k) => pairOf(first, second, optima[j]!, optima[j + 1 + k]!)),
    ),
    notes: [
      'intervals that overlap do not show that methods agree: on the same runs their errors go together, and no interval holds the bias of its method',
      ...(levels.size > 1 ? [`the intervals are of different levels: ${[...levels].join(', ')}`] : []),
    ],
  };
}

function requireSame(first: OptimumEstimate, second: OptimumEstimate): void {
  const conventionOf = ({ conventions, compute }: OptimumEstimate, key: keyof Conventions) =>
    key === 'flops' ? compute.convention : (conventions?.[key] ?? 'unstated');
  for (const key of ['params', 'tokens', 'flops'] as const) {
    const [ours, theirs] = [conventionOf(first, key), conventionOf(second, key)];
    if (ours === theirs || ours === 'unstated' || theirs === 'unstated') continue;
    throw new ShapelawError(
      'mixed-conventions',
      `${first.method} counts ${key} as ${ours}, and ${second.method} as ${theirs}; ${
        key === 'flops'
          ? 'take both by 6ND (the option flops)'
          : 'nothing is converted silently: bring the tables to one convention'
      }`,
      { convention: key, methods: [first.method, second.method], values: [ours, theirs] },
    );
  }
}

function pairOf(
  first: OptimumEstimate,
  second: OptimumEstimate,
  firstAt: readonly OptimumAt[],
  secondAt: readonly OptimumAt[],
): ApproachPair {
  const each = <T>(of: (key: 'params' | 'tokens') => T) => ({ params: of('params'), tokens: of('tokens') });
  return {
    methods: [first.method, second.method],
    exponents: each((key) => second[key].exponent.value - first[key].exponent.value),
    exponentsOverlap: each((key) => overlap(first[key].exponent.interval, second[key].exponent.interval)),
    at: firstAt.map((one, k) => {
      const other = secondAt[k]!;
      return {
        flops: one.flops,
        ratio: each((key) => other[key].value / one[key].value),
        overlap: each((key) => overlap(one[key].interval, other[key].interval)),
      };
    }),
  };
}

function overlap(first: Interval | null, second: Interval | null): boolean | null {
  return first === null || second === null ? null : first[0] <= second[1] && second[0] <= first[1];
}

const percent = (share: number) => `${share > 0 ? '+' : ''}${(100 * share).toFixed(2)}%`;

function biasOf({ method, widthBias }: OptimumEstimate): string {
  if (method === 'frontier') {
    return 'the sweep ends at some sizes and tokens, and its frontier with it, losses in the middle of a schedule are not those of finished runs, and the least of noisy losses is the luckiest: the size of these errors is not known here';
  }
  if (method === 'surface' || widthBias === null) {
    return 'right as far as the form of the surface is: one that bends otherwise is off everywhere, most beyond the evidence';
  }
  const { alpha, beta, source, params, tokens, exponents } = widthBias;
  return `by the width of the grids, for ${source} exponents ${alpha} and ${beta}: N* ${percent(params)}, D* ${percent(tokens)}, exponent of N* ${exponents.params >= 0 ? '+' : ''}${exponents.params.toFixed(4)}`;
}
