import { variableConventions } from '../fit/conventions.js';
import { lawDraws } from '../fit/predict.js';
import type { StandardSize } from './candidates.js';
import type { Laws } from './planner.js';

/** What a reader should know of the laws behind an answer. */
export function lawNotes({ law, tokensLaw }: Laws, standard: StandardSize, planned: boolean, level: number): string[] {
  const notes: string[] = [];
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
    'Time, cost and energy are those of the planned tokens, over the range of MFU.',
    `Outside evidence: how many factors of ten a line's parameters and tokens lie beyond those that ${(law ?? tokensLaw).name} rests on.`,
  );
  if (planned) notes.push('FLOPs count every matrix product (exact), those of the budget too.');
  if (planned && law !== null && law !== tokensLaw)
    notes.push(`${law.name} weighs no size against tokens here, so ${tokensLaw.name} chose the standard size.`);
  if (law !== null) {
    const { loss } = law.conventions;
    notes.push(`Loss is in ${loss === 'unstated' ? 'a unit that the law does not state' : loss}.`);
  }
  for (const used of new Set([law ?? tokensLaw, tokensLaw])) {
    if (lawDraws(used) === null) notes.push(`${used.name} has no draws, so what it says here has no interval.`);
    const unstated = variableConventions(used).filter((name) => used.conventions[name] === 'unstated');
    if (unstated.length > 0)
      notes.push(
        `${used.name} does not state how it counts ${unstated.join(' and ')}; here all parameters, tokens of both stacks and exact FLOPs are counted.`,
      );
    if (used.variables.includes('flops') && used.conventions.flops === '6ND')
      notes.push(`${used.name} is a law of 6ND FLOPs, and is asked with those of each line, not with its exact ones.`);
    if (used.provenance.rounded)
      notes.push(`${used.name} has rounded parameters; results shift with the digits that are missing.`);
  }
  notes.push('DeepNarrow lines stand from the deepest to the shallowest; their order is no ranking.');
  if (standard.size === 'xxl')
    notes.push('The largest standard size is the nearest; the budget may call for more than this family holds.');
  return notes;
}
