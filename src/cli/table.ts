/** Columns of text under a heading; `right` aligns numbers. */
export interface Column {
  readonly heading: string;
  readonly right?: boolean;
}

/** A column of numbers. */
export function right(heading: string): Column {
  return { heading, right: true };
}

/** An aligned table; the heading goes through `emphasize`. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  emphasize: (text: string) => string = (text) => text,
): string {
  const widths = columns.map((column, k) => Math.max(column.heading.length, ...rows.map((row) => row[k]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    columns
      .map((column, k) => (column.right ? (cells[k] ?? '').padStart(widths[k]!) : (cells[k] ?? '').padEnd(widths[k]!)))
      .join('  ')
      .trimEnd();
  return `${[emphasize(line(columns.map((column) => column.heading))), ...rows.map(line)].join('\n')}\n`;
}
