import { expect, it, vi } from 'vitest';

vi.mock('zod', () => {
  throw new Error('zod was loaded');
});

// Zod costs tens of milliseconds of a cold start, which counting a preset must not pay.
it('presets load without zod', async () => {
  const { presetShape } = await import('./index.js');
  expect(presetShape('t5-small')?.dModel).toBe(512);
  await expect(import('../shape-schema.js')).rejects.toThrow();
});
