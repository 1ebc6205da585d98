import type { Ends } from './check.js';
import type { PointSymbol } from './palette.js';
import type { AxisScale } from './ticks.js';

export interface XY {
  readonly x: number;
  readonly y: number;
}

interface Shared {
  readonly colour: string;
  /** What the legend says of it; layers of one label share an entry, and a layer without one has none. */
  readonly label?: string | undefined;
}

export interface Points extends Shared {
  readonly kind: 'points';
  readonly rows: readonly XY[];
  readonly symbol: PointSymbol;
  readonly hollow?: boolean;
}

export interface Line extends Shared {
  readonly kind: 'line';
  readonly rows: readonly XY[];
  readonly dashed?: boolean;
}

/** An area between two values of y, over x. */
export interface Band extends Shared {
  readonly kind: 'band';
  readonly rows: readonly { readonly x: number; readonly ends: Ends }[];
  readonly opacity: number;
}

/** An interval of x or of y at each point. */
export interface Bars extends Shared {
  readonly kind: 'bars';
  readonly along: 'x' | 'y';
  readonly rows: readonly { readonly x: number; readonly y: number; readonly ends: Ends }[];
}

/** A straight line across the frame at a value of x or of y. */
export interface Rule extends Shared {
  readonly kind: 'rule';
  readonly of: 'x' | 'y';
  readonly at: number;
  readonly dashed?: boolean;
}

/** A range of x over the height of the frame, to whose edge it goes where an end is infinite or lies beyond. */
export interface Strip extends Shared {
  readonly kind: 'strip';
  readonly ends: Ends;
  readonly opacity: number;
}

/** What a plot is made of, drawn in order. */
export type Layer = Points | Line | Band | Bars | Rule | Strip;

/** Share of the axis left free on each side of what is drawn. */
const padding = 0.03;

/** Lowest and highest value of an axis: all that is drawn but strips, with some room. */
export function domainOf(layers: readonly Layer[], axis: 'x' | 'y', scale: AxisScale): Ends {
  const [to, from] = scale === 'log' ? [Math.log, Math.exp] : [(value: number) => value, (value: number) => value];
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const layer of layers) {
    for (const value of valuesOf(layer, axis)) {
      low = Math.min(low, to(value));
      high = Math.max(high, to(value));
    }
  }
  const room = high > low ? padding * (high - low) : Math.max(0.1, 0.1 * Math.abs(low));
  return [from(low - room), from(high + room)];
}

function valuesOf(layer: Layer, axis: 'x' | 'y'): readonly number[] {
  switch (layer.kind) {
    case 'points':
    case 'line':
      return layer.rows.map((row) => row[axis]);
    case 'band':
      return layer.rows.flatMap(({ x, ends }) => (axis === 'x' ? [x] : ends));
    case 'bars':
      return layer.rows.flatMap((row) => (axis === layer.along ? row.ends : [row[axis]]));
    case 'rule':
      return axis === layer.of ? [layer.at] : [];
    case 'strip':
      return [];
  }
}

/** Layers with their strips cut at the edges of the frame, without those outside of it. */
export function withinFrame(layers: readonly Layer[], [low, high]: Ends): Layer[] {
  return layers.flatMap((layer): Layer[] => {
    if (layer.kind !== 'strip') return [layer];
    const ends: Ends = [Math.max(low, layer.ends[0]), Math.min(high, layer.ends[1])];
    return ends[0] < ends[1] ? [{ ...layer, ends }] : [];
  });
}
