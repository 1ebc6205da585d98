import { describe, expect, test } from 'vitest';
import { costFlops, readCost, type SweepCost } from './cost.js';

test.each<[string, SweepCost]>([
  ['1e17', { kind: 'flops', flops: 1e17 }],
  ['1e17 FLOP', { kind: 'flops', flops: 1e17 }],
  ['100P', { kind: 'flops', flops: 1e17 }],
  ['2h', { kind: 'gpu-hours', gpuHours: 2 }],
  ['90 min', { kind: 'gpu-hours', gpuHours: 1.5 }],
  ['7200s', { kind: 'gpu-hours', gpuHours: 2 }],
  ['3 days', { kind: 'gpu-hours', gpuHours: 72 }],
  ['1,500 gpu-hours', { kind: 'gpu-hours', gpuHours: 1500 }],
  ['$50', { kind: 'money', dollars: 50 }],
  ['50 USD', { kind: 'money', dollars: 50 }],
])('%s is read', (text, cost) => {
  const read = readCost(text);
  expect(read.kind).toBe(cost.kind);
  expect(Object.values(read)[1]).toBeCloseTo(Object.values(cost)[1] as number, 9);
});

test.each(['', 'much', '-1e17', '0', '2 weeks', '$', '5m'])('"%s" is no cost', (text) => {
  expect(() => readCost(text)).toThrow(expect.objectContaining({ code: 'bad-quantity' }));
});

describe('what a cost buys', () => {
  test('FLOPs are FLOPs', () => {
    expect(costFlops({ kind: 'flops', flops: 1e17 })).toEqual([1e17, 1e17]);
  });

  test('hours at a measured rate', () => {
    // 2 h of 3,600 s at 1e11 FLOP/s.
    expect(costFlops(readCost('2h'), { rate: 1e11 })).toEqual([7.2e14, 7.2e14]);
  });

  test('hours and money of a device, over its MFU', () => {
    // H100: 989.4 or so TFLOP/s dense bf16; at $2 an hour $10 buy 5 h.
    const [low, high] = costFlops(readCost('5h'), { hardware: 'H100', mfu: [0.1, 0.2] });
    expect(low / (5 * 3600 * 0.1)).toBeGreaterThan(9.8e14);
    expect(low / (5 * 3600 * 0.1)).toBeLessThan(10e14);
    expect(high).toBeCloseTo(2 * low, -3);
    expect(costFlops(readCost('$10'), { hardware: 'H100', mfu: [0.1, 0.2], dollarsPerHour: 2 })).toEqual([low, high]);
    expect(costFlops(readCost('5h'), { hardware: 'H100' })[0]).toBeCloseTo(2.13 * low, -10);
    expect(costFlops(readCost('$10'), { rate: 1e11, dollarsPerHour: 2 })).toEqual([1.8e15, 1.8e15]);
  });

  test.each([
    ['1e17', { rate: 1e11 }, 'bad-usage', /nothing reads rate/],
    ['1e17', { hardware: 'H100', mfu: [0.1, 0.2] }, 'bad-usage', /nothing reads hardware, mfu/],
    ['2h', { rate: 1e11, dollarsPerHour: 2 }, 'bad-usage', /nothing reads dollarsPerHour/],
    ['2h', {}, 'bad-usage', /time and money buy FLOPs on a machine/],
    ['2h', { rate: 1e11, hardware: 'H100' }, 'bad-usage', /give one of them/],
    ['2h', { rate: 0 }, 'bad-usage', /the rate must be positive FLOP\/s, not 0/],
    ['2h', { hardware: 'H100', mfu: [0.5, 0.1] }, 'bad-usage', /MFU must be a range/],
    ['2h', { hardware: 'abacus' }, 'unknown-hardware', /abacus/],
    ['$50', { rate: 1e11 }, 'bad-usage', /price of a device and hour/],
  ] as const)('%s with %j is refused', (text, setting, code, message) => {
    const refused = () => costFlops(readCost(text), setting);
    expect(refused).toThrow(expect.objectContaining({ code }));
    expect(refused).toThrow(message);
  });
});
