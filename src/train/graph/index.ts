export * from './gradient.js';
export * from './memory.js';
export * from './operators.js';
export * from './packed.js';
export * from './program.js';
export * from './tensor.js';
