export { type ExportedConfiguration, type ExportFormat, type ExportTraining, exportFormats } from './configuration.js';
export { exportConfiguration } from './export.js';
