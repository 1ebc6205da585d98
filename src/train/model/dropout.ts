import { type Dims, input, mul, type Tensor, where } from '../graph/index.js';

/** Makes a dropout for a tensor of a shape: the same function applied again has the same mask. */
export type Dropout = (dims: Dims) => (x: Tensor) => Tensor;

/** No dropout. */
export const noDropout: Dropout = () => (x) => x;

/** Name of the input that holds the mask of the n-th dropout. */
export const maskName = (index: number) => `mask ${index}`;

/**
 * Dropout whose masks are fed: 1 keeps an element and scales it by 1 / (1 - rate), 0 drops it. What made the masks, not
 * the engine, decides them, so that they are the same on every engine and when a run is resumed.
 *
 * @param rate - Share of the elements dropped, in [0, 1).
 */
export function fedDropout(rate: number): Dropout {
  let count = 0;
  return (dims) => {
    if (rate === 0) return (x) => x;
    const mask = input(maskName(count++), 'bool', dims);
    return (x) => where(mask, mul(x, 1 / (1 - rate)), 0);
  };
}

/** The same dropouts in the same order each time `again` was called: for a layer that is built twice. */
export function replayed(dropout: Dropout): { readonly dropout: Dropout; readonly again: () => void } {
  const made: ReturnType<Dropout>[] = [];
  let next = 0;
  return {
    dropout: (dims) => {
      made[next] ??= dropout(dims);
      return made[next++]!;
    },
    again: () => {
      next = 0;
    },
  };
}
