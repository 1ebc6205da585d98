import { describe, expect, it } from 'vitest';
import { defaultPrecision, findHardware, peakFlops } from './hardware.js';
import { type Hardware, hardwareCatalogue } from './hardware-catalogue.js';

const precisions = ['fp64', 'fp32', 'tf32', 'fp16', 'bf16', 'fp8', 'int8'];

describe('the catalogue', () => {
  it('gives no two devices one name or alias, in any case', () => {
    const spellings = hardwareCatalogue.flatMap(({ name, aliases }) => [name.toLowerCase(), ...aliases]);
    expect(new Set(spellings).size).toBe(spellings.length);
    expect(spellings.every((spelling) => spelling === spelling.toLowerCase().trim())).toBe(true);
  });

  // Bounds that a factor of 1,000, of 8 (bits for bytes) or a watt for a kilowatt would break, for accelerators from V100 to B200.
  it.each(hardwareCatalogue)('states $name in the units it says, with its source', (device) => {
    expect(Object.keys(device.peakFlops).every((precision) => precisions.includes(precision))).toBe(true);
    for (const peak of Object.values(device.peakFlops)) {
      expect(peak).toBeGreaterThan(5e12);
      expect(peak).toBeLessThan(1e16);
    }
    expect(device.memoryBytes).toBeGreaterThanOrEqual(16e9);
    expect(device.memoryBytes).toBeLessThan(400e9);
    expect(device.memoryBandwidth).toBeGreaterThanOrEqual(300e9);
    expect(device.memoryBandwidth).toBeLessThan(1e13);
    expect(device.watts ?? 100).toBeGreaterThanOrEqual(70);
    expect(device.watts ?? 100).toBeLessThanOrEqual(1500);
    expect(device.source).toMatch(/https:\/\//);
    expect(device.date).toMatch(/^20\d\d(-\d\d){0,2}$/);
    if (device.dollarsPerHour !== null) {
      expect(device.dollarsPerHour.value).toBeGreaterThan(0.1);
      expect(device.dollarsPerHour.value).toBeLessThan(20);
      expect(device.dollarsPerHour.source).toMatch(/https:\/\//);
      expect(device.dollarsPerHour.date).toMatch(/^20\d\d(-\d\d){0,2}$/);
    }
  });

  it.each(hardwareCatalogue)('never rates $name slower at a narrower format', ({ peakFlops: peak }) => {
    const ladders = [
      ['fp64', 'fp32', 'tf32', 'fp16', 'fp8'],
      ['bf16', 'int8'],
    ] as const;
    for (const ladder of ladders) {
      const rates = ladder.flatMap((precision) => peak[precision] ?? []);
      expect(rates).toEqual([...rates].sort((a, b) => a - b));
    }
    if (peak.fp16 !== undefined && peak.bf16 !== undefined) expect(peak.bf16).toBe(peak.fp16);
  });

  // Dense rates in TFLOP/s, as the makers print them: NVIDIA's A100 datasheet, H100 whitepaper (tables 1 and 3), Blackwell brief
  // and V100 datasheet, Ada whitepaper (appendix A), Google's pages of the TPUs. With structured sparsity NVIDIA prints twice as much.
  it.each([
    ['A100', 312],
    ['H100', 989.4],
    ['H100-PCIe', 756],
    ['H200', 989.5],
    ['B200', 2250],
    ['L4', 121],
    ['RTX-4090', 165.2],
    ['TPU-v4', 275],
    ['TPU-v5e', 197],
    ['TPU-v5p', 459],
    ['TPU-v6e', 918],
  ])('stores the dense rate of %s', (name, teraFlops) => {
    expect(peakFlops(findHardware(name), 'bf16')).toBe(teraFlops * 1e12);
  });
});

describe('findHardware', () => {
  it('finds every device by name and alias in any case', () => {
    for (const device of hardwareCatalogue) {
      for (const spelling of [device.name, ...device.aliases]) {
        expect(findHardware(spelling)).toBe(device);
        expect(findHardware(spelling.toUpperCase())).toBe(device);
        expect(findHardware(spelling.toLowerCase())).toBe(device);
      }
    }
  });

  // As nvidia-smi prints it.
  it("reads the driver's names", () => {
    expect(findHardware('NVIDIA A100-SXM4-80GB').name).toBe('A100');
    expect(findHardware('NVIDIA A100-SXM4-40GB').memoryBytes).toBe(40e9);
    expect(findHardware('NVIDIA H100 80GB HBM3').name).toBe('H100');
    expect(findHardware('NVIDIA H200').name).toBe('H200');
  });

  it.each(['H1000', '', 'constructor'])('lists the names where it does not know "%s"', (name) => {
    const names = hardwareCatalogue.map((device) => device.name);
    expect(() => findHardware(name)).toThrow(
      expect.objectContaining({
        code: 'unknown-hardware',
        message: `no device named ${name} in the catalogue: ${names.join(', ')}`,
        details: { name, names },
      }),
    );
  });
});

describe('peakFlops', () => {
  it('refuses a precision that the device lacks and names those it has', () => {
    expect(() => peakFlops(findHardware('V100'), 'bf16')).toThrow(
      expect.objectContaining({
        code: 'unknown-hardware',
        message: 'V100 has no peak for bf16; it has fp64, fp32, fp16',
      }),
    );
  });
});

describe('defaultPrecision', () => {
  it.each(hardwareCatalogue)('of $name is bf16 but for V100 and T4, which lack it', (device) => {
    expect(defaultPrecision(device)).toBe(['V100', 'T4'].includes(device.name) ? 'fp16' : 'bf16');
  });

  it('is fp32 where nothing narrower is stated, and refused where not even that is', () => {
    const device: Hardware = { ...findHardware('V100'), name: 'K80', peakFlops: { fp64: 2.9e12, fp32: 8.7e12 } };
    expect(defaultPrecision(device)).toBe('fp32');
    expect(() => defaultPrecision({ ...device, peakFlops: { int8: 1e12 } })).toThrow(
      expect.objectContaining({ code: 'unknown-hardware', message: 'K80 states no peak in bf16, fp16 or fp32' }),
    );
  });
});
