import type { Profile } from '../fit/profile.js';
import type { NamedPlot } from './law-plots.js';
import { profilePlot } from './profile-plot.js';

/** A plot of each profile likelihood. */
export function profilePlots(profiles: readonly Profile[]): readonly NamedPlot[] {
  return profiles.map(({ parameter, points, cutoff, interval, level }) => ({
    name: `profile-${parameter}`,
    svg: profilePlot({
      points: points.map(({ value, deviance }) => ({ value, deviance })),
      threshold: cutoff,
      interval,
      intervals: { level, method: 'profile likelihood' },
      label: parameter,
    }),
  }));
}
