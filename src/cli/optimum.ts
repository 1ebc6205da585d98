import { Command, InvalidArgumentError } from 'commander';
import type { OptimumEstimate } from '../fit/optimum/index.js';
import type { RunTable } from '../runs/index.js';
import { interval, percent, scientific, short, significant } from './format.js';
import { collect, listed, positiveNumber, share, wholeNumber } from './options.js';
import { right, table } from './table.js';
import { readTable, type TableOptions, withTableOptions } from './table-options.js';
import type { Terminal } from './terminal.js';

const methods = ['isoflop', 'akima', 'frontier', 'surface', 'shape'] as const;
type Method = (typeof methods)[number];

type OptimumCommandOptions = TableOptions & {
  readonly methods: readonly Method[];
  readonly at?: readonly number[];
  readonly budget?: readonly string[];
  readonly tolerance: number;
  readonly delta: number;
  readonly draws: number;
  readonly seed: number;
  readonly level: number;
  readonly plots?: string;
  readonly force?: boolean;
  readonly json?: boolean;
};

export function optimumCommand(terminal: Terminal): Command {
  const command = new Command('optimum')
    .description(
      'Find the parameters and tokens of least loss as powers of compute, in several ways, and compare them.',
    )
    .argument('<runs>', 'table of runs with params, tokens or FLOPs, and loss')
    .option(
      '--methods <name,...>',
      'isoflop (parabolas), akima (splines), frontier (lower envelope), surface (chinchilla law), shape (law of shape)',
      readMethods,
      readMethods('isoflop,frontier,surface'),
    )
    .option('--at <flops,...>', 'budgets to state the optimum at, such as 1e21,1e22', readNumbers)
    .option(
      '--budget <flops>',
      "a budget of the sweep; repeatable (default: those that the rows' FLOPs fall into)",
      collect,
    )
    .option('--tolerance <share>', 'how far FLOPs of one budget may differ', share, 0.1)
    .option('--delta <number>', "of the law's Huber objective", positiveNumber, 1e-3)
    .option('--draws <n>', 'for intervals', wholeNumber, 1000)
    .option('--seed <n>', 'of the draws', wholeNumber, 0)
    .option('--level <share>', 'of the intervals', share, 0.95)
    .option(
      '--force',
      'leave budgets without a sound minimum out, take mixed schedules, and what else may be overruled in a fit',
    );
  return withTableOptions(command)
    .option('--plots <folder>', 'write plots of the IsoFLOP profiles and of the optimum, as SVG files')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  shapelaw optimum sweep.csv --methods isoflop,surface --at 1e21')
    .action(async (runs: string, options: OptimumCommandOptions) => {
      const { compareApproaches } = await import('../fit/optimum/index.js');
      const runTable = await readTable(runs, options);
      for (const warning of runTable.warnings) terminal.err(`warning: ${warning}\n`);
      const results: OptimumEstimate[] = [];
      for (const method of options.methods) results.push(await estimate(method, runTable, options));
      for (const { method, notes, warnings } of results) {
        for (const note of notes) terminal.err(`${method}: ${note}\n`);
        for (const { code, message } of warnings) terminal.err(`warning: ${method}: [${code}] ${message}\n`);
      }
      const comparison = results.length < 2 ? null : compareApproaches(results, options.at ?? []);
      if (options.plots !== undefined) {
        const written = await writeOptimumPlots(results, runTable, options.plots);
        terminal.err(`plots: ${written.join(', ')}\n`);
      }
      terminal.out(
        options.json
          ? `${JSON.stringify({ results, comparison }, null, 2)}\n`
          : text(results, comparison?.methods.map(({ bias }) => bias) ?? [], terminal),
      );
    });
}

function readMethods(text: string): readonly Method[] {
  const names = listed(text);
  const unknown = names.find((name) => !methods.includes(name as Method));
  if (unknown === undefined) return [...new Set(names)] as Method[];
  throw new InvalidArgumentError(`There is no method "${unknown}": ${methods.join(', ')}.`);
}

function readNumbers(text: string): readonly number[] {
  return listed(text).map(positiveNumber);
}

async function estimate(method: Method, runs: RunTable, options: OptimumCommandOptions): Promise<OptimumEstimate> {
  const { isoflop, frontier, lawOptimum } = await import('../fit/optimum/index.js');
  const { draws, seed, level, tolerance, force = false, at = [], budget, delta } = options;
  const shared = { draws, seed, level, at };
  if (method === 'frontier') return frontier(runs, { ...shared, force });
  if (method === 'surface' || method === 'shape') {
    const [{ fitLawParallel }, { refitWorkers }] = await Promise.all([
      import('../fit/fit.js'),
      import('./refit-workers.js'),
    ]);
    const name = method === 'surface' ? 'chinchilla' : 'shape';
    const law = await fitLawParallel(runs, { law: name, delta, draws, seed, level, force }, refitWorkers());
    return lawOptimum(law, { level, at }, runs);
  }
  return isoflop(runs, {
    ...{ ...shared, tolerance, force, method: method === 'akima' ? 'akima' : 'quadratic' },
    ...(budget === undefined ? {} : { budgets: budget.map((text) => positiveNumber(text)) }),
  });
}

async function writeOptimumPlots(
  results: readonly OptimumEstimate[],
  runs: RunTable,
  folder: string,
): Promise<readonly string[]> {
  const [{ optimumPlots }, { writeNamedPlots }] = await Promise.all([
    import('../report/optimum-plots.js'),
    import('./plots.js'),
  ]);
  return writeNamedPlots(optimumPlots(results, runs), folder);
}

function text(results: readonly OptimumEstimate[], biases: readonly string[], { colors }: Terminal): string {
  const fixed = (value: number) => value.toFixed(4);
  const level = percent(results[0]!.level);
  const exponents = table(
    [
      { heading: 'method' },
      right('a of N* = k C^a'),
      right(`${level} interval`),
      right('b of D* = k C^b'),
      right(`${level} interval`),
      right('FLOPs'),
      right('points'),
    ],
    results.map(({ method, params, tokens, compute, evidence }) => [
      method,
      fixed(params.exponent.value),
      interval(params.exponent.interval, fixed),
      fixed(tokens.exponent.value),
      interval(tokens.exponent.interval, fixed),
      compute.from === '6ND' ? '6ND' : compute.convention,
      evidence === null ? 'unknown' : String(evidence.points),
    ]),
    colors.bold,
  );
  const budgets = results.flatMap(({ method, optima }) =>
    optima.map(({ flops, params, tokens, tokensPerParam, decadesBeyond }) => [
      method,
      scientific(flops),
      short(params.value),
      interval(params.interval, short),
      short(tokens.value),
      interval(tokens.interval, short),
      significant(tokensPerParam.value),
      decadesBeyond === null ? 'unknown' : decadesBeyond === 0 ? 'no' : `by ${decadesBeyond.toFixed(2)} decades`,
    ]),
  );
  const minima = results.flatMap(({ method, budgets: rows }) =>
    rows.map((budget) => [
      method,
      scientific(budget.flops),
      String(budget.rows.length),
      budget.params === null ? '' : short(budget.params),
      interval(budget.paramsInterval, short),
      `${significant(budget.halfWidth)}x`,
      budget.status,
    ]),
  );
  const { conventions } = results[0]!;
  return `${[
    exponents,
    ...(budgets.length === 0
      ? []
      : [
          table(
            [
              { heading: 'method' },
              right('budget'),
              right('N*'),
              right(`${level} interval`),
              right('D*'),
              right(`${level} interval`),
              right('D*/N*'),
              right('outside evidence'),
            ],
            budgets,
            colors.bold,
          ),
        ]),
    ...(minima.length === 0
      ? []
      : [
          table(
            [
              { heading: 'method' },
              right('budget'),
              right('rows'),
              right('minimum at'),
              right(`${level} interval`),
              right('grid, each way'),
              { heading: 'status' },
            ],
            minima,
            colors.bold,
          ),
        ]),
    colors.dim(
      [
        `Parameters ${conventions?.params ?? 'unstated'}, tokens ${conventions?.tokens ?? 'unstated'}; budgets in training FLOPs.`,
        ...results.map(({ method, intervalKind }) => `Intervals of ${method}: ${intervalKind ?? 'none'}.`),
        ...biases.map((bias, k) => `Bias of ${results[k]!.method}: ${bias}.`),
      ].join('\n'),
    ),
  ].join('\n')}\n`;
}
