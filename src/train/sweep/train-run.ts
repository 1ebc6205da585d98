import { train } from '../run/train.js';
import type { SweepFolder, SweepSetup } from './folder.js';
import type { RunMaker } from './work.js';

/** Makes runs by training them, each in its folder of the sweep. */
export function trainingMaker(folder: SweepFolder, setup: SweepSetup): RunMaker {
  return {
    async make({ runId, recipe }, claim, signal, onProgress) {
      const { engine, threads, peak } = setup;
      const result = await train({
        recipe,
        out: folder.runPath(runId),
        engine,
        threads,
        ...(peak === undefined ? {} : { peak }),
        claim,
        signal,
        onEvent: (event) => {
          if (event.event !== 'step') return;
          const { step, steps, loss, tokensPerSecond, secondsLeft } = event;
          onProgress({ step, steps, loss, tokensPerSecond, secondsLeft });
        },
      });
      return result.status === 'complete' ? { loss: result.loss!, seconds: result.elapsedSeconds } : undefined;
    },
  };
}
