import type { Layer } from './layers.js';
import { type Key, keyWidth } from './marks.js';
import { lineHeight, textSize, textWidth, wrapped } from './text.js';

export interface Legend {
  readonly keys: readonly Key[];
  readonly texts: readonly { readonly text: string; readonly x: number; readonly baseline: number }[];
  /** Where it ends, in pixels from the top of the drawing. */
  readonly bottom: number;
}

/** Between an entry's picture and its text, and between entries. */
const keyGap = 6;
const entryGap = 20;
const rowHeight = lineHeight * textSize + 2;

/** Entries come in this order: what was measured, what was fitted, how sure it is, where it ends. */
const order = ['points', 'line', 'rule', 'bars', 'band', 'strip'] as const;

/** The labels of layers, from left to right in rows. */
export function legend(
  layers: readonly Layer[],
  { left, right, top }: { readonly left: number; readonly right: number; readonly top: number },
): Legend {
  const keys: Key[] = [];
  const texts: { text: string; x: number; baseline: number }[] = [];
  const entries = entriesOf(layers);
  let start = left;
  let row = 0;
  for (const [label, entryLayers] of entries) {
    const lines = wrapped(label, textSize, right - left - keyWidth - keyGap);
    const entryWidth = keyWidth + keyGap + Math.max(0, ...lines.map((line) => textWidth(line, textSize)));
    if (start > left && start + entryWidth > right) {
      start = left;
      row++;
    }
    const middle = top + (row + 0.5) * rowHeight;
    keys.push({ layers: entryLayers, left: start, middle });
    lines.forEach((text, k) => {
      texts.push({ text, x: start + keyWidth + keyGap, baseline: middle + k * rowHeight + 0.35 * textSize });
    });
    row += Math.max(0, lines.length - 1);
    start += entryWidth + entryGap;
  }
  return { keys, texts, bottom: entries.length === 0 ? top : top + (row + 1) * rowHeight };
}

/** Layers by label, one of each kind. */
function entriesOf(layers: readonly Layer[]): [label: string, layers: Layer[]][] {
  const entries = new Map<string, Layer[]>();
  for (const layer of layers) {
    if (layer.label === undefined) continue;
    const entry = entries.get(layer.label);
    if (entry === undefined) entries.set(layer.label, [layer]);
    else if (!entry.some(({ kind }) => kind === layer.kind)) entry.push(layer);
  }
  const rank = (entry: readonly Layer[]) => Math.max(...entry.map(({ kind }) => order.indexOf(kind)));
  return [...entries].sort(([, a], [, b]) => rank(a) - rank(b));
}
