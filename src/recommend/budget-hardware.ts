import { findHardware } from '../flops/hardware.js';
import { hardwareCatalogue } from '../flops/hardware-catalogue.js';
import { afterSpace, type Cursor, meant, refusal, take } from './budget-cursor.js';

const deviceWord = String.raw`(?:gpus?|tpus?|devices?|accelerators?|cards?|chips?)(?![\p{L}\p{N}]|-v?\d)`;
/** `GPUs` and the like, at the cursor. */
export const devicesHere = new RegExp(String.raw`\s*${deviceWord}`, 'iuy');
const devicesBehind = new RegExp(String.raw`[\s-]+${deviceWord}`, 'iuy');

/** The longest run of words here that names a device of the catalogue, in the plural or not; its name there. */
export function readHardware(cursor: Cursor): string | null {
  const start = afterSpace(cursor);
  const run = /^[^,;+()]{0,40}/.exec(cursor.text.slice(start))![0];
  for (let end = run.length; end > 0; end--) {
    if (!/^(?:$|[\s/-]|[x×*]\s*\d)/i.test(run.slice(end))) continue;
    const written = run.slice(0, end);
    const name = catalogueName(written) ?? catalogueName(written.replace(/s$/i, ''));
    if (name === null) continue;
    cursor.at = start + end;
    take(cursor, devicesBehind);
    return name;
  }
  return null;
}

function catalogueName(written: string): string | null {
  for (const spelling of [written, written.replaceAll(/\s+/g, '-')]) {
    try {
      return findHardware(spelling).name;
    } catch {
      // Not this spelling.
    }
  }
  return null;
}

export function unknownHardware(cursor: Cursor, word: string) {
  const names = hardwareCatalogue.map(({ name }) => name);
  return refusal(cursor, `"${word}" is no device of the catalogue`, {
    code: 'unknown-hardware',
    expected: `one of ${names.join(', ')}`,
    suggestion: meant(word, names),
  });
}
