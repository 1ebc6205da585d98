import type { Law } from '../src/fit/law.js';
import { lawForm } from '../src/fit/laws/registry.js';
import { publishedLaw } from '../src/fit/published.js';

/**
 * A law by hand, as a fit writes it, that states no evidence.
 *
 * @param draws - Each by the parameters in which it differs. Defaults to none.
 */
export function handMadeLaw(
  law: string,
  form: Law['form'],
  parameters: Readonly<Record<string, number>>,
  draws: readonly Readonly<Record<string, number>>[] = [],
): Law {
  const { formula, columns, parameters: names } = lawForm(law, form);
  const published = publishedLaw('besiroglu-2024');
  const values = draws.map((draw) => names.map((name) => draw[name] ?? parameters[name]!));
  return {
    ...{ ...published, name: `hand-made ${law}`, law, form, formula, variables: [...columns], parameters },
    ...{ derived: {}, domain: null, residuals: null, intervals: null },
    draws: draws.length === 0 ? null : { ...published.draws!, parameters: [...names], values },
  };
}

/** Regions parted at 1e20 FLOPs: depth pays below, width above. */
export function depthThenWidth(draws: readonly Readonly<Record<string, number>>[] = []): Law {
  return handMadeLaw(
    'region',
    { variable: 'flops', breaks: 1, continuous: false, operators: ['layers', 'dModel'] },
    {
      ...{ break1: 1e20, A1: 20, exponent1_layers: 0.12, exponent1_dModel: 0.05 },
      ...{ A2: 15, exponent2_layers: 0.02, exponent2_dModel: 0.09 },
    },
    draws,
  );
}
