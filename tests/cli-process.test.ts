import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { csvOf, simulatedRows } from './cli-harness.js';

const main = join(inject('build'), 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'shapelaw-process-'));

beforeAll(() => {
  writeFileSync(join(folder, 'runs.csv'), csvOf(simulatedRows, ['runId', 'params', 'tokens', 'loss']));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Whatever colours the tests themselves run with. */
const environment = (more: Readonly<Record<string, string>> = {}) => {
  const { NO_COLOR, FORCE_COLOR, ...rest } = process.env;
  return { ...rest, ...more };
};

function shapelaw(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8', env: environment() });
}

/** A shell command in which $shapelaw runs the command line. */
function shell(command: string, more: Readonly<Record<string, string>> = {}): SpawnSyncReturns<string> {
  const env = environment({ shapelaw: `${process.execPath} ${main}`, ...more });
  return spawnSync('bash', ['-c', command], { cwd: folder, encoding: 'utf8', env });
}

/** Control Sequence Introducer. */
const introducer = '\u001b[';

describe('exit codes and streams', () => {
  test('0: the answer on standard output', () => {
    const { status, stdout, stderr } = shapelaw('count', 't5-base', '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout).shapes[0].parameters.total).toBe(222_903_552);
  });

  test('2: a refusal, by its code on standard error', () => {
    const { status, stdout, stderr } = shapelaw('recommend', '--params', '1M');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^\[infeasible-budget\] /);
  });

  test('2: no arguments', () => {
    const { status, stdout, stderr } = shapelaw();
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: shapelaw /);
  });

  test('1: a file that can’t be written', () => {
    const { status, stdout, stderr } = shapelaw(
      ...['fit', 'runs.csv', '--law', 'chinchilla', '--draws', '0', '-o', 'missing/law.json'],
    );
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^\[write-failed\] /m);
  });

  test('fit, predict and recommend hand a law file on', () => {
    const command =
      '$shapelaw fit runs.csv --law chinchilla --draws 50 -o law.json && $shapelaw predict law.json --params 1e9 --tokens 2e10 && ' +
      '$shapelaw recommend --gpus 8xH100 --days 3 --law law.json';
    const { status, stdout } = shell(command);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Saved as law\.json\.[\s\S]*of a new run[\s\S]*Budget {2}8 devices for 3 days/);
  });
});

describe('colour', () => {
  // script(1) gives a command a terminal of its own.
  const onTerminal = (command: string, more: Readonly<Record<string, string>>) =>
    shell(`script -qec '${command}' /dev/null`, { TERM: 'xterm', ...more });
  const hasScript = spawnSync('script', ['--version']).status === 0;

  test('none in a pipe', () => {
    expect(shapelaw('recommend', '--params', '220M').stdout).not.toContain(introducer);
  });

  test.skipIf(!hasScript)('on a terminal, and none there with NO_COLOR or TERM=dumb', () => {
    const command = '$shapelaw count t5-base';
    const plain = onTerminal(command, { NO_COLOR: '1' });
    expect(plain.stdout).toMatch(/^t5-base +222,903,552/m);
    expect(plain.stdout).not.toContain(introducer);
    expect(onTerminal(command, { TERM: 'dumb' }).stdout).not.toContain(introducer);
    expect(onTerminal(command, {}).stdout).toContain(introducer);
    // no-color.org: an empty value sets nothing.
    expect(onTerminal(command, { NO_COLOR: '' }).stdout).toContain(introducer);
  });
});

describe('readers that leave early', () => {
  test('head takes the first line, and nothing crashes', () => {
    // More than a pipe holds (64 KiB), so that the writer meets the closed pipe.
    const shapes = Array.from({ length: 30 }, (_, k) => `t5-efficient-base-nl${k + 1}`).join(' ');
    expect(execFileSync(process.execPath, [main, 'count', ...shapes.split(' '), '--json']).length).toBeGreaterThan(
      2 ** 16,
    );
    const { stdout, stderr } = shell(`$shapelaw count ${shapes} --json | head -1; echo "\${PIPESTATUS[0]}"`);
    expect({ stdout, stderr }).toEqual({ stdout: '{\n0\n', stderr: '' });
  });

  test('a law file is written though nobody reads the warnings', async () => {
    const output = join(folder, 'unread.json');
    const args = [main, 'fit', join(folder, 'runs.csv'), '--law', 'chinchilla', '--draws', '0', '-o', output];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.destroy();
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(JSON.parse(readFileSync(output, 'utf8')).law).toBe('chinchilla');
  });
});

describe('completion', () => {
  const laws = ['power', 'chinchilla', 'kaplan', 'width-depth', 'shape', 'broken', 'region', 'data-constrained'];

  beforeAll(() => {
    expect(shell('$shapelaw completion bash > completion.bash')).toMatchObject({ status: 0, stderr: '' });
  });

  /** What bash offers after these words. */
  function offered(...words: string[]): string[] {
    const { stdout, stderr } = shell(
      `source completion.bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); ` +
        `COMP_CWORD=${words.length - 1}; _shapelaw; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    expect(stderr).toBe('');
    return stdout.trim().split('\n');
  }

  test('bash offers commands, options, and the words that a value may be', () => {
    expect(offered('shapelaw', '')).toEqual(
      expect.arrayContaining(['count', 'fit', 'predict', 'recommend', 'completion']),
    );
    expect(offered('shapelaw', 'rec')).toEqual(['recommend']);
    expect(offered('shapelaw', 'recommend', '--m')).toEqual(['--money', '--memory', '--mfu']);
    expect(offered('shapelaw', 'recommend', '--law', 'gem')).toEqual(['gemstones-shape']);
    expect(offered('shapelaw', 'knobs', 't5-ba')).toEqual(['t5-base']);
    expect(offered('shapelaw', 'fit', '--law', '')).toEqual(laws);
    expect(offered('shapelaw', 'recommend', '--gpu', 'H2')).toEqual(['H200']);
    expect(offered('shapelaw', 'count', 't5-ba')).toEqual(['t5-base']);
  });

  test('what is no known word is left to the completion of files', () => {
    expect(offered('shapelaw', 'fit', 'run')).toEqual(['']);
    expect(shapelaw('completion', 'bash').stdout).toMatch(/^complete -o default -F _shapelaw shapelaw$/m);
  });

  test('zsh takes the script of bash, fish its own lines', () => {
    const [bash, zsh, fish] = ['bash', 'zsh', 'fish'].map((name) => shapelaw('completion', name).stdout);
    expect(zsh).toBe(`autoload -U +X bashcompinit && bashcompinit\n${bash}`);
    expect(fish).toMatch(/^complete -c shapelaw -n __fish_use_subcommand -f -a recommend -d '/m);
    expect(fish).toMatch(
      /^complete -c shapelaw -n '__fish_seen_subcommand_from fit' -l law -x -a 'power chinchilla [a-z -]*' -d '/m,
    );
  });

  // Debian's fish and zsh, where they are installed.
  test.skipIf(spawnSync('fish', ['--version']).status !== 0)('fish accepts its script', () => {
    const { stdout, stderr } = shell(
      `$shapelaw completion fish > c.fish && fish --no-config -c 'source c.fish; complete -C "shapelaw rec"'`,
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^recommend\t/);
  });

  test.skipIf(spawnSync('zsh', ['--version']).status !== 0)('zsh accepts its script', () => {
    const { stderr, status } = shell(
      `$shapelaw completion zsh > c.zsh && zsh -f -c 'autoload -U compinit && compinit -u -d zdump; source c.zsh'`,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
