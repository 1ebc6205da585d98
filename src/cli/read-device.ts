import type { Hardware } from '../flops/hardware-catalogue.js';

/**
 * The device that a user names: the path of one as JSON is read, and a name of the catalogue left as it is.
 *
 * @throws ShapelawError `unreadable`, `bad-hardware`.
 */
export async function readDevice(name: string | undefined): Promise<string | Hardware | undefined> {
  if (name === undefined || !name.endsWith('.json')) return name;
  const [{ readJson }, { parseHardware }] = await Promise.all([
    import('./files.js'),
    import('../flops/hardware-schema.js'),
  ]);
  return parseHardware(await readJson(name));
}
