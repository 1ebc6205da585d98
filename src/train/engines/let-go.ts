import { MessageChannel } from 'node:worker_threads';
import type { Values } from './executor.js';

/**
 * Frees the memory of an array that has a buffer of its own and that nobody uses any more. The garbage collector lets
 * hundreds of megabytes of such arrays gather before it frees them.
 */
export function letGo({ buffer }: Values): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  // A message that nobody gets takes its buffers along.
  port1.postMessage(undefined, [buffer as ArrayBuffer]);
  port1.close();
}
