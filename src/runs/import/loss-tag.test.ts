import { expect, test } from 'vitest';
import { isTrainingLoss, lossTag } from './loss-tag.js';

const choose = (...tags: string[]) => lossTag(new Set([...tags, 'train/loss', 'eval/runtime', 'lr']), undefined, 'log');

// transformers, its callbacks, PyTorch Lightning, PyTorch's tutorials, OLMo.
test.each([
  'eval_loss',
  'eval/loss',
  'val_loss',
  'val/loss',
  'valid-loss',
  'Loss/validation',
  'validation/loss',
  'eval/c4_en-validation/CrossEntropyLoss',
])('%s is a held-out loss by its name', (tag) => {
  expect(choose(tag)).toBe(tag);
});

test.each([
  'loss',
  'train/eval_loss',
  'test/loss',
  'eval/loss_scale',
  'evaluation_time',
  'epoch_loss',
  'interval_loss',
])('%s is none', (tag) => {
  expect(() => choose(tag)).toThrow(
    expect.objectContaining({
      code: 'missing-column',
      message: expect.stringMatching(/log: no tag is a held-out loss.*train\/loss/),
    }),
  );
});

test('of several none is taken unasked', () => {
  expect(() => choose('eval/a/loss', 'eval/b/loss')).toThrow(
    expect.objectContaining({
      code: 'missing-column',
      message: expect.stringMatching(
        /several tags may be the held-out loss: eval\/a\/loss, eval\/b\/loss; name one with --loss TAG/,
      ),
    }),
  );
  expect(lossTag(new Set(['eval/a/loss', 'eval/b/loss']), 'eval/b/loss', 'log')).toBe('eval/b/loss');
});

test('the loss of training is told by its name', () => {
  expect(isTrainingLoss('train/loss', 'wandb')).toBe(true);
  expect(isTrainingLoss('loss', 'trainer-state')).toBe(true);
  expect(isTrainingLoss('loss', 'tensorboard')).toBe(false);
  expect(isTrainingLoss('eval_loss', 'trainer-state')).toBe(false);
});
