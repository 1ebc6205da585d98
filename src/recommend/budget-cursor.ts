import { editDistance } from '../edit-distance.js';
import { type ErrorCode, ShapelawError } from '../errors.js';

/** Where reading stands in a text. */
export interface Cursor {
  readonly text: string;
  at: number;
}

/** What a sticky pattern matches at the cursor, which moves behind it; null, and no move, where it doesn't match. */
export function take(cursor: Cursor, pattern: RegExp): RegExpExecArray | null {
  const match = peek(cursor, pattern);
  if (match !== null) cursor.at += match[0].length;
  return match;
}

export function peek({ text, at }: Cursor, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Whether the text ends here. */
export function ended(cursor: Cursor): boolean {
  return peek(cursor, /\s*$/y) !== null;
}

/** What stands here up to the next space or separator, or the separator, or the empty string at the end. */
export function wordAt(cursor: Cursor): string {
  return peek(cursor, /\s*([^\s,;]+|[,;]?)/y)![1]!;
}

/** Where the next character that is no space stands. */
export function afterSpace(cursor: Cursor): number {
  return cursor.at + peek(cursor, /\s*/y)![0].length;
}

interface Refusal {
  /** What could have stood there. */
  readonly expected: string;
  /** Index in the text. Defaults to the next character that is no space. */
  readonly at?: number;
  readonly suggestion?: string | null;
  /** Defaults to `bad-quantity`. */
  readonly code?: ErrorCode;
}

/** An error that says where in the text it is, counted in characters from 1. */
export function refusal(
  cursor: Cursor,
  problem: string,
  { expected, at = afterSpace(cursor), suggestion = null, code = 'bad-quantity' }: Refusal,
): ShapelawError {
  const { text } = cursor;
  const position = [...text.slice(0, at)].length + 1;
  const hint = suggestion === null ? '' : `; did you mean ${suggestion}?`;
  return new ShapelawError(
    code,
    `"${quoted(text)}": at character ${position}, ${problem}${hint}${hint === '' ? '; e' : ' E'}xpected ${expected}`,
    { text, position, expected, suggestion },
  );
}

/** At most 80 characters of a text. */
export function quoted(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The candidate that a mistyped word most likely means: the same in another case, or at most half of its letters away. */
export function meant(word: string, candidates: readonly string[]): string | null {
  const wanted = word.slice(0, 30).toLowerCase();
  const distance = (candidate: string) => editDistance(wanted, candidate.toLowerCase());
  const nearest = candidates
    .filter((candidate) => distance(candidate) <= wanted.length / 2)
    .sort((a, b) => distance(a) - distance(b) || editDistance(word, a) - editDistance(word, b))[0];
  return nearest ?? null;
}
