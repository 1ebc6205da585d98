export type { RegionCount } from './choose.js';
export type { DifferenceTest } from './difference-test.js';
export { scalingOperators } from './operators.js';
export { regionReport } from './report.js';
export type {
  Breakpoint,
  Region,
  RegionDifference,
  RegionExponent,
  RegionReport,
  RegionReportOptions,
} from './report-types.js';
