import type { Range, Stated } from './cost.js';

/** Model FLOPs utilisation reached by large published runs; small models and encoder-decoders often reach less. */
export const defaultMfu: Stated<Range> = {
  value: [0.213, 0.462],
  source: 'lowest and highest of PaLM (Chowdhery et al. 2022), table 3: GPT-3 21.3%, PaLM 540B 46.2%',
};

/** Energy of a data centre over energy of its computers. */
export const defaultPue: Stated<number> = {
  value: 1.54,
  source: 'average of the Uptime Institute Global Data Center Survey 2025',
};

/** Grams of CO2 equivalent a kWh of electricity. */
export const defaultCarbonIntensity: Stated<number> = {
  value: 458,
  source: 'world average of 2025, Ember, Global Electricity Review 2026',
};
