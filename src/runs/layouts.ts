import type { Conventions } from '../conventions.js';

/** A table that is published with column names of its own: how its columns map to fields, and what its source states of them. */
export interface Layout {
  readonly name: string;
  /** Where tables of this layout come from. */
  readonly source: string;
  /** A table has this layout when it has all of these columns. */
  readonly requires: readonly string[];
  /** Column by field, beside the columns that bear a field's own name. */
  readonly columns: Readonly<Record<string, string>>;
  /** Columns that begin so are downstream scores; the rest of the name is the task. */
  readonly scoresPrefix?: string;
  readonly conventions: Partial<Conventions>;
  /** What a reader should be warned of, by the field it concerns. */
  readonly notes: Readonly<Record<string, string>>;
}

/** The layouts that are recognised, tried in this order. */
export const layouts: readonly Layout[] = [
  {
    name: 'epoch-chinchilla',
    source:
      'Besiroglu et al. 2024, "Chinchilla Scaling: A replication attempt": points read off figure 4 of Hoffmann et al. 2022; github.com/epoch-research/analyzing-chinchilla',
    requires: ['Model Size', 'Training FLOP', 'loss'],
    columns: { params: 'Model Size', flops: 'Training FLOP', loss: 'loss' },
    conventions: { loss: 'nats-per-token' },
    notes: {},
  },
  {
    name: 'gemstones',
    source: 'McLeish et al. 2025, "Gemstones"; github.com/mcleish7/gemstone-scaling-laws',
    requires: ['run_name', 'params_active_precise', 'width', 'depth', 'final_loss'],
    columns: {
      runId: 'run_name',
      params: 'params_active_precise',
      dModel: 'width',
      decoderLayers: 'depth',
      tokens: 'tokens',
      step: 'step',
      nodes: 'num_nodes',
      stepSeconds: 'seconds_per_step',
      loss: 'final_loss',
    },
    // Embedding table and output projection are untied and both counted.
    conventions: { params: 'total', tokens: 'decoder', loss: 'nats-per-token' },
    notes: {},
  },
  {
    name: 'olmo-ladder',
    source:
      'Bhagia et al. 2024, "Establishing Task Scaling Laws via Compute-Efficient Model Ladders"; github.com/allenai/OLMo-ladder',
    requires: ['run', 'd_model', 'n_layers', 'params', 'eval/c4_en-validation/CrossEntropyLoss'],
    columns: {
      runId: 'run',
      dModel: 'd_model',
      decoderLayers: 'n_layers',
      heads: 'n_heads',
      params: 'params',
      step: '_step',
      tokens: 'throughput/total_tokens',
      loss: 'eval/c4_en-validation/CrossEntropyLoss',
    },
    scoresPrefix: 'eval/downstream/',
    // The tokenizer is named in src/ladder/ladder.py of that repository, and the name of the evaluation data repeats it.
    conventions: { tokens: 'decoder', loss: 'nats-per-token', tokenizer: 'allenai/dolma2-tokenizer' },
    notes: {
      // Solved from the five shapes: params = layers * (16 d^2 + 4 d) + d + 100352 d, one of the two untied tables.
      params:
        'params of olmo-ladder leave out the embedding table but count the untied output projection: neither total nor non-embedding',
    },
  },
  {
    name: 'own',
    source: 'shapelaw: every column bears the name of a field of the run record',
    requires: ['params', 'loss'],
    columns: {},
    conventions: {},
    notes: {},
  },
];
