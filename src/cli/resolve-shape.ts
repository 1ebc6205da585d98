import { ShapelawError } from '../errors.js';
import { closestPresets, presetShape } from '../flops/presets/index.js';
import type { Shape } from '../flops/shape.js';

/**
 * The shape that a user names: a preset, dimensions (`enc=16,dec=16,d=512,ff=2048,kv=64,h=8`), or the path of a Hugging
 * Face config.json or of a shape as JSON.
 *
 * @throws ShapelawError `unknown-shape`, `bad-shape`, `unsupported-config` or `unreadable`.
 */
export async function resolveShape(text: string): Promise<Shape> {
  const preset = presetShape(text);
  if (preset !== undefined) return preset;
  // The path of a file may hold "=", but then it ends in .json.
  if (text.includes('=') && !text.endsWith('.json')) {
    const { parseInlineShape } = await import('../flops/inline.js');
    return parseInlineShape(text);
  }
  const { existsSync } = await import('node:fs');
  if (text.endsWith('.json') || existsSync(text)) return readShape(text);
  const near = closestPresets(text);
  throw new ShapelawError(
    'unknown-shape',
    `no shape named "${text}"${near.length > 0 ? `; did you mean ${near.join(', ')}?` : '.'} A shape is a preset's name, dimensions such as ` +
      'enc=16,dec=16,d=512,ff=2048,kv=64,h=8, or the path of a Hugging Face config.json.',
    { shape: text, near },
  );
}

/** Dimensions with the rows of the embedding table, where the text is dimensions and leaves them out. */
export function inlineWithVocab(text: string, vocab: number): string {
  return text.includes('=') && !text.endsWith('.json') && !/(^|,)\s*vocab\s*=/.test(text)
    ? `${text},vocab=${vocab}`
    : text;
}

async function readShape(path: string): Promise<Shape> {
  const [{ readJson }, { basename, dirname }, { shapeFromHuggingFace }, { parseShape }] = await Promise.all([
    import('./files.js'),
    import('node:path'),
    import('../flops/huggingface.js'),
    import('../flops/shape-schema.js'),
  ]);
  const json = await readJson(path);
  if (json !== null && typeof json === 'object' && 'kind' in json && !('model_type' in json)) return parseShape(json);
  const name = basename(path) === 'config.json' ? basename(dirname(path)) : basename(path, '.json');
  return shapeFromHuggingFace(json, name === '.' || name === '' ? 'config.json' : name);
}
