import { ShapelawError } from '../../errors.js';
import type { PlannedRun } from '../../train/index.js';
import { exact, range, scientific, short, significant } from '../format.js';
import type { Terminal } from '../terminal.js';
import type { CalibrateFlags } from './command.js';

/** FLOPs over those of the largest run, for which shapes are recommended where no budget is given. */
const defaultReach = 1000;

/**
 * Fits a law to the runs of a sweep, tests it on the largest of them, and recommends shapes for a budget, by the commands that do so. They are printed,
 * so that each can be repeated with other options.
 */
export async function followUp(
  path: string,
  runs: readonly PlannedRun[],
  { then, law, budget, json = false }: CalibrateFlags,
  terminal: Terminal,
): Promise<void> {
  const [table, lawFile] = [`${path}/runs.jsonl`, `${path}/law.json`];
  await follow(['fit', table, '--law', law, '-o', lawFile], json, terminal);
  try {
    await follow(['backtest', table, '--laws', law], json, terminal);
  } catch (error) {
    if (!(error instanceof ShapelawError)) throw error;
    terminal.err(`note: no backtest: ${error.message}\n`);
  }
  if (then?.includes('recommend')) {
    const stated = budget ?? `${scientific(defaultReach * Math.max(...runs.map(({ flops }) => flops)))} FLOP`;
    await follow(['recommend', stated, '--law', lawFile, ...asTrained(runs)], json, terminal);
  }
  if (!json) terminal.out(`\n${reachText(runs, terminal)}\n`);
}

/** Options by which a recommendation counts as the sweep trained: its vocabulary, lengths, batch, and widths from its own on. */
function asTrained(runs: readonly PlannedRun[]): readonly string[] {
  const { recipe } = runs[0]!;
  const { shape, encoderTokens, batch, accumulate } = recipe;
  const width = Math.min(...runs.map((run) => run.recipe.shape.dModel));
  return [
    ...(shape.vocab % 128 === 0 ? ['--vocab', String(shape.vocab)] : []),
    ...(width < 128 ? ['--d-model', '64-2048', '--d-model-step', '64'] : []),
    ...['--encoder-tokens', String(encoderTokens), '--batch', String(batch * accumulate)],
  ];
}

async function follow(args: readonly string[], json: boolean, terminal: Terminal): Promise<void> {
  const { createProgram } = await import('../program.js');
  if (!json) {
    terminal.out(`\n${terminal.colors.bold(`$ shapelaw ${args.map(quoted).join(' ')}`)}\n`);
    await createProgram(terminal).parseAsync([...args], { from: 'user' });
    return;
  }
  let printed = '';
  const recorded = {
    ...terminal,
    out: (text: string) => {
      printed += text;
    },
  };
  await createProgram(recorded).parseAsync([...args, '--json'], { from: 'user' });
  terminal.out(`${JSON.stringify({ event: args[0], result: JSON.parse(printed) })}\n`);
}

function quoted(arg: string): string {
  return /^[\w./=:,-]+$/.test(arg) ? arg : `"${arg}"`;
}

/** What a sweep can't know, in its own numbers. */
function reachText(runs: readonly PlannedRun[], { colors }: Terminal): string {
  const ends = (of: (run: PlannedRun) => number) => {
    const values = runs.map(of);
    return [Math.min(...values), Math.max(...values)] as const;
  };
  const flops = ends((run) => run.flops);
  const seeds = new Set(runs.map(({ recipe }) => recipe.seed)).size;
  return [
    colors.bold('What this sweep can know'),
    `- It rests on ${exact(runs.length)} runs of ${range(
      ends((run) => run.params),
      short,
    )} parameters, ${range(
      ends((run) => run.tokens),
      short,
    )} tokens and ${range(flops, scientific)} FLOPs, ${seeds === 1 ? 'one seed each, so that noise of a run is not told from a misfit of the law' : `${seeds} seeds in a part of them`}.`,
    `- Its largest run has ${significant(Math.log10(publishedFlops / flops[1]))} decades less compute than the largest of Hoffmann et al. 2022 (${scientific(publishedFlops)} FLOPs). A law is a guess beyond its runs, and its intervals know nothing of what changes on the way: another corpus, tokenizer, learning rate, or a bend of the law.`,
    flops[1] < believable
      ? '- So small a sweep shows the way and no more: do not decide by it. A larger one for your cost: shapelaw design --cost 2h --rate 1e11 -o sweep.json, then shapelaw calibrate sweep.json --then fit,recommend.'
      : '- Narrow it where it is wide: shapelaw design --prior LAW.json chooses the next runs.',
  ].join('\n');
}

/** Training FLOPs of Chinchilla's largest, 6 times 70e9 parameters times 1.4e12 tokens (Hoffmann et al. 2022). */
const publishedFlops = 6 * 70e9 * 1.4e12;

/** FLOPs of the largest run below which a sweep only shows how it goes. */
const believable = 1e16;
