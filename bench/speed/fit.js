// Fits the model of speed to the step times of Gemstones: SHAPELAW_DATA=FOLDER npm run bench:speed
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { fitStepTime } from '../../dist/recommend/speed/fit-step-time.js';
import {
  gemstonesDevice,
  gemstonesLengths,
  gemstonesSequences,
  gemstonesShape,
} from '../../dist/recommend/speed/gemstones.js';
import { boundedLeastSquares } from '../../dist/recommend/speed/non-negative.js';
import { workloadNames, workloadOf } from '../../dist/recommend/speed/workload.js';

const file = join(process.env.SHAPELAW_DATA ?? '.', 'gemstones', 'wandb_df_for_fitting_hot.jsonl');
const rows = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const measured = [...new Map(rows.map((row) => [row.run_name, row])).values()].map((run) => {
  const shape = gemstonesShape(run.width, run.depth);
  const workload = workloadOf(shape, gemstonesLengths, gemstonesSequences(run.num_nodes));
  return { name: shape.name, layers: run.depth, workload, stepSeconds: run.seconds_per_step };
});
const { peakFlops } = gemstonesDevice;
const fit = fitStepTime(measured, peakFlops);
console.table(
  measured.map(({ name, workload, stepSeconds }) => {
    const predicted = workloadNames.reduce((sum, part) => sum + fit.coefficients[part] * workload[part], 0);
    return {
      name,
      stepSeconds,
      predicted,
      ratio: predicted / stepSeconds,
      'share of peak': workload.flops / stepSeconds / peakFlops,
    };
  }),
);
console.log(JSON.stringify(fit, null, 2));

// What the runs can't tell: coefficients of resampled runs, with and without seconds for each layer.
const columns = {
  ...Object.fromEntries(workloadNames.map((part) => [part, (run) => run.workload[part]])),
  layers: (run) => run.layers,
};
for (const names of [workloadNames, [...workloadNames, 'layers']]) {
  const scale = names.map((name) => Math.max(...measured.map((run) => columns[name](run) / run.stepSeconds)));
  const solve = (runs) => {
    const design = runs.map((run) => names.map((name, k) => columns[name](run) / run.stepSeconds / scale[k]));
    const lower = names.map((name, k) => (name === 'flops' ? scale[k] / peakFlops : 0));
    return boundedLeastSquares(
      design,
      design.map(() => 1),
      lower,
    ).map((value, k) => value / scale[k]);
  };
  const leftOut = measured.map((run, k) => {
    const at = solve(measured.filter((_, other) => other !== k));
    return names.reduce((sum, name, j) => sum + at[j] * columns[name](run), 0) / run.stepSeconds - 1;
  });
  const random = xoroshiro128plus(1);
  const draws = Array.from({ length: 400 }, () =>
    solve(measured.map(() => measured[uniformInt(random, 0, measured.length - 1)])),
  );
  console.log(
    `left-out error ${Math.sqrt(leftOut.reduce((sum, error) => sum + error ** 2, 0) / leftOut.length)}; 95% of 400 resamples of runs:`,
  );
  console.table(
    names.map((name, k) => {
      const sorted = draws.map((draw) => draw[k]).sort((a, b) => a - b);
      return { name, value: solve(measured)[k], low: sorted[9], high: sorted[389] };
    }),
  );
}
