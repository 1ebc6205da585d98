import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInlineShape } from './inline.js';
import { countParameters } from './parameters.js';
import { llamaShape } from './shape.js';

describe('parseInlineShape', () => {
  // The count that transformers allocates for t5-efficient-small-nl16 (fixtures/parameters/models.json).
  it('reads a T5 with its defaults', () => {
    const text = 'enc=16,dec=16,d=512,ff=2048,kv=64,h=8';
    const shape = parseInlineShape(text);
    expect(shape.name).toBe(text);
    expect(countParameters(shape).total).toBe(133_932_544);
  });

  it('reads a decoder with the defaults of Llama', () => {
    const text = 'layers=12, d=768, h=12, ff=2048, name=my own';
    const expected = llamaShape('my own', { layers: 12, dModel: 768, dFf: 2048, heads: 12, vocab: 32000 });
    expect(parseInlineShape(text)).toEqual(expected);
  });

  // The count that transformers allocates for flan-t5-base (fixtures/parameters/models.json).
  it('reads gated and untied', () => {
    const shape = parseInlineShape('enc=12,dec=12,d=768,ff=2048,kv=64,h=12,vocab=32128,ffn=gated,tied=no');
    expect(countParameters(shape).total).toBe(247_577_856);
  });

  it('lets every default be replaced', () => {
    expect(parseInlineShape('layers=2,d=64,ff=256,h=4,kv=8,kvh=2,vocab=100,ffn=plain,tied=yes')).toMatchObject({
      ...{ kind: 'decoder', decoderLayers: 2, encoderLayers: 0, dModel: 64, dFf: 256, heads: 4, dKv: 8, kvHeads: 2 },
      ...{ vocab: 100, feedForward: 'plain', tiedEmbeddings: true },
    });
    expect(parseInlineShape('enc=1,dec=1,d=64,ff=256,h=4,kv=8,kvh=1').kvHeads).toBe(1);
  });

  it.each([
    ['enc=16,dec=16,d=512,ff=2048,kv=64', 'h is missing'],
    ['enc=16,d=512,ff=2048,kv=64,h=8', 'dec is missing'],
    ['layers=12,d=768,h=12', 'ff is missing'],
    ['layers=12,d=100,ff=400,h=12', 'kv is missing and d=100 is not a multiple of h=12'],
    ['layers=12,enc=12,d=768,ff=400,h=12', 'enc is "12" beside layers'],
    ['enc=16,dec=16,d=512.5,ff=2048,kv=64,h=8', 'd is "512.5"'],
    ['enc=0,dec=16,d=512,ff=2048,kv=64,h=8', 'enc is "0"'],
    ['enc=-1,dec=16,d=512,ff=2048,kv=64,h=8', 'enc is "-1"'],
    ['enc=1e3,dec=16,d=512,ff=2048,kv=64,h=8', 'enc is "1e3"'],
    ['enc=99999999999999999999,dec=16,d=512,ff=2048,kv=64,h=8', 'enc is "99999999999999999999"'],
    ['enc=16,enc=12,dec=16,d=512,ff=2048,kv=64,h=8', 'enc is given twice, as "16" and "12"'],
    ['width=16', 'unknown key "width" (value "16")'],
    ['enc=16,,dec=16', '"" is not of the form key=value'],
    ['enc=,dec=16', '"enc=" is not of the form key=value'],
    ['enc16,dec=16', '"enc16" is not of the form key=value'],
    ['layers=1,d=64,ff=64,h=4,ffn=glu', 'ffn is "glu": expected plain or gated'],
    ['layers=1,d=64,ff=64,h=4,tied=true', 'tied is "true": expected yes or no'],
    ['layers=1,d=64,ff=64,h=4,kvh=3', 'kvHeads is 3: must divide heads, which is 4'],
  ])('refuses %s', (text, message) => {
    expect(() => parseInlineShape(text)).toThrow(
      expect.objectContaining({ code: 'bad-shape', message: expect.stringContaining(message) }),
    );
  });

  it('lists the keys where it refuses one', () => {
    expect(() => parseInlineShape('width=16')).toThrow(
      'keys are enc, dec, d, ff, kv, h, layers, kvh, vocab, ffn, tied',
    );
  });

  it('refuses more parameters than are counted exactly, and control characters in a name', () => {
    const refused = (text: string) =>
      expect(() => parseInlineShape(text)).toThrow(expect.objectContaining({ code: 'bad-shape' }));
    refused('enc=1,dec=1,d=512,ff=2048,kv=64,h=9007199254740991');
    refused('enc=1,dec=1,d=512,ff=2048,kv=64,h=8,name=two\nlines');
  });

  it('reads back what was written, in any order', () => {
    // Of at most 2^53 parameters in all, since no more are counted exactly.
    const whole = fc.integer({ min: 1, max: 4096 });
    fc.assert(
      fc.property(
        fc.record({ enc: whole, dec: whole, d: whole, ff: whole, kv: whole, h: whole, vocab: whole }),
        fc.array(fc.nat(), { minLength: 7, maxLength: 7 }),
        (values, order) => {
          const pairs = Object.entries(values).map(([key, value], at) => ({ text: `${key}=${value}`, at: order[at]! }));
          const text = pairs.sort((a, b) => a.at - b.at).map((pair) => pair.text);
          expect(parseInlineShape(text.join(','))).toMatchObject({
            encoderLayers: values.enc,
            decoderLayers: values.dec,
            dModel: values.d,
            dFf: values.ff,
            dKv: values.kv,
            heads: values.h,
            kvHeads: values.h,
            vocab: values.vocab,
          });
        },
      ),
    );
  });
});
