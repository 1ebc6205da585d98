import fc from 'fast-check';
import { PbfWriter } from 'pbf';
import { describe, expect, test } from 'vitest';
import { maskedCrc32c } from './crc32c.js';
import { readEventFile } from './event-file.js';
import { readTfRecords } from './tfrecord.js';

type Kind = 'simple' | 'float' | 'floatContent' | 'double' | 'doubleContent' | 'unpacked';

interface Written {
  readonly tag: string;
  readonly step: number;
  readonly value: number;
  readonly kind: Kind;
}

function bytesOf(value: number, kind: Kind): Uint8Array {
  const view = new DataView(new ArrayBuffer(kind === 'doubleContent' ? 8 : 4));
  if (kind === 'doubleContent') view.setFloat64(0, value, true);
  else view.setFloat32(0, value, true);
  return new Uint8Array(view.buffer);
}

function writeTensor({ value, kind }: Written, pbf: PbfWriter): void {
  pbf.writeVarintField(1, kind.startsWith('double') ? 2 : 1);
  if (kind.endsWith('Content')) pbf.writeBytesField(4, bytesOf(value, kind));
  else if (kind === 'double') pbf.writePackedDouble(6, [value]);
  else if (kind === 'unpacked') pbf.writeFloatField(5, value);
  else pbf.writePackedFloat(5, [value]);
}

function writeValue(written: Written, pbf: PbfWriter): void {
  // writeStringField of pbf 5.1 writes some characters beyond 16 bits wrong.
  pbf.writeBytesField(1, new TextEncoder().encode(written.tag));
  if (written.kind === 'simple') pbf.writeFloatField(2, written.value);
  else pbf.writeMessage(8, writeTensor, written);
}

function event(written: Written): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeDoubleField(1, 1.7e9);
  pbf.writeVarintField(2, written.step);
  pbf.writeMessage(5, (_, summary) => summary.writeMessage(1, writeValue, written), undefined);
  return pbf.finish();
}

function tfRecord(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}

const eventFile = (events: readonly Written[]) => Buffer.concat(events.map((written) => tfRecord(event(written))));

const scalars: fc.Arbitrary<Written[]> = fc.array(
  fc.record({
    tag: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    step: fc.integer({ min: 0, max: 2 ** 40 }),
    // Halves are the same in 32 bits.
    value: fc.integer({ min: -1000, max: 1000 }).map((k) => k / 2),
    kind: fc.constantFrom<Kind[]>('simple', 'float', 'floatContent', 'double', 'doubleContent', 'unpacked'),
  }),
  { minLength: 1, maxLength: 6 },
);

const plain = ({ tag, step, value }: { tag: string; step: number; value: number }) => ({ tag, step, value });

describe('an event file', () => {
  test('reads back what was written, in its order', () => {
    fc.assert(
      fc.property(scalars, (written) => {
        const { scalars: read, cutAt } = readEventFile(eventFile(written), 'f');
        expect(read.map(plain)).toEqual(written.map(plain));
        expect(cutAt).toBeNull();
      }),
    );
  });

  test('cut off anywhere is the records before, and says where it is cut', () => {
    fc.assert(
      fc.property(scalars, (written) => {
        const bytes = eventFile(written);
        const ends = readTfRecords(bytes, 'f').records.map(({ offset }) => offset);
        for (let length = 0; length < bytes.length; length++) {
          const { scalars: read, cutAt } = readEventFile(bytes.subarray(0, length), 'f');
          const whole = [...ends, bytes.length].filter((end) => end > 0 && end <= length).length;
          expect(read.map(plain)).toEqual(written.slice(0, whole).map(plain));
          expect(cutAt).toBe(ends.includes(length) ? null : ends.findLast((end) => end < length));
        }
      }),
      { numRuns: 20 },
    );
  });

  test('with any bit flipped is refused, with the offset of the record', () => {
    fc.assert(
      fc.property(scalars, fc.nat(), fc.integer({ min: 0, max: 7 }), (written, at, bit) => {
        const bytes = eventFile(written);
        const position = at % bytes.length;
        bytes[position]! ^= 1 << bit;
        const offset = readTfRecords(eventFile(written), 'f').records.findLast(
          (record) => record.offset <= position,
        )!.offset;
        expect(() => readEventFile(bytes, 'logs/f')).toThrow(
          expect.objectContaining({
            code: 'unreadable',
            message: expect.stringContaining(`logs/f, offset ${offset}: `),
          }),
        );
      }),
    );
  });

  test('takes scalars alone, by the plugin that the first value of a tag names', () => {
    const named = (tag: string, plugin: string, value: number | number[]) => {
      const pbf = new PbfWriter();
      pbf.writeMessage(
        5,
        (_, summary) =>
          summary.writeMessage(
            1,
            (__, inner) => {
              inner.writeStringField(1, tag);
              inner.writeMessage(
                8,
                (___, tensor) => {
                  tensor.writeVarintField(1, 1);
                  tensor.writePackedFloat(5, [value].flat());
                },
                undefined,
              );
              if (plugin === '') return;
              inner.writeMessage(
                9,
                (___, metadata) =>
                  metadata.writeMessage(1, (____, data) => data.writeStringField(1, plugin), undefined),
                undefined,
              );
            },
            undefined,
          ),
        undefined,
      );
      return tfRecord(pbf.finish());
    };
    const bytes = Buffer.concat([
      named('loss', 'scalars', 2),
      named('loss', '', 3),
      named('curve', 'pr_curves', 4),
      named('curve', '', 5),
      named('spread', '', [1, 2]),
    ]);
    expect(readEventFile(bytes, 'f').scalars.map(plain)).toEqual([
      { tag: 'loss', step: 0, value: 2 },
      { tag: 'loss', step: 0, value: 3 },
    ]);
  });

  test('negative steps are read as such, and what is no event is refused', () => {
    const pbf = new PbfWriter();
    pbf.writeVarintField(2, -3);
    pbf.writeMessage(
      5,
      (_, summary) => summary.writeMessage(1, writeValue, { tag: 'a', step: 0, value: 1, kind: 'simple' as Kind }),
      undefined,
    );
    expect(readEventFile(tfRecord(pbf.finish()), 'f').scalars[0]).toMatchObject({ step: -3 });
    for (const data of [
      [0x2a, 0x7f],
      [0x09, 1, 2],
      [0x10, 0xff],
      [0x2f, 1],
    ]) {
      const bytes = Buffer.concat([
        eventFile([{ tag: 'a', step: 1, value: 1, kind: 'simple' }]),
        tfRecord(Uint8Array.from(data)),
      ]);
      expect(() => readEventFile(bytes, 'f')).toThrow(
        expect.objectContaining({ code: 'unreadable', message: expect.stringMatching(/^f, offset \d\d: .*no event/) }),
      );
    }
  });
});
