import { variableConventions } from '../fit/conventions.js';
import type { Law } from '../fit/law.js';

/** What a law leaves open of how it counts, and how that is taken here. */
export function unstatedNotes(law: Law): readonly string[] {
  const unstated = variableConventions(law).filter((name) => law.conventions[name] === 'unstated');
  return unstated.length === 0
    ? []
    : [
        `${law.name} does not state how it counts ${unstated.join(' and ')}; here all parameters, tokens of both stacks and exact FLOPs are counted.`,
      ];
}

export function roundedNotes(law: Law): readonly string[] {
  return law.provenance.rounded
    ? [`${law.name} has rounded parameters; results shift with the digits that are missing.`]
    : [];
}
