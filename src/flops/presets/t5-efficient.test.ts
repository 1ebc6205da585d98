import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapelawError } from '../../errors.js';
import { countParameters } from '../parameters.js';
import { parseShape } from '../shape-schema.js';
import { presetShape, t5EfficientSizes } from './index.js';

const data = process.env.SHAPELAW_DATA;

describe('t5-efficient by rule', () => {
  // As the paper (Tay et al. 2022) and the model cards of the released checkpoints print them.
  it.each([
    ['t5-efficient-tiny', '16', 1e6],
    ['t5-efficient-mini', '31', 1e6],
    ['t5-efficient-small-nl16', '134', 1e6],
    ['t5-efficient-small-nl24', '193', 1e6],
    ['t5-efficient-base', '2.2', 1e8],
    ['t5-efficient-large', '738', 1e6],
    ['t5-efficient-large-nl36', '1.1', 1e9],
    ['t5-efficient-xl-nl32', '3.8', 1e9],
    ['t5-efficient-xxl', '11', 1e9],
  ])('%s has %s * %d parameters', (name, published, unit) => {
    const decimals = published.split('.')[1]?.length ?? 0;
    expect((countParameters(presetShape(name)!).total / unit).toFixed(decimals)).toBe(published);
  });

  it('reads every operator, in any order', () => {
    expect(presetShape('t5-efficient-base-nl36')).toMatchObject({ encoderLayers: 36, decoderLayers: 36 });
    const one = presetShape('t5-efficient-small-el16-dl2-ff3000-dm768-nh4-kv32')!;
    expect(one).toMatchObject({ encoderLayers: 16, decoderLayers: 2, dFf: 3072, dModel: 768, heads: 4, dKv: 32 });
    const other = presetShape('t5-efficient-small-kv32-nh4-dm768-ff3000-dl2-el16')!;
    expect({ ...other, name: one.name }).toEqual(one);
  });

  it('writes 1024 as 1000 and as 1k', () => {
    expect(presetShape('t5-efficient-tiny-ff9000')?.dFf).toBe(9216);
    expect(presetShape('t5-efficient-tiny-ff12k')?.dFf).toBe(12288);
    expect(presetShape('t5-efficient-base-dm2000')?.dModel).toBe(2048);
    expect(presetShape('t5-efficient-base-dm768')?.dModel).toBe(768);
  });

  it.each([
    ['small-nl16-nl16', 'nl16', 'encoderLayers'],
    ['small-nl16-dl4', 'dl4', 'decoderLayers'],
    ['small-el4-nl8', 'nl8', 'encoderLayers'],
    ['small-nl0', 'nl0', 'from 1 to 512'],
    ['small-ff0k', 'ff0k', 'from 1'],
    ['small-nl1000', 'nl1000', 'from 1 to 512'],
    ['small-ff99999999999999999999', 'ff99999999999999999999', 'from 1 to 1048576'],
    ['small-zz4', 'zz4', 'expected one of nl, el, dl, ff, dm, nh, kv'],
    ['small-nl-4', 'nl', 'expected one of'],
    ['small-nl1.5', 'nl1.5', 'expected one of'],
    ['small-', '', 'expected one of'],
  ])('refuses t5-efficient-%s', (rest, operator, reason) => {
    const read = () => presetShape(`t5-efficient-${rest}`);
    expect(read).toThrow(ShapelawError);
    expect(read).toThrow(reason);
    expect(read).toThrow(
      expect.objectContaining({ code: 'unknown-shape', details: expect.objectContaining({ operator }) }),
    );
  });

  it('does not know another size', () => {
    expect(presetShape('t5-efficient-huge')).toBeUndefined();
    expect(presetShape('t5-efficient-smallnl16')).toBeUndefined();
    expect(presetShape('t5-efficient')).toBeUndefined();
  });

  it('makes valid shapes that say what their name says', () => {
    const upTo = (most: number) => fc.integer({ min: 1, max: most });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(t5EfficientSizes)),
        fc.record({ el: upTo(512), dl: upTo(512), ff: upTo(999), dm: upTo(999), nh: upTo(512), kv: upTo(512) }),
        (size, values) => {
          const name = `t5-efficient-${size}${Object.entries(values)
            .map(([key, value]) => `-${key}${value}`)
            .join('')}`;
          expect(parseShape(presetShape(name))).toMatchObject({
            name,
            encoderLayers: values.el,
            decoderLayers: values.dl,
            dFf: values.ff,
            dModel: values.dm,
            heads: values.nh,
            dKv: values.kv,
          });
        },
      ),
    );
  });
});

describe.skipIf(!data)('t5-efficient as released', () => {
  const released: readonly Record<string, unknown>[] = data
    ? JSON.parse(readFileSync(join(data, 't5-efficient', 'shapes.json'), 'utf8'))
    : [];

  it('has all 160 checkpoints', () => {
    expect(released).toHaveLength(160);
    for (const { evidence, ...shape } of released) {
      expect(presetShape(String(shape.name)), `${shape.name}, ${evidence}`).toMatchObject(shape);
    }
  });
});
