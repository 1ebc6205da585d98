import { ShapelawError } from '../../errors.js';
import type { LawDefinition, LawForm, LawOptions } from '../law-form.js';
import { broken } from './broken.js';
import { chinchilla } from './chinchilla.js';
import { dataConstrained } from './data-constrained.js';
import { expression } from './expression.js';
import { kaplan } from './kaplan.js';
import { power } from './power.js';
import { region } from './region.js';
import { shape } from './shape.js';
import { widthDepth } from './width-depth.js';

const laws: ReadonlyMap<string, LawDefinition> = new Map(
  [power, chinchilla, kaplan, widthDepth, shape, broken, region, dataConstrained, expression].map((law) => [
    law.name,
    law,
  ]),
);

/** The laws that can be fitted. */
export function lawDefinitions(): readonly LawDefinition[] {
  return [...laws.values()];
}

/** @throws ShapelawError `unknown-law`, listing the names. */
export function lawDefinition(name: string): LawDefinition {
  const found = laws.get(name);
  if (found !== undefined) return found;
  throw new ShapelawError('unknown-law', `no law named ${name} can be fitted: ${[...laws.keys()].join(', ')}`, {
    name,
  });
}

/** The form of a law that a law file names. */
export function lawForm(law: string, options: LawOptions): LawForm {
  return lawDefinition(law).form(options);
}

/** Loads what a law needs before it is fitted or read from a law file; of a name that is no law, nothing. */
export async function loadLaw(name: string): Promise<void> {
  await laws.get(name)?.load?.();
}
