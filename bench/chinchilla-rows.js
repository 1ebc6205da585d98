import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRunTable } from '../dist/runs/index.js';

/** 240 rows to fit: the published points where SHAPELAW_DATA names their folder, else simulated ones of the same size. */
export function chinchillaRows() {
  const folder = process.env.SHAPELAW_DATA;
  const cells = folder === undefined ? simulated() : published(join(folder, 'chinchilla', 'epoch-figure4.csv'));
  const table = buildRunTable(
    cells.map((row, k) => ({ row: k + 1, cells: row })),
    { source: 'benchmark', sha256: '', tokensFrom: '6ND', dropHighest: cells.length - 240 },
  );
  return { table, source: folder === undefined ? 'simulated' : 'figure 4 of Hoffmann et al. 2022, 240 points' };
}

function published(path) {
  const [header, ...lines] = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  return lines.map((line) => Object.fromEntries(header.map((name, k) => [name, line[k]])));
}

function simulated() {
  return Array.from({ length: 240 }, (_, k) => {
    const params = 5e7 * 1.35 ** (k % 20);
    const tokens = 1e9 * 1.6 ** Math.floor(k / 20);
    const loss =
      (1.8172 + 482.01 * params ** -0.3478 + 2085.43 * tokens ** -0.3658) * Math.exp(0.005 * Math.sin(12.9898 * k));
    return { params, flops: 6 * params * tokens, loss };
  });
}
