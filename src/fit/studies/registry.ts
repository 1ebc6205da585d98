import { ShapelawError } from '../../errors.js';
import { besirogluStudy } from './besiroglu.js';
import { gemstonesStudy } from './gemstones.js';
import { hoffmannCountsStudy } from './hoffmann-counts.js';
import { muennighoffStudy } from './muennighoff.js';
import type { Study } from './study.js';

/** Published studies whose numbers can be had again. */
export const studies: readonly Study[] = [besirogluStudy, gemstonesStudy, muennighoffStudy, hoffmannCountsStudy];

/** @throws ShapelawError `bad-usage`, listing the names. */
export function studyNamed(name: string): Study {
  const found = studies.find((study) => study.name === name);
  if (found !== undefined) return found;
  throw new ShapelawError('bad-usage', `no study named ${name}: ${studies.map((study) => study.name).join(', ')}`, {
    name,
  });
}
