import { expect, test } from 'vitest';
import { crc32c, maskedCrc32c } from './crc32c.js';

const ascii = (text: string) => new TextEncoder().encode(text);

// RFC 3720, appendix B.4 (its bytes of a checksum stand least first), and the check value of CRC-32C.
test.each([
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes that rise', Uint8Array.from({ length: 32 }, (_, k) => k), 0x46dd794e],
  ['32 bytes that fall', Uint8Array.from({ length: 32 }, (_, k) => 31 - k), 0x113fdb5c],
  ['123456789', ascii('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(), 0],
])('crc32c of %s', (_, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc);
});

test('the masked checksum is the one of a TFRecord that TensorBoard wrote', () => {
  // The 8 bytes of length 24 that begin fixtures/imports/tensorboard/10m/events.out.tfevents.1700000000.host are followed by it.
  expect(maskedCrc32c(Uint8Array.of(24, 0, 0, 0, 0, 0, 0, 0))).toBe(0x224b7fa3);
});
