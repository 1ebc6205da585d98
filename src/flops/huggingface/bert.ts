import { z } from 'zod';
import { bertShape } from '../shape.js';
import { guarded, only, quotient, reader, size } from './fields.js';

/** Counted with its pre-training heads, whichever head the file names. */
export const bert = reader(
  z.object({
    vocab_size: size.default(30522),
    hidden_size: size.default(768),
    num_hidden_layers: size.default(12),
    num_attention_heads: size.default(12),
    intermediate_size: size.default(3072),
    max_position_embeddings: size.default(512),
    type_vocab_size: size.default(2),
    position_embedding_type: guarded,
    tie_word_embeddings: guarded,
    add_cross_attention: guarded,
  }),
  (fields, name) => {
    only(name, 'position_embedding_type', fields.position_embedding_type, 'absolute', 'it adds a table to every layer');
    only(name, 'tie_word_embeddings', fields.tie_word_embeddings, true, 'BERT heads of their own projection');
    only(name, 'add_cross_attention', fields.add_cross_attention, false, 'a decoder of another encoder');
    quotient(fields, 'hidden_size', 'num_attention_heads');
    const shape = bertShape(name, {
      layers: fields.num_hidden_layers,
      dModel: fields.hidden_size,
      heads: fields.num_attention_heads,
      vocab: fields.vocab_size,
    });
    return {
      ...shape,
      dFf: fields.intermediate_size,
      positions: { kind: 'learned', rows: fields.max_position_embeddings },
      tokenTypes: fields.type_vocab_size,
    };
  },
);
