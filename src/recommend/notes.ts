import type { Law } from '../fit/law.js';
import { lawDraws } from '../fit/predict.js';
import { roundedNotes, unstatedNotes } from './law-notes.js';
import type { Limits } from './limits.js';
import type { Laws } from './planner.js';
import { type Ranked, tellsShapes } from './ranked-rows.js';
import { mostEpochs } from './token-plan.js';

/**
 * What a reader should know of the laws behind an answer.
 *
 * @param isLargest - Whether the standard size is the largest of its family.
 */
export function lawNotes(
  { law, tokensLaw }: Laws,
  isLargest: boolean,
  limits: Limits,
  level: number,
  ranked: Ranked | null,
): string[] {
  const planned = limits.flops !== null;
  const notes: string[] = [...setNotes(law, ranked), ...limitNotes(limits, law)];
  if (law === null)
    notes.push(
      'No law was given, so no loss is predicted. Fit one to your runs: shapelaw fit RUNS --law chinchilla -o LAW.json',
    );
  else
    notes.push(
      'Predicted loss is upstream; the evidence for DeepNarrow is downstream. They are shown side by side, and not ranked against each other.',
    );
  notes.push(
    planned
      ? 'Tokens are those that the budget pays for, in brackets from the lowest to the highest MFU.'
      : `Tokens in brackets are the ${Number((100 * level).toPrecision(12))}% interval of ${tokensLaw.name}'s compute optimum.`,
    'Time, cost and energy are those of the planned tokens, over the range of MFU. Step times also slow narrow layers down as they were measured to be, so that they price depth; latencies are bounds of the device, not measurements.',
    `Outside evidence: how many factors of ten a line's parameters and tokens lie beyond those that ${(law ?? tokensLaw).name} rests on.`,
  );
  if (planned) notes.push('FLOPs count every matrix product (exact), those of the budget too.');
  if (planned && law !== null && law !== tokensLaw && !tellsShapes(law))
    notes.push(`${law.name} weighs no size against tokens here, so ${tokensLaw.name} chose the standard size.`);
  if (law !== null) {
    const { loss } = law.conventions;
    notes.push(`Loss is in ${loss === 'unstated' ? 'a unit that the law does not state' : loss}.`);
  }
  for (const used of new Set([law ?? tokensLaw, tokensLaw])) {
    if (lawDraws(used) === null) notes.push(`${used.name} has no draws, so what it says here has no interval.`);
    notes.push(...unstatedNotes(used));
    if (used.variables.includes('flops') && used.conventions.flops === '6ND')
      notes.push(`${used.name} is a law of 6ND FLOPs, and is asked with those of each line, not with its exact ones.`);
    notes.push(...roundedNotes(used));
  }
  notes.push('DeepNarrow lines stand from the deepest to the shallowest; their order is no ranking.');
  if (isLargest)
    notes.push('The largest standard size is the nearest; the budget may call for more than this family holds.');
  return notes;
}

/** What the set says and does not say. */
function setNotes(law: Law | null, ranked: Ranked | null): string[] {
  if (law === null) return [];
  if (ranked === null) {
    return [
      `${law.name} weighs no shapes or sizes against each other, so there is no set of the shapes that it can't tell apart.`,
    ];
  }
  const notes: string[] = [];
  if (ranked.tells === 'sizes')
    notes.push(
      `${law.name} has no term of shape: it can't tell shapes of equal parameters and FLOPs apart, so none is chosen by it. Its set is one of sizes.`,
    );
  if (ranked.set === null)
    notes.push(`${law.name} has no draws, so nothing says which candidates can't be told from the best.`);
  if (ranked.set !== null && ranked.set.thinned > 1)
    notes.push(
      `One in ${ranked.set.thinned.toFixed(1)} of the candidates near the best was compared by every draw, and the size of the set is counted up from them.`,
    );
  if (ranked.ranking.depthsThinned)
    notes.push(
      `${law.name} can't be bounded over a range of shapes, so that only some depths from 1 to 128 were tried.`,
    );
  notes.push(
    'Candidates hold what the law does not know at what the family has: feed-forward and attention to width, the width of a head, decoder to encoder depth.',
  );
  return notes;
}

function limitNotes({ uniqueTokens, inferenceTokens, flops }: Limits, law: Law | null): string[] {
  const notes: string[] = [];
  if (uniqueTokens !== null)
    notes.push(
      law?.variables.includes('uniqueTokens') && flops !== null
        ? `Tokens beyond the unique ones repeat, at the worth that ${law.name} gives them.`
        : `Tokens stop at ${mostEpochs} passes over the unique ones, up to which repetition changed the loss little (Muennighoff et al. 2023, abstract); what is left of the budget is not spent.`,
    );
  if (inferenceTokens > 0)
    notes.push(
      flops === null
        ? 'The inference volume changes nothing here: without a budget of compute nothing is traded against it.'
        : 'The budget pays for training and for serving: forward FLOPs of every token served, at the lengths of training, count first.',
    );
  return notes;
}
