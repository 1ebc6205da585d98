import type { Sweep } from '../../recommend/design/index.js';

/** Layers of each stack and dModel; the feed-forward is four times as wide, as in T5's standard sizes. */
const sizes = [
  [1, 16],
  [1, 32],
  [1, 48],
  [1, 64],
  [1, 96],
  [2, 32],
] as const;

/** A sweep of under two minutes on two cores: enough runs for a law to be fitted, and too small for one to be believed. */
export const starterSweep: Sweep = {
  format: 'shapelaw-sweep/1',
  name: 'starter',
  shapes: sizes.map(([layers, d]) => ({ shape: `enc=${layers},dec=${layers},d=${d},ff=${4 * d},kv=16,h=${d / 16}` })),
  tokens: [120e3, 250e3, 500e3, 900e3],
  engine: 'cpu',
  encoderTokens: 64,
  evaluations: 5,
  validationExamples: 256,
};
