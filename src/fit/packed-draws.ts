import { ShapelawError } from '../errors.js';

/** Numbers as the base64 of their 64 bits each, little-endian: the same bits back, in half the room of decimals. */
export function packNumbers(values: Float64Array): string {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, k) => {
    view.setFloat64(8 * k, value, true);
  });
  const bytes = new Uint8Array(view.buffer);
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/**
 * The inverse of {@link packNumbers}.
 *
 * @throws ShapelawError `bad-law-file` for text that is no such list of finite numbers.
 */
export function unpackNumbers(text: string, source: string): Float64Array {
  const refuse = (problem: string) =>
    new ShapelawError('bad-law-file', `${source}: its draws ${problem}; the file was cut off or edited`, {});
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw refuse('are not base64');
  }
  if (binary.length % 8 !== 0) throw refuse(`have ${binary.length} bytes, no multiple of 8`);
  const view = new DataView(Uint8Array.from(binary, (character) => character.charCodeAt(0)).buffer);
  const values = Float64Array.from({ length: binary.length / 8 }, (_, k) => view.getFloat64(8 * k, true));
  if (!values.every(Number.isFinite)) throw refuse('hold values that are not finite');
  return values;
}
