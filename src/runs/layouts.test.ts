import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layouts } from './layouts.js';
import { readRunTable } from './read.js';
import { fieldKind } from './record.js';

test('layouts map to fields that exist, each column once', () => {
  for (const { name, columns, notes, source } of layouts) {
    expect(source, name).not.toBe('');
    for (const field of [...Object.keys(columns), ...Object.keys(notes)]) expect(fieldKind(field), field).toBeDefined();
    expect(new Set(Object.values(columns)).size, name).toBe(Object.keys(columns).length);
  }
});

const data = process.env.SHAPELAW_DATA ?? '';

describe.skipIf(!data)('published tables (skipped where SHAPELAW_DATA does not name their folder)', () => {
  // Besiroglu et al. 2024 fit 240 of the 245 points, without the 5 of highest loss.
  test('epoch-chinchilla: 245 points, 240 without the highest losses', async () => {
    const table = await readRunTable(join(data, 'chinchilla/epoch-figure4.csv'), { dropHighest: 5, tokensFrom: '6ND' });
    expect(table.layout).toBe('epoch-chinchilla');
    expect(table.rows).toHaveLength(240);
    expect(table.dropped).toHaveLength(5);
    const highestKept = Math.max(...table.rows.map(({ loss }) => loss));
    for (const { value } of table.dropped) expect(Number(value)).toBeGreaterThanOrEqual(highestKept);
    expect(table.conventions).toMatchObject({ params: 'unstated', loss: 'nats-per-token', tokenizer: 'unstated' });
    for (const { params, tokens, flops } of table.rows) expect((6 * params * tokens!) / flops!).toBeCloseTo(1, 14);
  });

  // 22 shapes; embedding and output matrices of 50304 rows are untied (the data's README).
  test('gemstones: 22 runs of 10 checkpoints, total parameters', async () => {
    const table = await readRunTable(join(data, 'gemstones/wandb_df_for_fitting_hot.jsonl'));
    expect(table.layout).toBe('gemstones');
    expect(table.rows).toHaveLength(220);
    expect(new Set(table.rows.map(({ runId }) => runId)).size).toBe(22);
    expect(table.conventions).toMatchObject({ params: 'total', tokens: 'decoder', loss: 'nats-per-token' });
    for (const { runId, dModel, decoderLayers, params, tokens, step } of table.rows) {
      expect(runId).toContain(`${dModel}x${decoderLayers}`);
      expect(params).toBeGreaterThan(2 * 50304 * dModel!);
      // 4194304 tokens a step in every run.
      expect(tokens! / step!).toBe(4194304);
    }
  });

  test('olmo-ladder: 5 sizes of 6 lengths, of which the 3B rows give no parameters', async () => {
    const path = join(data, 'olmo-ladder/ladder_final_rows_derived.csv');
    await expect(readRunTable(path)).rejects.toThrow(
      expect.objectContaining({ code: 'bad-rows', message: expect.stringContaining('column "params" is empty') }),
    );
    const table = await readRunTable(path, { where: ['size!=3B'] });
    expect(table.layout).toBe('olmo-ladder');
    expect(table.rows).toHaveLength(24);
    expect(Object.keys(table.rows[0]!.scores!)).toContain('piqa_val_rc_5shot_len_norm');
    expect(table.conventions).toMatchObject({ params: 'unstated', tokens: 'decoder', loss: 'nats-per-token' });
    expect(table.warnings).toContainEqual(expect.stringContaining('neither total nor non-embedding'));
  });

  // Shapes from src/ladder/ladder.py of allenai/OLMo-ladder: gated feed-forward of width 4 d, embedding_size 100352, untied,
  // four norms of width d a layer and one at the end.
  test('olmo-ladder counts the body and one of its two embedding-sized tables', async () => {
    const path = join(data, 'olmo-ladder/ladder_final_rows_derived.csv');
    const { rows } = await readRunTable(path, { dropBadRows: true });
    for (const { params, dModel, decoderLayers } of rows) {
      const d = dModel!;
      expect(params).toBe(decoderLayers! * (16 * d * d + 4 * d) + d + 100352 * d);
    }
  });
});
