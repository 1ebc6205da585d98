export { type Cost, type CostInputs, type Range, type Stated, trainingCost } from './cost.js';
export { defaultCarbonIntensity, defaultMfu, defaultPue } from './cost-defaults.js';
export {
  countFlops,
  defaultLengths,
  type FlopsConvention,
  type FlopsCount,
  type FlopsOptions,
  type ForwardBackward,
  flopsConventions,
  type SequenceLengths,
} from './flops.js';
export { defaultPrecision, findHardware, peakFlops } from './hardware.js';
export { type Hardware, hardwareCatalogue, type Precision } from './hardware-catalogue.js';
export { parseHardware } from './hardware-schema.js';
export { shapeFromHuggingFace } from './huggingface.js';
export { parseInlineShape } from './inline.js';
export {
  type ActivationComponent,
  type InferenceMemory,
  type InferenceMemoryOptions,
  inferenceMemory,
  type Optimizer,
  type Recomputation,
  type TrainingMemory,
  type TrainingMemoryOptions,
  type TrainingPrecision,
  trainingMemory,
  type ZeroStage,
} from './memory.js';
export { countParameters, type ParameterComponents, type ParameterCount } from './parameters.js';
export { closestPresets, presetNames, presetShape, type T5EfficientSize, t5EfficientSizes } from './presets/index.js';
export {
  type Biases,
  bertShape,
  type DecoderDimensions,
  dimensionsOf,
  type Experts,
  gptShape,
  llamaShape,
  type Norms,
  type Positions,
  type Shape,
  type T5Dimensions,
  t5Shape,
} from './shape.js';
export { parseShape, shapeSchema } from './shape-schema.js';
export { type SpanCorruptionLengths, spanCorruptionLengths, spanCounts } from './span-corruption.js';
