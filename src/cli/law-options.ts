import { type Command, InvalidArgumentError, Option } from 'commander';
import type { FitOptions } from '../fit/options.js';
import { collect, defined, listed, positiveNumber, share, wholeNumber } from './options.js';

/** How a command fits a law. */
export interface LawCommandOptions {
  readonly law: string;
  readonly variable?: string;
  readonly ratios?: string;
  readonly breaks?: number;
  readonly continuous?: boolean;
  readonly operators?: string;
  readonly bound?: readonly string[];
  readonly objective: NonNullable<FitOptions['objective']>;
  readonly delta: number;
  readonly tau?: number;
  readonly draws: number;
  readonly resampling: NonNullable<FitOptions['resampling']>;
  readonly interval: NonNullable<FitOptions['interval']>;
  readonly seed: number;
  readonly level: number;
  readonly prior?: string;
  readonly priorOn?: string;
  readonly force?: boolean;
}

/** Adds the options of {@link LawCommandOptions} to a command, but for the law itself; `draws` is their default number. */
export function withLawOptions(command: Command, draws = 1000): Command {
  return command
    .option('--variable <column>', 'of a law of one column: power, broken, region (default: flops)')
    .option(
      '--ratios <name,...>',
      'of the shape law, such as dModel/layers,dFf/dModel (default: those that the table varies)',
    )
    .option(
      '--breaks <n>',
      'of the broken law, 1 or 2 (default: 1); of the region law (default: estimated)',
      wholeNumber,
    )
    .option('--continuous', 'the region law has no jumps at its breakpoints')
    .option('--operators <column,...>', 'columns with an exponent of their own in each region, such as layers,dModel')
    .option('--bound <parameter=low:high>', 'of a parameter of an expression; repeatable', collect)
    .addOption(
      new Option('--objective <name>', 'summed over rows, of residuals of log loss')
        .choices(['huber', 'squared', 'cauchy', 'quantile'])
        .default('huber'),
    )
    .option('--delta <number>', 'residual of log loss beyond which rows lose weight', positiveNumber, 1e-3)
    .option('--tau <share>', 'of the objective quantile: the share of runs below the law (default: 0.1)', share)
    .option('--draws <n>', 'refits for intervals; 0 for none', wholeNumber, draws)
    .addOption(
      new Option('--resampling <name>', 'how tables are drawn again: auto is cluster, or wild where runs are few')
        .choices(['auto', 'cluster', 'wild', 'parametric'])
        .default('auto'),
    )
    .addOption(
      new Option('--interval <kind>', 'of parameters and what follows from them')
        .choices(['percentile', 'bca'])
        .default('percentile'),
    )
    .option('--seed <n>', 'of the draws', wholeNumber, 0)
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option('--prior <law>', 'law file to start from, such as that of a larger sweep')
    .option('--prior-on <parameter,...>', 'parameters that the prior has a say on (default: all)')
    .option('--force', 'fit in spite of duplicate rows, mixed schedules or collinear columns; the law file says so');
}

/** The options of a fit; a law that is no name is an expression. */
export async function fitOptionsOf(options: LawCommandOptions): Promise<FitOptions> {
  const { law, variable, ratios, breaks, continuous, operators, bound, prior, priorOn } = options;
  const { objective, delta, tau, draws, resampling, interval, seed, level, force = false } = options;
  const isExpression = !/^[a-z][a-z-]*$/.test(law.trim());
  const list = (text: string | undefined) => (text === undefined ? undefined : listed(text));
  return {
    law: isExpression ? 'expression' : law.trim(),
    ...{ objective, delta, draws, resampling, interval, seed, level, force },
    ...defined({
      expression: isExpression ? law : undefined,
      variable: variable as FitOptions['variable'],
      ratios: list(ratios),
      breaks,
      continuous,
      operators: list(operators) as FitOptions['operators'],
      bounds: bound === undefined ? undefined : Object.fromEntries(bound.map(boundOf)),
      tau,
      prior: prior === undefined ? undefined : await (await import('./read-law.js')).readLaw(prior),
      priorOn: list(priorOn),
    }),
  };
}

/** Reads `alpha=0.1:1`. */
function boundOf(text: string): readonly [string, readonly [number, number]] {
  const [, name, low, high] = /^\s*([A-Za-z]\w*)\s*=\s*([^:\s]+)\s*:\s*([^:\s]+)\s*$/.exec(text) ?? [];
  const ends = [Number(low), Number(high)] as const;
  if (name !== undefined && ends[0] < ends[1]) return [name, ends];
  throw new InvalidArgumentError(`--bound "${text}" is not PARAMETER=LOW:HIGH, as in alpha=0.1:1`);
}
