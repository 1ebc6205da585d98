export { fitStepTime, type MeasuredStep, type StepTimeFit } from './fit-step-time.js';
export { gemstonesStepTime } from './gemstones.js';
export { type Serving, type ServingSetting, servingTime } from './latency.js';
export { type MeasuredStepsOptions, measuredSteps, type StepRow } from './measured-steps.js';
export { measuredStepTime, type StepSetting, stepTime, type Timed } from './step-time.js';
export { type Workload, workloadOf } from './workload.js';
