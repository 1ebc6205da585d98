/** Whose logs are read. */
export const importFormats = ['wandb', 'tensorboard', 'trainer-state'] as const;
export type ImportFormat = (typeof importFormats)[number];

/** Tags that are taken for a field where the user maps none, the first that the evaluations have. */
export const defaultTags: Readonly<Record<ImportFormat, Readonly<Record<string, readonly string[]>>>> = {
  wandb: {
    // transformers' WandbCallback, PyTorch Lightning, and others log the optimizer's step; _step and a chart's Step count calls.
    step: ['train/global_step', 'trainer/global_step', 'global_step', '_step', 'Step'],
    // transformers' Trainer; OLMo and Levanter.
    tokens: ['train/num_input_tokens_seen', 'throughput/total_tokens'],
  },
  tensorboard: { step: ['step'], tokens: ['train/num_input_tokens_seen'] },
  'trainer-state': { step: ['step'], tokens: ['num_input_tokens_seen'] },
};
