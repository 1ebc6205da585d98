import { lossOf } from '../../fit/formulas.js';
import type { Law } from '../../fit/law.js';
import type { Shape } from '../../flops/shape.js';
import { mostEpochs } from '../token-plan.js';
import type { SweepDesign, SweepSetting } from './design.js';
import { runPoint } from './precision.js';

/** Share of the cost below which the rest is worth a word. */
const mostlySpent = 0.8;

/** What a reader should know of a designed sweep. */
export function designNotes(
  prior: Law,
  base: Shape,
  asked: number,
  setting: SweepSetting,
  { runs, flops, budget, target, reach }: Pick<SweepDesign, 'runs' | 'flops' | 'budget' | 'target' | 'reach'>,
): readonly string[] {
  const notes = [
    `Expected widths hold where ${prior.name} is near the truth and the fit has Huber's objective with delta 1e-3; they say nothing of a law of the wrong form.`,
    `The target of ${target.toExponential(2).replace('e+', 'e')} FLOPs lies ${reach.flops.toFixed(1)} decades beyond the longest run: an interval does not know of a break on the way.`,
  ];
  if (reach.prior !== null && reach.prior > 0) {
    notes.push(
      `Runs lie up to ${reach.prior.toFixed(1)} decades outside the evidence of ${prior.name}. Make some, fit them, and design the rest with --prior LAW.json.`,
    );
  }
  const chance = Math.log(base.vocab);
  const above = runs.filter((run) => lossOf(prior, prior.parameters, runPoint(prior, run)) > chance).length;
  if (above > 0 && prior.conventions.loss === 'nats-per-token') {
    notes.push(
      `${prior.name} predicts more than ln ${base.vocab} = ${chance.toFixed(2)} nats for ${above} of ${runs.length} runs, as a model that knows nothing has: it does not hold at this size, and expected widths are a first guess.`,
    );
  }
  if (!prior.variables.some((name) => !['params', 'tokens', 'flops'].includes(name))) {
    notes.push(
      `${prior.name} has no term of shape: all runs have the proportions of the base. For runs that tell shapes apart take a shape law, such as --prior gemstones-shape.`,
    );
  }
  if (runs.length < asked) {
    notes.push(`${runs.length} runs of the ${asked} allowed: more would have to be smaller, and tell less.`);
  }
  const share = flops / budget[0];
  if (share < mostlySpent) {
    notes.push(
      `The runs take ${(100 * share).toFixed(0)}% of the cost: of those that the limits on tokens and steps allow, more expensive ones would tell less, or there are none. More tokens (--most-tokens, another --corpus) or more --runs would use the rest.`,
    );
  }
  if (budget[1] > budget[0]) notes.push('The cost is taken at the lowest MFU; small models often reach less still.');
  if ((setting.corpus ?? []).length === 0 && (setting.tokenizer ?? 'bytes') === 'bytes') {
    notes.push(`Runs see the embedded corpus at most ${mostEpochs} times, unless --most-tokens says otherwise.`);
  }
  return notes;
}
