import { ShapelawError } from '../errors.js';

export const pointSymbols = ['circle', 'square', 'triangle', 'diamond', 'cross'] as const;

export type PointSymbol = (typeof pointSymbols)[number];

export const ink = '#222222';
export const muted = '#666666';

/** Of a fitted law and its bands: the vermilion of Okabe and Ito's colours, which the groups of points leave free. */
export const fitColour = '#D55E00';

/**
 * Colours that people with any colour vision tell apart (Okabe and Ito 2008, Color Universal Design), without yellow, which is
 * faint on white, and with grey for black.
 */
const groupColours = ['#0072B2', '#009E73', '#CC79A7', '#56B4E9', '#E69F00', '#555555'] as const;

/** The counts of colours and of symbols share no factor, so that this many pairs differ. */
const mostGroups = groupColours.length * pointSymbols.length;

export interface GroupStyle {
  readonly colour: string;
  readonly symbol: PointSymbol;
}

/** The look of the k-th of several things: colour and symbol both change, so that neither is needed to tell them apart. */
export function nthStyle(k: number): GroupStyle {
  return { colour: groupColours[k % groupColours.length]!, symbol: pointSymbols[k % pointSymbols.length]! };
}

/**
 * The look of each group, by its name in order of appearance.
 *
 * @throws ShapelawError `bad-usage` for more groups than can be told apart.
 */
export function groupStyles(groups: readonly string[]): ReadonlyMap<string, GroupStyle> {
  const names = [...new Set(groups)];
  if (names.length > mostGroups) {
    throw new ShapelawError(
      'bad-usage',
      `${names.length} groups are more than a reader can tell apart; give ${mostGroups} at most, or none`,
      { groups: names.length },
    );
  }
  return new Map(names.map((name, k) => [name, nthStyle(k)]));
}
