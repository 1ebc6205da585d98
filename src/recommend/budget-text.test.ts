import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ShapelawError } from '../errors.js';
import type { Constraint } from './budget.js';
import { parseBudget } from './budget-text.js';
import { loadUnits } from './units.js';

beforeAll(loadUnits);

/** What a text is refused with. */
function refused(text: string): ShapelawError {
  try {
    parseBudget(text);
  } catch (error) {
    if (error instanceof ShapelawError) return error;
    throw error;
  }
  throw new Error(`"${text}" was read`);
}

const params = (count: number): Constraint => ({ kind: 'params', params: count });
const flops = (count: number): Constraint => ({ kind: 'flops', flops: count });
const gpuHours = (hours: number): Constraint => ({ kind: 'gpu-hours', gpuHours: hours });
const gpusDays = (gpus: number, days: number): Constraint => ({ kind: 'gpus-days', gpus, days });
const money = (dollars: number): Constraint => ({ kind: 'money', dollars });
const wall = (seconds: number): Constraint => ({ kind: 'wall-time', seconds });
const training = (bytes: number): Constraint => ({ kind: 'training-memory', bytes });
const inference = (bytes: number): Constraint => ({ kind: 'inference-memory', bytes });
const perToken = (seconds: number): Constraint => ({ kind: 'token-latency', seconds });
const perSequence = (seconds: number): Constraint => ({ kind: 'sequence-latency', seconds });
const served = (tokens: number): Constraint => ({ kind: 'inference-volume', tokens });
const unique = (tokens: number): Constraint => ({ kind: 'unique-tokens', tokens });

describe('budgets as people write them', () => {
  test.each<[string, Constraint]>([
    ['220M', params(220e6)],
    ['  220 M  ', params(220e6)],
    ['1.3B parameters', params(1.3e9)],
    ['up to 1.3Bparams', params(1.3e9)],
    ['220 million', params(220e6)],
    ['220 Million parameters', params(220e6)],
    ['1,207,359,488', params(1207359488)],
    ['1e21 FLOP', flops(1e21)],
    ['1E+21 flops of compute', flops(1e21)],
    ['2e25 training FLOPs', flops(2e25)],
    ['1 ZFLOP', flops(1e21)],
    ['1.5 YFLOPs', flops(1.5e24)],
    ['5 zettaFLOPs', flops(5e21)],
    ['300 EFLOP', flops(3e20)],
    // A PF-day is 10^15 * 24 * 3600 = 8.64 * 10^19 (Kaplan et al. 2020, section 1.3).
    ['10 PF-days', flops(8.64e20)],
    ['10 PF days', flops(8.64e20)],
    ['10 petaflop/s-days', flops(8.64e20)],
    ['10 PFLOPS-days', flops(8.64e20)],
    ['1 EFLOP/s-hour', flops(3.6e21)],
    ['$5000', money(5000)],
    ['$5,000', money(5000)],
    ['$ 5k', money(5000)],
    ['$1.5M', money(1.5e6)],
    ['US$5000', money(5000)],
    ['USD 5000', money(5000)],
    ['5000$', money(5000)],
    ['5k USD', money(5000)],
    ['5 thousand US dollars', money(5000)],
    ['1 dollar', money(1)],
    ['500 GPU-hours', gpuHours(500)],
    ['1,000 gpu hours', gpuHours(1000)],
    ['2 device-days', gpuHours(48)],
    ['30B tokens', unique(30e9)],
    ['30 billion tokens of text', unique(30e9)],
    ['200B unique tokens', unique(200e9)],
    ['2T distinct tokens', unique(2e12)],
    ['1T tokens served', served(1e12)],
    ['serving 1T tokens', served(1e12)],
    ['to serve 1T tokens', served(1e12)],
    ['2T tokens of inference', served(2e12)],
    ['2T tokens for serving', served(2e12)],
    ['2T inference tokens', served(2e12)],
    ['50 ms', perToken(0.05)],
    ['50ms', perToken(0.05)],
    ['5 µs', perToken(5e-6)],
    ['0.5 s', perToken(0.5)],
    ['50 ms per token', perToken(0.05)],
    ['50 ms/token', perToken(0.05)],
    ['2 s a token', perToken(2)],
    ['2 s token latency', perToken(2)],
    ['50 ms of latency', perToken(0.05)],
    ['2 s per sequence', perSequence(2)],
    ['200 ms/seq', perSequence(0.2)],
    ['2 seconds for each sequence', perSequence(2)],
    ['2 s of sequence latency', perSequence(2)],
    ['24 GB', training(24e9)],
    ['24GB', training(24e9)],
    ['under 24 GB of device memory', training(24e9)],
    ['24 GB VRAM per GPU for training', training(24e9)],
    // IEC 80000-13: a gibibyte is 2^30 bytes.
    ['40 GiB for inference', inference(40 * 2 ** 30)],
    ['40 gibibytes to serve', inference(40 * 2 ** 30)],
    ['24 GB inference memory', inference(24e9)],
    ['24 GB of memory for serving', inference(24e9)],
    ['2 weeks', wall(14 * 86400)],
    ['3 Days', wall(3 * 86400)],
    ['2.5d', wall(216000)],
    ['90 min', wall(5400)],
    ['2 s', wall(2)],
    ['3 days of wall-clock time', wall(3 * 86400)],
    // A twelfth of the Julian year of 365.25 days.
    ['1 month', wall(30.4375 * 86400)],
  ])('%j', (text, constraint) => {
    expect(parseBudget(text)).toEqual({ constraints: [constraint], hardware: null, devices: null });
  });

  test.each<[string, readonly Constraint[], string | null, number | null]>([
    ['8xH100', [], 'H100', 8],
    ['8 x H100', [], 'H100', 8],
    ['8×h100', [], 'H100', 8],
    ['8 H100s', [], 'H100', 8],
    ['8 H100 GPUs', [], 'H100', 8],
    ['H100 x 8', [], 'H100', 8],
    ['16k H100s', [], 'H100', 16000],
    ['4xA100-40GB', [], 'A100-40GB', 4],
    ['4x A100 PCIe', [], 'A100-PCIe', 4],
    ['24 T4', [], 'T4', 24],
    ['2 L40S', [], 'L40S', 2],
    ['8 GPUs', [], null, 8],
    ['8 x GPUs', [], null, 8],
    ['8xH100 for 3 days', [gpusDays(8, 3)], 'H100', 8],
    ['8xH100 3 days', [gpusDays(8, 3)], 'H100', 8],
    ['8 H100s for 3 days of training', [gpusDays(8, 3)], 'H100', 8],
    ['3 days on 8xA100', [gpusDays(8, 3)], 'A100', 8],
    ['for 36 h on 8 TPU v5e', [gpusDays(8, 1.5)], 'TPU-v5e', 8],
    ['2 x RTX 4090 for 12 h', [gpusDays(2, 0.5)], 'RTX-4090', 2],
    ['8 GPUs for 1 week', [gpusDays(8, 7)], null, 8],
    ['8xH100 for 3 days, 24 GB', [gpusDays(8, 3), training(24e9)], 'H100', 8],
    // Set apart, the time is one limit and the devices are another fact.
    ['8xH100, 3 days', [wall(3 * 86400)], 'H100', 8],
    ['3 days and 8xH100', [wall(3 * 86400)], 'H100', 8],
    ['8xH100 with 24 GB for 3 days', [training(24e9), wall(3 * 86400)], 'H100', 8],
    ['8xH100 for 3 days of wall time', [wall(3 * 86400)], 'H100', 8],
    // How many is not said: they are as many as elsewhere.
    ['an H100 for 3 days', [wall(3 * 86400)], 'H100', null],
    ['500 H100 hours', [gpuHours(500)], 'H100', null],
    ['500 H100-hours', [gpuHours(500)], 'H100', null],
    ['10 A100-80GB days', [gpuHours(240)], 'A100', null],
    ['500 H100 hours on 8xH100', [gpuHours(500)], 'H100', 8],
    ['8xH100 for 3 days and 1 week', [gpusDays(8, 3), wall(7 * 86400)], 'H100', 8],
    ['$5000 with 24 GB', [money(5000), training(24e9)], null, null],
    ['$5000 on H100s', [money(5000)], 'H100', null],
    ['1.3B parameters and 50 ms/token', [params(1.3e9), perToken(0.05)], null, null],
    ['1e21 FLOPs h100', [flops(1e21)], 'H100', null],
    ['220 in 24 GB', [params(220), training(24e9)], null, null],
    ['24 GB, and 40 GB for inference', [training(24e9), inference(40e9)], null, null],
    ['24 GB to serve 1T tokens', [training(24e9), served(1e12)], null, null],
    ['1e21 FLOP; 30B tokens + 2 weeks', [flops(1e21), unique(30e9), wall(14 * 86400)], null, null],
    ['24 GB,$5,000', [training(24e9), money(5000)], null, null],
  ])('%j', (text, constraints, hardware, devices) => {
    expect(parseBudget(text)).toEqual({ constraints, hardware, devices });
  });
});

describe('properties', () => {
  const count = fc.integer({ min: 1, max: 1e6 });

  test.each<[string, number, string, string]>([
    ['s', 1000, 'ms', ''],
    ['days', 24, 'h', ''],
    ['weeks', 7, 'days', ''],
    ['h', 3600, 's', ''],
    ['ms', 1000, 'us', ' per token'],
    ['GB', 1000, 'MB', ''],
    ['GiB', 1024, 'MiB', ' for inference'],
    ['kB', 1000, 'bytes', ''],
    ['GPU-days', 24, 'GPU-hours', ''],
    ['days', 1440, 'min', ' on 8xH100'],
    ['ZFLOP', 1000, 'EFLOP', ''],
    ['PF-days', 86400, 'PFLOP', ''],
    ['B tokens', 1000, 'M tokens', ''],
    ['k USD', 1000, 'dollars', ''],
    ['B', 1000, 'M', ''],
  ])('a number of %s is %d times that of %s', (large, times, small, rest) => {
    fc.assert(
      fc.property(count, (n) => {
        expect(parseBudget(`${n} ${large}${rest}`)).toEqual(parseBudget(`${n * times} ${small}${rest}`));
      }),
    );
  });

  // A product of doubles rounds twice: 8.2 * 1e9 is 8199999999.999999.
  test.each<[string, number]>([
    ['GB', 9],
    ['MB', 6],
    ['B params', 9],
  ])('a decimal number of %s is the nearest double to 10^%d of it', (unit, power) => {
    fc.assert(
      fc.property(count, fc.integer({ min: 0, max: 5 }), (n, digits) => {
        const [constraint] = parseBudget(`${n}e-${digits} ${unit}`).constraints;
        expect(Object.values(constraint!)).toContain(Number(`${n}e${power - digits}`));
      }),
    );
  });

  test('every order of the parts and every separator states the same', () => {
    const parts = [
      ...['220M', '1e21 FLOP', '$5,000', '500 GPU-hours', '30B tokens', 'serving 1T tokens', '50 ms/token'],
      ...['2 s per sequence', '24 GB', '40 GiB for inference', '8xH100', '2 weeks'],
    ];
    const sorted = (text: string) => {
      const { constraints, ...devices } = parseBudget(text);
      return { devices, constraints: constraints.toSorted((a, b) => a.kind.localeCompare(b.kind)) };
    };
    fc.assert(
      fc.property(
        fc.subarray(parts, { minLength: 1 }),
        fc.infiniteStream(fc.nat()),
        fc.constantFrom(', ', ' and ', ' with ', '; ', ' + ', ', and '),
        (chosen, random, separator) => {
          const keys = chosen.map((part) => ({ part, key: random.next().value }));
          const shuffled = keys.toSorted((a, b) => a.key - b.key).map(({ part }) => part);
          expect(sorted(shuffled.join(separator))).toEqual(sorted(chosen.join(', ')));
          expect(sorted(chosen.join(', ')).constraints).toHaveLength(chosen.filter((part) => part !== '8xH100').length);
        },
      ),
    );
  });

  const fragments = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '8',
          '3.5',
          '1e21',
          '1,000',
          '-',
          '$',
          '€',
          'x',
          '×',
          ' ',
          ',',
          ';',
          '+',
          '/',
          '.',
          'per token',
        ),
        fc.constantFrom('H100', 'RTX 4090', 'GPU', '-hours', 'days', 'ms', 'GB', 'Gb', 'M', 'B', 'F', 'FLOP', 'tokens'),
        fc.constantFrom('for', 'with', 'serving', 'inference', 'a', 'unique', 'of', 'latency', 'e999', 'constructor'),
        fc.string({ maxLength: 3 }),
      ),
      { maxLength: 12 },
    )
    .chain((pieces) => fc.constantFrom(pieces.join(''), pieces.join(' ')));

  test('no text makes it throw anything but a refusal with its place, or state what is not positive', () => {
    fc.assert(
      fc.property(fc.oneof(fragments, fc.string(), fc.string({ unit: 'binary', maxLength: 1000 })), (text) => {
        let read: ReturnType<typeof parseBudget>;
        try {
          read = parseBudget(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ShapelawError);
          const { code, details } = error as ShapelawError;
          expect(['bad-quantity', 'unknown-hardware']).toContain(code);
          expect(details.position).toBeGreaterThanOrEqual(1);
          expect(details.position).toBeLessThanOrEqual([...text].length + 1);
          return;
        }
        const numbers = read.constraints.flatMap(({ kind, ...values }) => Object.values(values));
        for (const value of numbers) expect(value > 0 && Number.isFinite(value)).toBe(true);
        const kinds = read.constraints.map(({ kind }) => kind);
        expect(new Set(kinds).size).toBe(kinds.length);
        expect(kinds.length > 0 || read.hardware !== null || read.devices !== null).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what is no budget', () => {
  test.each<[string, number, RegExp, string | null]>([
    ['', 1, /a budget is missing; expected one as in 8xH100 for 3 days, 24 GB/, null],
    ['   ', 4, /a budget is missing/, null],
    ['3 dyas', 3, /"dyas" is no unit of a budget; did you mean days\?/, 'days'],
    ['8xH100 for 3 dyas', 14, /"dyas"/, 'days'],
    ['🙂', 1, /"🙂" does not begin with a number/, null],
    ['24 GBs', 4, /"GBs"/, 'GB'],
    ['24 gb', 4, /"gb"/, 'GB'],
    ['24 Gb', 4, /"Gb" counts bits, and memory is in bytes/, 'GB'],
    ['24 Gib', 4, /counts bits/, 'GiB'],
    ['50 Ms', 4, /"Ms"/, 'ms'],
    ['220m', 4, /"m" is a unit, but not of time or memory/, 'M'],
    ['3 dh', 3, /"dh" is no unit/, 'h'],
    ['12Q', 3, /"Q" is no unit of a budget; expected a multiple/, null],
    ['30B tokesn', 5, /"tokesn" is not understood/, null],
    ['30 tokesn', 4, /"tokesn" is no unit/, 'tokens'],
    ['3 constructor', 3, /"constructor" is no unit/, null],
    ['-5', 1, /must be positive/, null],
    ['−24 GB', 1, /must be positive/, null],
    ['$-5', 2, /must be positive/, null],
    ['24 GB, -3 days', 8, /must be positive/, null],
    ['0 GB', 1, /must be positive and finite/, null],
    ['1e400', 1, /positive and finite/, null],
    ['1e400 GB', 1, /positive and finite/, null],
    ['1e300 YFLOP', 1, /positive and finite/, null],
    ['1e308 GB', 1, /positive and finite/, null],
    ['1e99999999999999999999999 days', 1, /positive and finite/, null],
    ['5,00', 2, /goes on in a way/, null],
    ['$5,000,24 GB', 7, /goes on in a way.* a space behind a comma/, null],
    ['1.2.3', 4, /goes on in a way/, null],
    ['2-3 days', 2, /a range is no limit/, null],
    ['2.5xH100', 1, /whole numbers/, null],
    ['0 GPUs', 1, /whole numbers/, null],
    ['8x', 3, /a device is missing after "x"/, null],
    ['8x, 3 days', 3, /a device is missing after "x"/, null],
    ['$', 2, /a number is missing/, null],
    ['with', 5, /another quantity is missing/, null],
    ['24 GB,', 7, /another quantity is missing/, null],
    ['24 GB,,5B', 7, /"," does not begin with a number/, null],
    [', 24 GB', 1, /"," does not begin/, null],
    ['5 5', 3, /"5" is no unit/, null],
    ['24 GB 3 days', 7, /a separator is missing before this/, null],
    ['220M foo', 6, /"foo" is not understood/, null],
    ['$5000/hour', 6, /"\/hour" is not understood/, null],
    ['€500', 1, /in US dollars/, '$'],
    ['500€', 4, /in US dollars/, '$'],
    ['500 EUR', 5, /in US dollars/, '$'],
    ['1e21 FLOP/s', 10, /FLOP\/s is a rate/, null],
    ['2 s latency', 1, /a latency is per token or per sequence/, null],
    ['serving 3 days', 9, /what is served is counted in tokens/, null],
    // FLOPs without their unit, or memory with half of its unit.
    ['1e21', 1, /does not say what it counts/, '1e21 FLOP'],
    ['24G', 1, /does not say what it counts/, '24GB'],
    ['24 GB, 40 GB', 8, /training memory is stated twice/, null],
    ['220M and 1B params', 10, /params is stated twice/, null],
    ['8xH100 for 3 days and 4 GPUs', 23, /the number of devices is stated twice/, null],
    ['8xH100, 500 A100 hours', 9, /the device is stated twice/, null],
  ])('%j is refused at character %d', (text, position, message, suggestion) => {
    const error = refused(text);
    expect(error.code).toBe('bad-quantity');
    expect(error.details).toMatchObject({ text, position, suggestion, expected: expect.any(String) });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`"${text}": at character ${position}, `);
  });

  test.each<[string, number, string | null]>([
    ['8xH300', 3, 'H100'],
    ['8 H300', 3, 'H100'],
    ['H300', 1, 'H100'],
    ['24 GB on 8 x TPU-v9', 14, 'TPU-v3'],
    ['8xabacus', 3, null],
  ])('%j names a device that the catalogue lacks', (text, position, suggestion) => {
    const error = refused(text);
    expect(error).toMatchObject({ code: 'unknown-hardware', details: { text, position, suggestion } });
    expect(error.message).toMatch(/no device of the catalogue.*xpected one of A100, .*H100/);
  });

  test('a text of more than 500 characters is refused without being read or quoted whole', () => {
    expect(parseBudget(`220M${' '.repeat(496)}`).constraints).toEqual([params(220e6)]);
    const error = refused('24 GB, '.repeat(1e5));
    expect(error).toMatchObject({ code: 'bad-quantity', details: { position: 501 } });
    expect(error.message.length).toBeLessThan(200);
  });

  test('positions count characters, not code units', () => {
    expect(refused('24 GB, 🙂🙂 3 dyas').details.position).toBe(8);
    expect(refused('24 GB, 3 🙂').details.position).toBe(10);
  });
});
