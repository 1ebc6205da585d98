import { existsSync } from 'node:fs';
import { loadExpressions } from '../fit/expression/load.js';
import { type Law, parseLaw } from '../fit/law.js';
import { publishedLaw } from '../fit/published.js';
import { readText } from './files.js';

/**
 * The law that a user names: the path of a law file, or a published law.
 *
 * @throws ShapelawError `unreadable`, `bad-law-file` or `unknown-law`.
 */
export async function readLaw(text: string): Promise<Law> {
  if (!text.endsWith('.json') && !existsSync(text)) return publishedLaw(text);
  const json = await readText(text);
  if (/"law":\s*"expression"/.test(json)) await loadExpressions();
  return parseLaw(json, text);
}
