// Numbers of a seeded stream.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { mixedSeed } from '../../dist/fit/random.js';

/** Seeds that are neighbours are spread first, since they give the generator nearly the same first numbers. */
function stream(seed, index) {
  const random = xoroshiro128plus(mixedSeed(seed, index));
  return () => ((random.next() >>> 0) + 0.5) / 2 ** 32;
}

/** Uniform numbers of a range. */
export function uniforms(seed) {
  const uniform = stream(seed, 0);
  return (low, high) => low + (high - low) * uniform();
}

/** Standard normal numbers. */
export function normals(seed) {
  const uniform = stream(seed, 1);
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
