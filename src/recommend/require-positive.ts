import { ShapelawError } from '../errors.js';

/** @throws ShapelawError `bad-usage`, naming the first value that is not a positive finite number. */
export function requirePositive(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new ShapelawError('bad-usage', `${name} must be positive, not ${value}`, { [name]: value });
  }
}
