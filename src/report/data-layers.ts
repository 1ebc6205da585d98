import type { Layer, XY } from './layers.js';
import { groupStyles, muted, nthStyle } from './palette.js';

/** What a point of data belongs to, and whether the fit used it. */
export interface Membership {
  /** What tells it from others, such as its shape or its study; points without one look alike. */
  readonly group?: string | undefined;
  readonly inFit: boolean;
}

/**
 * Points of data by group, filled where the fit used them and hollow where not.
 *
 * @throws ShapelawError `bad-usage` for more groups than can be told apart.
 */
export function dataLayers(points: readonly (XY & Membership)[]): Layer[] {
  const styles = groupStyles(points.flatMap(({ group }) => (group === undefined ? [] : [group])));
  const layers: Layer[] = [];
  for (const group of new Set(points.map((point) => point.group))) {
    const style = group === undefined ? nthStyle(0) : styles.get(group)!;
    const label = group ?? (styles.size === 0 ? 'runs' : 'other runs');
    const rows = points.filter((point) => point.group === group);
    const used = rows.filter(({ inFit }) => inFit);
    const others = rows.filter(({ inFit }) => !inFit);
    if (others.length > 0) {
      layers.push({ kind: 'points', rows: others, hollow: true, label: used.length > 0 ? undefined : label, ...style });
    }
    if (used.length > 0) layers.push({ kind: 'points', rows: used, label, ...style });
  }
  if (points.some(({ inFit }) => !inFit)) {
    layers.push({
      kind: 'points',
      rows: [],
      hollow: true,
      symbol: 'circle',
      colour: muted,
      label: 'left out of the fit',
    });
  }
  return layers;
}
