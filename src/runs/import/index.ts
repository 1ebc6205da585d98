export { type ImportFormat, importFormats } from './formats.js';
export { type DroppedEvaluation, type ImportedRuns, type ImportOptions, importRuns } from './import-runs.js';
export type { ImportFields } from './plan.js';
