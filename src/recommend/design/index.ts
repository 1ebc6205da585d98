export { type CostSetting, costFlops, readCost, type SweepCost } from './cost.js';
export { type DesignOptions, designSweep, type RunsNeeded, type SweepDesign, type SweepSetting } from './design.js';
export { expandSweep, type SweepRun } from './expand-sweep.js';
export {
  type ExportedFile,
  exportSweep,
  type SweepExportFormat,
  sweepExportFormats,
} from './export-sweep.js';
export type { DesignNoise } from './noise.js';
export {
  type ExpectedQuantity,
  type PrecisionOptions,
  type SweepPrecision,
  type SweepReach,
  sweepPrecision,
} from './precision.js';
export { parseSweep, type Sweep, type SweepEntry, sweepSchema } from './sweep-schema.js';
export { runsForWidth, type Told } from './widths.js';
