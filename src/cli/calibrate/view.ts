import type { PlannedRun, RunProgress, SweepEvent } from '../../train/index.js';
import { durations, exact, short } from '../format.js';
import type { Terminal } from '../terminal.js';

/** Shows the events of a sweep. */
export interface SweepView {
  show(event: SweepEvent): void;
  /** Takes the live part away, so that other output can follow. */
  clear(): void;
}

/** Runs that the live view lists one by one. */
const mostListed = 12;

/** Milliseconds between two pictures of the live view, and between two reports where there is none. */
const pictureEvery = 200;
const reportEvery = 30_000;

/** A view for people: on a terminal one picture that is drawn over, elsewhere a line for each thing that happens. */
export function textView(runs: readonly PlannedRun[], terminal: Terminal): SweepView {
  const tally = createTally(runs);
  const nameOf = namer(runs);
  const began = performance.now();
  let drawn = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let reportedAt = began;
  const clear = () => {
    if (drawn > 0) terminal.err(`\x1b[${drawn}A\r\x1b[J`);
    drawn = 0;
  };
  const say = (text: string) => {
    clear();
    drawnAt = Number.NEGATIVE_INFINITY;
    terminal.err(`${text}\n`);
  };
  return {
    clear,
    show(event) {
      tally.count(event);
      switch (event.event) {
        case 'start': {
          const before = event.done + event.failed;
          return say(
            `${exact(event.runs)} runs${before > 0 ? `, ${exact(event.done)} done and ${exact(event.failed)} failed before` : ''}; executor ${event.executor}`,
          );
        }
        case 'run-start':
          if (!terminal.live) say(`start   ${nameOf(event.runId)}`);
          return;
        case 'run-done':
          return say(
            `done    ${nameOf(event.runId)}: loss ${event.loss.toFixed(4)}, ${durations([event.seconds, event.seconds])}  (${tally.counts()})`,
          );
        case 'run-again':
          return say(`again   ${nameOf(event.runId)}: [${event.code}] ${firstLine(event.message)}`);
        case 'run-failed':
          return say(`failed  ${nameOf(event.runId)}: [${event.code}] ${firstLine(event.message)}`);
        case 'progress': {
          const now = performance.now();
          if (!terminal.live) {
            if (now - reportedAt < reportEvery) return;
            reportedAt = now;
            return say(`        ${tally.line()}`);
          }
          if (now - drawnAt < pictureEvery) return;
          const lines = [
            tally.line(),
            ...[...event.active]
              .slice(0, mostListed)
              .map(([runId, { waits, progress }]) => `  ${nameOf(runId)}  ${waits ?? progressText(progress)}`),
          ];
          clear();
          terminal.err(lines.map((line) => `${line.slice(0, (terminal.columns?.() ?? 80) - 1)}\n`).join(''));
          drawn = lines.length;
          drawnAt = now;
          return;
        }
        case 'end':
          clear();
          terminal.out(
            `${event.status === 'complete' ? 'complete' : 'interrupted'}: ${exact(event.done)} of ${exact(event.runs)} runs done${event.failed.length > 0 ? `, ${exact(event.failed.length)} failed` : ''}, ${durations([(performance.now() - began) / 1000, (performance.now() - began) / 1000])}\n`,
          );
      }
    },
  };
}

/** A line of JSON for each event; what runs are at is told every few seconds. */
export function jsonView(terminal: Terminal): SweepView {
  let saidAt = Number.NEGATIVE_INFINITY;
  return {
    clear: () => {},
    show(event) {
      if (event.event === 'progress') {
        if (performance.now() - saidAt < 5000) return;
        saidAt = performance.now();
        const active = [...event.active].map(([runId, { waits, progress }]) => ({
          runId,
          ...(waits === undefined ? {} : { waits }),
          ...progress,
        }));
        return terminal.out(`${JSON.stringify({ event: 'progress', active })}\n`);
      }
      terminal.out(`${JSON.stringify(event)}\n`);
    },
  };
}

/** Counts runs, and estimates the time left from what runs took so far. */
function createTally(runs: readonly PlannedRun[]) {
  const byId = new Map(runs.map((run) => [run.runId, run]));
  const flopsOf = (runId: string) => byId.get(runId)?.flops ?? 0;
  let active: ReadonlyMap<string, { readonly progress?: RunProgress }> = new Map();
  let [done, failed, flopsLeft, secondsSpent, flopsSpent] = [0, 0, 0, 0, 0];

  /** FLOPs a second of a worker: of the runs that have ended, before there are any of those at work. */
  const rate = (): number => {
    if (secondsSpent > 0) return flopsSpent / secondsSpent;
    const rates = [...active].flatMap(([runId, { progress }]) => {
      const run = byId.get(runId);
      return progress === undefined || run === undefined ? [] : [(progress.tokensPerSecond * run.flops) / run.tokens];
    });
    return rates.reduce((sum, each) => sum + each, 0) / rates.length;
  };

  const secondsLeft = (): number | undefined => {
    const perSecond = rate();
    if (!(perSecond > 0) || active.size === 0) return undefined;
    const atHand = [...active].map(([runId, { progress }]) => progress?.secondsLeft ?? flopsOf(runId) / perSecond);
    const waiting = flopsLeft - [...active.keys()].reduce((sum, runId) => sum + flopsOf(runId), 0);
    const sum = atHand.reduce((total, seconds) => total + seconds, 0) + waiting / perSecond;
    return Math.max(sum / active.size, ...atHand);
  };

  return {
    count(event: SweepEvent): void {
      if (event.event === 'start') ({ done, failed, flopsLeft } = event);
      if (event.event === 'progress') active = event.active;
      if (event.event === 'run-done') {
        done += 1;
        flopsLeft -= flopsOf(event.runId);
        secondsSpent += event.seconds;
        flopsSpent += flopsOf(event.runId);
      }
      if (event.event === 'run-failed') {
        failed += 1;
        flopsLeft -= flopsOf(event.runId);
      }
    },
    counts: () => `${exact(done)} of ${exact(runs.length)}`,
    line(): string {
      const tokensPerSecond = [...active.values()].reduce(
        (sum, { progress }) => sum + (progress?.tokensPerSecond ?? 0),
        0,
      );
      const left = secondsLeft();
      return [
        `${exact(done)} of ${exact(runs.length)} runs done, ${exact(active.size)} running, ${exact(failed)} failed`,
        ...(tokensPerSecond > 0 ? [`${short(tokensPerSecond)} tokens/s`] : []),
        ...(left === undefined ? [] : [`about ${durations([left, left])} left`]),
      ].join('  ');
    },
  };
}

/** What of a run people know it by: its id, shape, tokens and seed. */
export function namer(runs: readonly PlannedRun[]): (runId: string) => string {
  const names = new Map(
    runs.map(({ runId, recipe, tokens }) => [
      runId,
      `${runId}  ${recipe.shape.name}, ${short(tokens)} tokens, seed ${recipe.seed}`,
    ]),
  );
  return (runId) => names.get(runId) ?? runId;
}

export function progressText(progress: RunProgress | undefined): string {
  if (progress === undefined) return 'starting';
  const { step, steps, loss, tokensPerSecond, secondsLeft } = progress;
  return `step ${exact(step)} of ${exact(steps)}  loss ${loss.toFixed(3)}  ${short(tokensPerSecond)} tokens/s  ${durations([secondsLeft, secondsLeft])} left`;
}

export function firstLine(text: string): string {
  return text.split('\n')[0]!;
}
