const scratch = new DataView(new ArrayBuffer(4));

/** The bits of the float16 nearest to a float32, ties to even; from 65520 on infinity. */
export function halfOf(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  const unbiased = exponent - 127 + 15;
  if (unbiased >= 31) return sign | 0x7c00;
  // A subnormal half shifts its implicit bit in.
  const shift = unbiased <= 0 ? 14 - unbiased : 13;
  if (shift > 24) return sign;
  const whole = unbiased <= 0 ? fraction | 0x800000 : (unbiased << 23) | fraction;
  const kept = unbiased <= 0 ? whole >>> shift : whole >>> 13;
  const rest = whole & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  // A carry out of the fraction raises the exponent, up to infinity, as it should.
  return sign | (rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept);
}

/** The number that the bits of a float16 stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
