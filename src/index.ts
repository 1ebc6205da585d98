export { type ErrorCode, ShapelawError } from './errors.js';
export * from './fit/index.js';
export * from './flops/index.js';
export { jsonSchemas } from './json-schemas.js';
export * from './recommend/index.js';
export * from './runs/index.js';
export { version } from './version.js';
