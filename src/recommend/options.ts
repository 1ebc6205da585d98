import type { Law } from '../fit/law.js';
import type { Shape } from '../flops/shape.js';
import type { Constraint } from './budget.js';
import type { LatticeOptions } from './search/lattice.js';
import type { SettingOptions } from './setting.js';

/** What orders the members of the set: the least of it first. */
export const preferences = ['parameters', 'flops', 'speed', 'memory', 'loss'] as const;

export type Preference = (typeof preferences)[number];

export interface RecommendOptions extends SettingOptions {
  /** The law that predicts loss and sets tokens. Defaults to none: tokens by Besiroglu et al. 2024, and no loss. */
  readonly law?: Law;
  /** Level of intervals and of the set, in (0, 1). Defaults to 0.95. */
  readonly level?: number;
  /** What limits the answer beside the budget. Defaults to nothing. */
  readonly constraints?: readonly Constraint[];
  /** Which shapes are candidates. Defaults to T5 shapes of hardware-friendly dimensions. */
  readonly candidates?: LatticeOptions;
  /** A shape of one's own that the DeepNarrow rule starts from. Defaults to the next smaller standard size. */
  readonly base?: Shape;
  /** Loss above the least that is taken for as good, in the law's unit. Defaults to 0.01. */
  readonly tolerance?: number;
  /** What orders the members of the set. Defaults to `parameters`. */
  readonly preference?: Preference;
  /** Members of the set that are shown. Defaults to 5. */
  readonly top?: number;
}
