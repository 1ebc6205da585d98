import { existsSync } from 'node:fs';
import { type Law, parseLaw } from '../fit/law.js';
import { loadLaw } from '../fit/laws/registry.js';
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
  for (const [, name] of json.matchAll(/"law":\s*"([^"]*)"/g)) await loadLaw(name!);
  return parseLaw(json, text);
}
