/** Characters that are tokenized at once: more hold up everything else of the thread. */
const partLength = 4096;

/**
 * A text in parts of at most 4,096 characters, cut before a single space between two words where there is one: there,
 * tokenizers that mark the beginning of a word cut as well. A text that is short enough is its only part.
 */
export function* textParts(text: string): Generator<string, void> {
  let from = 0;
  while (text.length - from > partLength) {
    const to = cutBefore(text, from + partLength, from + 1);
    yield text.slice(from, to);
    from = to;
  }
  yield text.slice(from);
}

/** The last place to cut, from `least` to `most`. */
function cutBefore(text: string, most: number, least: number): number {
  for (let at = most; at >= least; at--) {
    if (text[at] === ' ' && !/\s/.test(text[at - 1]!) && !/\s/.test(text[at + 1] ?? ' ')) return at;
  }
  // Not between the halves of a character outside the basic plane.
  return /[\uDC00-\uDFFF]/.test(text[most]!) && /[\uD800-\uDBFF]/.test(text[most - 1]!) ? most - 1 : most;
}
