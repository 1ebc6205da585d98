import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** Uniform numbers. */
export type Random = () => number;

/** The finalizer of MurmurHash3 (Appleby): a bijection of 32-bit words in which every bit changes every other. */
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** One constant for each word of the generator's state: the fractional digits of pi in hexadecimal. */
const words = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const;

/**
 * Uniform numbers in [0, 1), 32 bits each: a stream of its own for a seed and a number within it. The whole state is mixed from both: the generator's first numbers
 * are little more than its state, and neighbouring streams would go in step.
 *
 * @param seed - An integer of at most 53 bits, as `number`.
 */
export function randomStream(seed: number, number: number): Random {
  const next = randomWords(seed, number);
  return () => next() / 2 ** 32;
}

/** The same stream as whole numbers below 2^32. */
export function randomWords(seed: number, number: number): Random {
  const seedHigh = Math.floor(seed / 2 ** 32);
  const numberHigh = Math.floor(number / 2 ** 32);
  // Bijective in the low half of the number, so that no two streams of a seed are the same.
  const state = words.map((word) => mix(seed ^ mix(number ^ mix(seedHigh ^ mix(numberHigh ^ word)))));
  const generator = xoroshiro128plusFromState(state);
  return () => generator.next() >>> 0;
}
