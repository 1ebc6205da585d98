import { ShapelawError } from '../../errors.js';

type Parser = typeof import('./mathjs.js');

let loaded: Parser | undefined;

/**
 * Loads mathjs, which parses formulas. It is large (hundreds of files, hundreds of milliseconds), so that it is loaded on
 * request: await this once, before a law named `expression` is fitted, or read from a law file.
 */
export async function loadExpressions(): Promise<void> {
  loaded ??= await import('./mathjs.js');
}

/** @throws ShapelawError `bad-usage` where {@link loadExpressions} has not been awaited. */
export function expressionParser(): Parser {
  if (loaded !== undefined) return loaded;
  throw new ShapelawError(
    'bad-usage',
    'the parser of expressions is not loaded: call `await loadExpressions()` once before a law with an expression is used',
  );
}
