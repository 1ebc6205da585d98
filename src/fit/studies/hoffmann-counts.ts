import { countFlops } from '../../flops/flops.js';
import { gptShape } from '../../flops/shape.js';
import type { Study } from './study.js';

/** Layers, width, feed-forward, heads, parameters as the study counts them, training FLOPs of a sequence of 2,048 tokens. */
const counted = [
  [10, 640, 2560, 10, 73_825_280, 929_877_196_800],
  [20, 1024, 4096, 16, 305_707_008, 4_135_248_199_680],
  [24, 1280, 5120, 10, 552_604_160, 7_353_453_772_800],
  [26, 1792, 7168, 14, 1_143_453_696, 14_670_316_437_504],
  [28, 2048, 8192, 16, 1_593_126_912, 20_220_437_594_112],
  [40, 3584, 14336, 28, 6_796_274_688, 83_021_046_743_040],
] as const;
const tokens = 2048;
const vocab = 32_000;

/** Hoffmann et al. 2022, table A4: exact FLOPs against 6ND. */
export const hoffmannCountsStudy: Study = {
  name: 'hoffmann-a4',
  source: 'Hoffmann et al. 2022, appendix F and table A4, in integers by karpathy/nanoGPT, scaling_laws.ipynb',
  tableOptions: null,
  table: null,
  reproduce() {
    return {
      study: this.name,
      source: this.source,
      evidence: 'no rows: counts of six decoders at 2,048 tokens',
      parts: [
        {
          title: 'Training FLOPs of a sequence, without embedding and logits',
          lines: counted.map(([layers, dModel, dFf, heads, params, published]) => {
            const shape = gptShape('a4', { layers, dModel, dFf, heads, vocab, positions: { kind: 'none' } });
            const { components } = countFlops(
              shape,
              { encoderTokens: 0, decoderTokens: tokens },
              { convention: 'chinchilla' },
            );
            const { embedding: _, logits: __, ...rest } = components;
            const ours = Object.values(rest).reduce((sum, { forward, backward }) => sum + forward + backward, 0);
            return {
              quantity: `${layers} layers of width ${dModel}`,
              published,
              ours,
              note: `${(ours / (6 * params * tokens)).toFixed(6)} of 6ND at ${params.toLocaleString('en-US')} parameters`,
            };
          }),
        },
      ],
      notes: [
        'The study counts parameters of relative positions that no shape here has, so that its N is taken as it stands.',
      ],
    };
  },
};
