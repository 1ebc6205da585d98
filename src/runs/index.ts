export { type Conventions, conventionValues } from '../conventions.js';
export type { RawRow } from './cells.js';
export { parseColumnMap } from './columns.js';
export {
  type DroppedEvaluation,
  type ImportedRuns,
  type ImportFields,
  type ImportFormat,
  type ImportOptions,
  importFormats,
  importRuns,
} from './import/index.js';
export { type Layout, layouts } from './layouts.js';
export { buildPoints, type Point, type PointField, type PointOptions, type PointTable } from './points.js';
export { parseRunTable, readPoints, readRunTable } from './read.js';
export {
  type Run,
  type RunRecord,
  runRecordSchema,
  shapeFields,
} from './record.js';
export type { DroppedRow } from './select.js';
export { buildRunTable, type RunTable, type RunTableOptions } from './table.js';
