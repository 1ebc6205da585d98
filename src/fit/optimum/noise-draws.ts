import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { median } from 'simple-statistics';
import type { PooledNoise, Sheet } from './sheets.js';

/** Minima of budgets in losses drawn again. */
export interface DrawnMinima {
  /** ln params of each budget's minimum, draw by draw. */
  readonly minima: readonly Float64Array[];
  /** Samples of a budget that had no minimum, and were drawn again. */
  readonly redrawn: number;
}

/**
 * Draws the losses of each budget again: its parabola, and at each point a residual of any budget. What is kept of a draw is
 * how far its minimum lies from the median of all, so that draws lie about the estimate: minima of a spline through drawn losses
 * lie about that of the parabola.
 *
 * @param estimates - ln params of each sheet's minimum.
 */
export function drawMinima(
  sheets: readonly Sheet[],
  estimates: readonly number[],
  noise: PooledNoise,
  draws: number,
  seed: number,
): DrawnMinima {
  const random = xoroshiro128plus(seed);
  const last = noise.residuals.length - 1;
  const fitted = sheets.map(({ parabola }) => parabola!.fit.fitted);
  const sample = sheets.map(({ losses }) => new Float64Array(losses.length));
  const minima = sheets.map(() => new Float64Array(draws));
  let redrawn = 0;
  for (let draw = 0; draw < draws; draw++) {
    sheets.forEach(({ minimise, weights }, b) => {
      // Noise is as likely to bend the parabola upwards: a sample with a minimum comes soon.
      for (;;) {
        const drawn = sample[b]!;
        for (let i = 0; i < drawn.length; i++) {
          drawn[i] = fitted[b]![i]! * (1 + noise.residuals[uniformInt(random, 0, last)]! / Math.sqrt(weights[i]!));
        }
        const minimum = minimise(drawn);
        if (minimum !== null) {
          minima[b]![draw] = minimum.x;
          return;
        }
        redrawn += 1;
      }
    });
  }
  if (draws > 0) {
    minima.forEach((drawn, b) => {
      const middle = median([...drawn]);
      for (let draw = 0; draw < draws; draw++) drawn[draw]! += estimates[b]! - middle;
    });
  }
  return { minima, redrawn };
}
