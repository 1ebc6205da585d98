import { Command, CommanderError } from 'commander';
import { isFailure, ShapelawError } from '../errors.js';
import { version } from '../version.js';
import { backtestCommand } from './backtest.js';
import { calibrateCommand } from './calibrate/command.js';
import { countCommand } from './count.js';
import { designCommand } from './design.js';
import { diagnoseCommand } from './diagnose.js';
import { fitCommand } from './fit.js';
import { importCommand } from './import.js';
import { knobsCommand } from './knobs.js';
import { optimumCommand } from './optimum.js';
import { predictCommand } from './predict.js';
import { recommendCommand } from './recommend.js';
import { regionsCommand } from './regions.js';
import { reproduceCommand } from './reproduce.js';
import type { Terminal } from './terminal.js';
import { trainCommand } from './train.js';

/** The command line as a tree of commands. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('shapelaw')
    .description('Plan a Transformer training run before it is paid for: counts, scaling laws, shapes for a budget.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: () => {},
      getOutHasColors: () => terminal.colors.isColorSupported,
    })
    .addHelpText('after', '\nCompletion: shapelaw completion bash|zsh|fish prints a script for your shell.');
  for (const command of [
    countCommand,
    trainCommand,
    calibrateCommand,
    importCommand,
    fitCommand,
    diagnoseCommand,
    predictCommand,
    optimumCommand,
    regionsCommand,
    backtestCommand,
    reproduceCommand,
    recommendCommand,
    designCommand,
    knobsCommand,
  ]) {
    program.addCommand(command(terminal).copyInheritedSettings(program));
  }
  return program;
}

/**
 * Runs a command line.
 *
 * @param args - Arguments after the program's name.
 * @returns The exit code: 0 for success, 2 for bad usage, bad input or a refusal, 1 for a failure.
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = createProgram(terminal);
  if (args[0] === 'completion') {
    const { completionCommand } = await import('./completion.js');
    program.addCommand(completionCommand(terminal).copyInheritedSettings(program));
  }
  try {
    if (args.length === 0) {
      terminal.err(program.helpInformation());
      return 2;
    }
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      terminal.err(`[bad-usage] ${messageOf(error, args)}\nSee: shapelaw ${helpOf(program, args)}--help\n`);
      return 2;
    }
    if (error instanceof ShapelawError) {
      terminal.err(`[${error.code}] ${error.message}\n`);
      return isFailure(error.code) ? 1 : 2;
    }
    terminal.err(`[internal] ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}

/** What was wrong; where commander prints its help instead, it says nothing. */
function messageOf(error: CommanderError, [first, second]: readonly string[]): string {
  if (error.code !== 'commander.help') return error.message.replace(/^error: /, '');
  return first === 'help' && second !== undefined ? `unknown command '${second}'` : 'a command is missing';
}

function helpOf(program: Command, args: readonly string[]): string {
  const command = program.commands.find((candidate) => candidate.name() === args[0]);
  return command === undefined ? '' : `${command.name()} `;
}
