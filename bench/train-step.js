// Training steps of one shape: reads its sizes as JSON from standard input, prints milliseconds a step and peak memory.
import { readFileSync } from 'node:fs';
import { t5Shape } from '../dist/flops/index.js';
import { onnxExecutor } from '../dist/train/engines/onnx.js';
import { initialParameters } from '../dist/train/model/initial.js';
import { stepScalars } from '../dist/train/model/optimizer.js';
import { stateSlots, stepProgram } from '../dist/train/model/step.js';
import { batchFeeds, scalarFeeds } from '../dist/train/run/feeds.js';

const peakBytes = () => process.resourceUsage().maxRSS * 1024;
const options = JSON.parse(readFileSync(0, 'utf8'));
const { layers, batch, encoderTokens, decoderTokens, vocab, steps, threads, profile, provider = 'cpu' } = options;
const shape = t5Shape('bench', { ...options, encoderLayers: layers, decoderLayers: layers });
const optimizer = { kind: 'adamw' };
const executor = await onnxExecutor({ provider, threads, ...(profile === undefined ? {} : { profile }) });
const baseBytes = peakBytes();
const parameters = initialParameters(shape, 0);
await executor.writeStates(
  new Map(
    stateSlots(shape, optimizer).map(({ name, dims }) => [
      name,
      parameters.get(name) ?? { dtype: 'float32', dims, values: new Float32Array(dims.reduce((a, b) => a * b, 1)) },
    ]),
  ),
);
const program = await executor.prepare(stepProgram(shape, { batch, encoderTokens, decoderTokens, optimizer }));
const ids = (count) => Int32Array.from({ length: count }, () => 3 + Math.floor(Math.random() * (vocab - 3)));
const times = [];
for (let step = 1; step <= steps + 2; step++) {
  const feeds = new Map([
    ...batchFeeds({ encoderIds: ids(batch * encoderTokens), targetIds: ids(batch * decoderTokens) }, batch),
    ...scalarFeeds(stepScalars(optimizer, step, 1e-3)),
  ]);
  const start = performance.now();
  await program.run(feeds);
  times.push(performance.now() - start);
}
await program.dispose();
console.log(JSON.stringify({ times: times.slice(2), peakBytes: peakBytes(), baseBytes }));
process.exit(0);
