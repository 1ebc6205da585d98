import { Argument, Command, type Option } from 'commander';
import { lawDefinitions } from '../fit/laws/registry.js';
import { publishedLawNames } from '../fit/published.js';
import { hardwareCatalogue } from '../flops/hardware-catalogue.js';
import { presetNames } from '../flops/presets/index.js';
import type { Terminal } from './terminal.js';

const shells = ['bash', 'zsh', 'fish'] as const;

/** `shapelaw completion SHELL`: a script of words; everything else completes as file names do. */
export function completionCommand(terminal: Terminal): Command {
  return new Command('completion')
    .description('Print a completion script for a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', '\nExample:\n  eval "$(shapelaw completion bash)"\n  shapelaw completion fish | source')
    .action((shell: (typeof shells)[number], _options: unknown, command: Command) => {
      const program = command.parent!;
      if (shell === 'fish') terminal.out(fishScript(program));
      else
        terminal.out(
          shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${bashScript(program)}` : bashScript(program),
        );
    });
}

/** Words that the value of an option may be; empty where it is a number, a file or free text. */
function valuesOf(option: Option, command: Command): readonly string[] {
  if (option.long === '--gpu') return hardwareCatalogue.map(({ name }) => name);
  if (option.long === '--shape' || option.long === '--base') return presetNames();
  if (option.long === '--prior' || (option.long === '--law' && askLaws.includes(command.name())))
    return publishedLawNames();
  if (option.long === '--law' || option.long === '--laws') return lawNames();
  return option.argChoices ?? [];
}

/** Commands that ask a law, where others fit one. */
const askLaws = ['recommend', 'knobs'];

/** Laws that go by a name; formulas do not. */
function lawNames(): readonly string[] {
  return lawDefinitions().flatMap(({ name, takes }) => (takes.includes('expression') ? [] : [name]));
}

/** Words that the arguments of a command may be. */
function argumentWords(command: Command): readonly string[] {
  if (command.name() === 'count' || command.name() === 'knobs') return presetNames();
  return command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
}

function flagsOf(command: Command): readonly string[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ short, long }) => [short, long].filter((flag) => flag !== undefined));
}

/** One function for bash, and for zsh through its bashcompinit; no package of completions is needed. */
function bashScript(program: Command): string {
  const commands = program.createHelp().visibleCommands(program);
  const cases = commands.map((command) => {
    const values = command.options
      .filter((option) => valuesOf(option, command).length > 0)
      .map((option) => `        ${option.long}) words="${valuesOf(option, command).join(' ')}" ;;`);
    const otherwise = `        *) case "$current" in -*) words="${flagsOf(command).join(' ')}" ;; *) words="${argumentWords(command).join(' ')}" ;; esac ;;`;
    return `    ${command.name()})\n      case "$previous" in\n${[...values, otherwise].join('\n')}\n      esac ;;`;
  });
  const names = [...commands.map((command) => command.name()), ...flagsOf(program)];
  return `_shapelaw() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${names.join(' ')}"
  else
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _shapelaw shapelaw
`;
}

function fishScript(program: Command): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const commands = program.createHelp().visibleCommands(program);
  const lines = commands.flatMap((command) => {
    const seen = `-n ${quote(`__fish_seen_subcommand_from ${command.name()}`)}`;
    const words = argumentWords(command);
    const options = command
      .createHelp()
      .visibleOptions(command)
      .map((option) => {
        const long = option.long === undefined ? '' : ` -l ${option.long.slice(2)}`;
        const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`;
        const values = valuesOf(option, command);
        const value = values.length > 0 ? ` -x -a ${quote(values.join(' '))}` : option.required ? ' -r' : '';
        return `complete -c shapelaw ${seen}${long}${short}${value} -d ${quote(option.description)}`;
      });
    return [
      `complete -c shapelaw -n __fish_use_subcommand -f -a ${command.name()} -d ${quote(command.description())}`,
      ...(words.length > 0 ? [`complete -c shapelaw ${seen} -a ${quote(words.join(' '))}`] : []),
      ...options,
    ];
  });
  return `${lines.join('\n')}\n`;
}
