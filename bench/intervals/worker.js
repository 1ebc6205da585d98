import { parentPort } from 'node:worker_threads';
import { measure } from './measure.js';
import { cases } from './simulate.js';

parentPort.on('message', ({ index, ...task }) => {
  parentPort.postMessage({ index, ...measure(cases[index], task) });
});
