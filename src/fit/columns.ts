import type { LawColumn } from './law-form.js';

/** A run or a point: what has columns. */
export type ColumnSource = { readonly [Column in LawColumn]?: number | undefined };

/**
 * A column's value in a run or at a point. `layers` is the depth of the stacks that are there: of both their mean. Layers of a
 * stack that is absent (0) count as no value.
 */
export function columnValue(point: ColumnSource, column: LawColumn): number | undefined {
  if (column === 'layers' && point.layers === undefined) {
    const stacks = [point.encoderLayers, point.decoderLayers].filter((layers) => layers !== undefined && layers > 0);
    return stacks.length === 0 ? undefined : stacks.reduce<number>((sum, layers) => sum + layers!, 0) / stacks.length;
  }
  const value = point[column];
  return value === 0 && (column === 'encoderLayers' || column === 'decoderLayers') ? undefined : value;
}
