import { type Experts, llamaShape } from '../shape.js';
import { type PresetFamily, tableFamily } from './family.js';

type Row = readonly [
  layers: number,
  dModel: number,
  dFf: number,
  heads: number,
  kvHeads: number,
  vocab: number,
  tied?: boolean,
];

/** Qwen 2 and 2.5: queries, keys and values have biases (Yang et al. 2024, and the released configurations). */
const qwen2Rows: Readonly<Record<string, Row>> = {
  'qwen2-0.5b': [24, 896, 4864, 14, 2, 151936, true],
  'qwen2-1.5b': [28, 1536, 8960, 12, 2, 151936, true],
  'qwen2-7b': [28, 3584, 18944, 28, 4, 152064],
  'qwen2-72b': [80, 8192, 29568, 64, 8, 152064],
  'qwen2.5-0.5b': [24, 896, 4864, 14, 2, 151936, true],
  'qwen2.5-1.5b': [28, 1536, 8960, 12, 2, 151936, true],
  'qwen2.5-3b': [36, 2048, 11008, 16, 2, 151936, true],
  'qwen2.5-7b': [28, 3584, 18944, 28, 4, 152064],
  'qwen2.5-14b': [48, 5120, 13824, 40, 8, 152064],
  'qwen2.5-32b': [64, 5120, 27648, 40, 8, 152064],
  'qwen2.5-72b': [80, 8192, 29568, 64, 8, 152064],
};

/** Qwen 3: no biases, norms on queries and keys, heads of width 128 (Yang et al. 2025). */
const qwen3Rows: Readonly<Record<string, Row>> = {
  'qwen3-0.6b': [28, 1024, 3072, 16, 8, 151936, true],
  'qwen3-1.7b': [28, 2048, 6144, 16, 8, 151936, true],
  'qwen3-4b': [36, 2560, 9728, 32, 8, 151936, true],
  'qwen3-8b': [36, 4096, 12288, 32, 8, 151936],
  'qwen3-14b': [40, 5120, 17408, 40, 8, 151936],
  'qwen3-32b': [64, 5120, 25600, 64, 8, 151936],
  // Mixtures: dFf is one expert's.
  'qwen3-30b-a3b': [48, 2048, 768, 32, 4, 151936],
  'qwen3-235b-a22b': [94, 4096, 1536, 64, 4, 151936],
  'qwen3-coder-480b-a35b': [62, 6144, 2560, 96, 8, 151936],
};

const qwen3Experts: Readonly<Record<string, Experts>> = {
  'qwen3-30b-a3b': { count: 128, active: 8 },
  'qwen3-235b-a22b': { count: 128, active: 8 },
  'qwen3-coder-480b-a35b': { count: 160, active: 8 },
};

function dimensions([layers, dModel, dFf, heads, kvHeads, vocab, tied]: Row) {
  return { layers, dModel, dFf, heads, kvHeads, vocab, tiedEmbeddings: tied ?? false };
}

export const qwenFamilies: readonly PresetFamily[] = [
  tableFamily('', qwen2Rows, (name, row) => ({
    ...llamaShape(name, dimensions(row)),
    biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
  })),
  tableFamily('', qwen3Rows, (name, row) => {
    const shape = llamaShape(name, { ...dimensions(row), dKv: 128, experts: qwen3Experts[name] ?? null });
    return { ...shape, norms: { ...shape.norms, queryKey: true } };
  }),
];
