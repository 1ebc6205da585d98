import type { Shape } from './shape.js';

/** What dimensions as text have where they leave it out: those of a T5, and of a Llama decoder. */
export const inlineDefaults = {
  'encoder-decoder': { vocab: 32128, feedForward: 'plain', tiedEmbeddings: true },
  decoder: { vocab: 32000, feedForward: 'gated', tiedEmbeddings: false },
} as const;

/** The dimensions of a shape as text, such as `enc=16,dec=16,d=512,ff=2048,kv=64,h=8`; what is usual of its kind is left out. */
export function inlineText(shape: Shape): string {
  const { kind, encoderLayers, decoderLayers, dModel, dFf, dKv, heads, kvHeads, vocab } = shape;
  const { feedForward, tiedEmbeddings } = shape;
  const usual = inlineDefaults[kind === 'decoder' ? 'decoder' : 'encoder-decoder'];
  const depth = kind === 'decoder' ? `layers=${decoderLayers}` : `enc=${encoderLayers},dec=${decoderLayers}`;
  return [
    `${depth},d=${dModel},ff=${dFf},kv=${dKv},h=${heads}`,
    ...(kvHeads === heads ? [] : [`kvh=${kvHeads}`]),
    ...(vocab === usual.vocab ? [] : [`vocab=${vocab}`]),
    ...(feedForward === usual.feedForward ? [] : [`ffn=${feedForward}`]),
    ...(tiedEmbeddings === usual.tiedEmbeddings ? [] : [`tied=${tiedEmbeddings ? 'yes' : 'no'}`]),
  ].join(',');
}
