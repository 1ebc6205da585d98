import { ShapelawError } from '../errors.js';
import { type Hardware, hardwareCatalogue, type Precision } from './hardware-catalogue.js';

/**
 * Finds a device of the catalogue by name or alias, whatever its case.
 *
 * @throws ShapelawError `unknown-hardware`, listing the names known.
 */
export function findHardware(name: string): Hardware {
  const wanted = name.toLowerCase();
  const found = hardwareCatalogue.find(
    (device) => device.name.toLowerCase() === wanted || device.aliases.includes(wanted),
  );
  if (found !== undefined) return found;
  const names = hardwareCatalogue.map((device) => device.name);
  throw new ShapelawError('unknown-hardware', `no device named ${name} in the catalogue: ${names.join(', ')}`, {
    name,
    names,
  });
}

/**
 * Peak dense FLOP/s of a device.
 *
 * @throws ShapelawError `unknown-hardware` where the device does not compute in that precision.
 */
export function peakFlops(device: Hardware, precision: Precision): number {
  const peak = device.peakFlops[precision];
  if (peak !== undefined) return peak;
  throw new ShapelawError(
    'unknown-hardware',
    `${device.name} has no peak for ${precision}; it has ${Object.keys(device.peakFlops).join(', ')}`,
    { device: device.name, precision },
  );
}

/** The precision that training uses on a device where none is asked for: bf16, else fp16, else fp32. */
export function defaultPrecision(device: Hardware): Precision {
  const found = (['bf16', 'fp16', 'fp32'] as const).find((precision) => device.peakFlops[precision] !== undefined);
  if (found !== undefined) return found;
  throw new ShapelawError('unknown-hardware', `${device.name} states no peak in bf16, fp16 or fp32`, {
    device: device.name,
  });
}
