import { createColors } from 'picocolors';
import { run } from '../src/cli/program.js';
import { crossedRows, logSpaced, normals, type SimulatedRow, type Surface, withNoise } from './simulated-runs.js';

/** What a command line left behind. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process, on a terminal that only records. */
export async function shapelaw(args: readonly string[], colored = false): Promise<Outcome> {
  let [out, err] = ['', ''];
  const code = await run(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    colors: createColors(colored),
  });
  return { code, out, err };
}

/** Rows as CSV, with a column for each name. */
export function csvOf(rows: readonly SimulatedRow[], columns: readonly string[]): string {
  const cells = (row: SimulatedRow) => columns.map((column) => row[column as keyof SimulatedRow] ?? '').join(',');
  return `${[columns.join(','), ...rows.map(cells)].join('\n')}\n`;
}

/** Near Besiroglu et al. 2024. */
export const surface: Surface = { E: 1.8, A: 480, B: 2000, alpha: 0.35, beta: 0.36 };

/** Thirty runs of the surface: six sizes at five lengths, losses 0.2% off it. */
export const simulatedRows: readonly SimulatedRow[] = withNoise(
  crossedRows(surface, logSpaced(2e7, 2e9, 6), logSpaced(5e8, 5e10, 5)),
  0.002,
  normals(1),
).map((row, index) => ({ runId: `run-${index + 1}`, ...row }));
