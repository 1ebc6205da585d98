import { ShapelawError } from '../../errors.js';
import { didYouMean, listed } from '../suggest.js';
import type { ImportFormat } from './formats.js';

/** Words by which names say that a loss was measured on held-out text. */
const heldOutWords = ['eval', 'evaluation', 'val', 'valid', 'validation', 'dev', 'heldout'];
const trainingWords = ['train', 'training'];

function wordsOf(tag: string): readonly string[] {
  return tag.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

/** `eval_loss`, `eval/loss`, `val/loss`, `Loss/validation`, `eval/c4-validation/CrossEntropyLoss`: a held-out word, and the loss last or first. */
function isHeldOutLoss(tag: string): boolean {
  const words = wordsOf(tag);
  const isLoss = words.at(-1)?.endsWith('loss') || words[0] === 'loss';
  return Boolean(isLoss) && words.some((word) => heldOutWords.includes(word)) && !isTraining(words);
}

function isTraining(words: readonly string[]): boolean {
  return words.some((word) => trainingWords.includes(word));
}

/** Whether a name says that it is the loss of training; transformers' Trainer calls that `loss`. */
export function isTrainingLoss(tag: string, format: ImportFormat): boolean {
  return isTraining(wordsOf(tag)) || (format === 'trainer-state' && tag === 'loss');
}

/**
 * The tag of the held-out loss: the one that is asked for, else the only one whose name says that it is one. A training loss
 * is never taken unasked.
 *
 * @throws ShapelawError `missing-column`, with the tags found, where the tag asked for is not there, or none or several fit.
 */
export function lossTag(tags: ReadonlySet<string>, asked: string | undefined, source: string): string {
  const found = `the tags found are ${listed([...tags].sort(), 60)}`;
  const refusal = (message: string, details: object) =>
    new ShapelawError('missing-column', `${source}: ${message}; ${found}`, { tags: [...tags], ...details });
  if (asked !== undefined) {
    if (tags.has(asked)) return asked;
    throw refusal(`no tag "${asked}" for --loss${didYouMean(asked, tags)}`, { loss: asked });
  }
  const fitting = [...tags].filter(isHeldOutLoss).sort();
  if (fitting.length === 1) return fitting[0]!;
  if (fitting.length > 1) {
    throw refusal(`several tags may be the held-out loss: ${fitting.join(', ')}; name one with --loss TAG`, {
      fitting,
    });
  }
  throw refusal(
    'no tag is a held-out loss by its name, such as eval_loss, eval/loss or val_loss; a training loss is not taken ' +
      'unasked: name the loss with --loss TAG',
    { fitting },
  );
}
