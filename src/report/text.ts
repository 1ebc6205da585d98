/** Size of labels and of the legend, in pixels. */
export const textSize = 12;
/** Between lines of text, over the font's size. */
export const lineHeight = 1.35;

/** Widths of characters over the font's size, the first that fits: about as in Helvetica and a little more, since the font is the reader's. */
const characterWidths: readonly (readonly [characters: RegExp, width: number])[] = [
  [/[ijl.,:;|'!()[\]\s]/, 0.32],
  [/[frtI*"/\\-]/, 0.38],
  [/[mwM%&]/, 0.9],
  [/[W@]/, 1.03],
  [/[a-z0-9_^+=<>~$?#]/, 0.57],
  [/[A-Z]/, 0.72],
];
/** Of other characters, such as those of Asia. */
const otherWidth = 1;

function characterWidth(character: string): number {
  const found = characterWidths.find(([characters]) => characters.test(character));
  return found?.[1] ?? otherWidth;
}

/** Pixels that a line of text takes, about: no font is measured. */
export function textWidth(text: string, fontSize: number): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width * fontSize;
}

/** Text in lines of at most a width, broken at spaces, and within a word that is longer than a line. */
export function wrapped(text: string, fontSize: number, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((word) => word !== '')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer, fontSize) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = '';
    for (const character of word) {
      if (line !== '' && textWidth(line + character, fontSize) > width) {
        lines.push(line);
        line = '';
      }
      line += character;
    }
  }
  if (line !== '') lines.push(line);
  return lines;
}
