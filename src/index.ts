export { type ErrorCode, ShapelawError } from './errors.js';
export * from './fit/index.js';
export * from './flops/index.js';
export * from './recommend/index.js';
export * from './runs/index.js';
export { version } from './version.js';
