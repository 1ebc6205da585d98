import type { Shape } from '../shape.js';

/** Shapes that go by a name; nothing is built before it is asked for. */
export interface PresetFamily {
  /** Released names, lower case. */
  readonly names: readonly string[];
  /** The shape of a name, or undefined where the family doesn't know it. */
  readonly shape: (name: string) => Shape | undefined;
}

/** A family whose names are `prefix` followed by a key of `table`. */
export function tableFamily<Row>(
  prefix: string,
  table: Readonly<Record<string, Row>>,
  build: (name: string, row: Row) => Shape,
): PresetFamily {
  return {
    names: Object.keys(table).map((key) => prefix + key),
    shape: (name) => {
      const key = name.slice(prefix.length);
      return name.startsWith(prefix) && Object.hasOwn(table, key) ? build(name, table[key]!) : undefined;
    },
  };
}
