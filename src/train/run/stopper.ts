import { ShapelawError } from '../../errors.js';
import type { Executor } from '../engines/executor.js';
import type { Corpus } from '../text/index.js';

/** Where a signal stops a run that is no step: while it starts, and while it reads text. */
export interface Stopper {
  /** @throws ShapelawError `interrupted`. */
  check(): void;
  /** The corpus, whose reading the signal stops at any time. */
  corpus(corpus: Corpus): Corpus;
  /** The executor, whose calls the signal stops while the run starts. */
  executor(executor: Executor): Executor;
  /** The start is over. */
  end(): void;
}

export function stopper(signal: AbortSignal | undefined): Stopper {
  let isStarting = true;
  const check = () => {
    if (!signal?.aborted) return;
    throw new ShapelawError('interrupted', 'stopped before the first step; go on with the same command', {});
  };
  const checkStart = () => {
    if (isStarting) check();
  };
  return {
    check,
    corpus: ({ name, documents }) => ({
      name,
      async *documents() {
        for await (const document of documents()) {
          check();
          yield document;
        }
      },
    }),
    executor: (executor) => ({
      ...executor,
      async prepare(program) {
        checkStart();
        const prepared = await executor.prepare(program);
        return {
          run: async (feeds) => {
            checkStart();
            return prepared.run(feeds);
          },
          dispose: () => prepared.dispose(),
        };
      },
      writeStates: async (states, give) => {
        checkStart();
        return executor.writeStates(states, give);
      },
    }),
    end() {
      isStarting = false;
    },
  };
}
