import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** One 32-bit seed of two numbers, by the finaliser of MurmurHash3, so that neighbours have nothing in common. */
export function mixedSeed(seed: number, index: number): number {
  let h = (seed ^ Math.imul(index + 1, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** Independent standard normal numbers by the method of Box and Muller. */
export function normalNumbers(random: RandomGenerator): () => number {
  const uniform = () => (uniformInt(random, 0, 2 ** 31 - 1) + 0.5) / 2 ** 31;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
