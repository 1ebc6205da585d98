import { execFileSync } from 'node:child_process';
import { type FileHandle, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { readSafetensors, requireChecksum, writeSafetensors } from './safetensors.js';
import { arrayTypes, elementsOf, type StoredTensor, type StoredType } from './stored-tensor.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const at = (name: string) => join(folder, name);
const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

const vector = (...values: number[]): StoredTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
});

/** A tensor of any type, shape (also scalar or empty) and bits. */
const arbitraryTensor: fc.Arbitrary<StoredTensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(arrayTypes) as StoredType[])),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(),
  })
  .map(({ dtype, shape, seed }) => {
    const data = new arrayTypes[dtype](elementsOf(shape));
    const bytes = new Uint8Array(data.buffer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = (seed + i * 151) >> (i % 8);
    return { dtype, shape, data } as StoredTensor;
  });

const names = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');

const bits = ({ dtype, shape, data }: StoredTensor) => ({
  dtype,
  shape,
  hex: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
});

async function headerOf(path: string) {
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE());
  return { length, bytes: bytes.length, header: bytes.toString('utf8', 8, 8 + length) };
}

describe('round trip', () => {
  test('of any tensors and metadata', async () => {
    const path = at('any.safetensors');
    const contents = fc.dictionary(names, arbitraryTensor, { maxKeys: 8 });
    const metadata = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(contents, metadata, async (tensors, metadata) => {
        await writeSafetensors(path, Object.entries(tensors), metadata);
        const read = await readSafetensors(path);
        const expected = Object.entries(tensors).map(([name, tensor]) => [name, bits(tensor)]);
        expect(new Map([...read.tensors].map(([name, tensor]) => [name, bits(tensor)]))).toEqual(
          new Map(expected as [string, unknown][]),
        );
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort());
        for (const { data, shape } of read.tensors.values()) expect(data).toHaveLength(elementsOf(shape));
      }),
      { numRuns: 60 },
    );
  });

  test('of names that an object would reorder or inherit', async () => {
    const path = at('names.safetensors');
    const names = ['b', '10', '9', '__proto__', 'constructor'];
    await writeSafetensors(
      path,
      names.map((name, i) => [name, vector(i)]),
    );
    const { tensors, metadata } = await readSafetensors(path);
    expect([...tensors]).toEqual(names.map((name, i) => [name, vector(i)]));
    expect(metadata).toEqual({});
  });

  test('of a view into a larger array', async () => {
    const path = at('view.safetensors');
    const data = Float32Array.from([1, 2, 3, 4, 5]).subarray(1, 4);
    await writeSafetensors(path, [['part', { dtype: 'F32', shape: [3], data }]]);
    expect((await readSafetensors(path)).tensors.get('part')).toEqual(vector(2, 3, 4));
  });

  test('keeps data aligned: 8 bytes for the header, larger elements first', async () => {
    const path = at('aligned.safetensors');
    await writeSafetensors(path, [
      ['flag', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) }],
      ['weight', vector(1)],
      ['step', { dtype: 'I64', shape: [], data: BigInt64Array.of(7n) }],
      ['bias', vector(2)],
    ]);
    const { length, bytes, header } = await headerOf(path);
    expect(length % 8).toBe(0);
    expect(header.trimEnd()).toBe(
      '{"step":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
        '"weight":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},' +
        '"bias":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},' +
        '"flag":{"dtype":"BOOL","shape":[3],"data_offsets":[16,19]}}',
    );
    expect(bytes).toBe(8 + length + 19);
  });
});

describe('a file of the reference implementation', () => {
  const fixtures = fileURLToPath(new URL('../../../fixtures/t5/', import.meta.url));

  test('is read', async () => {
    const { tensors, metadata } = await readSafetensors(join(fixtures, 't5/model.safetensors'));
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors.get('shared.weight')).toMatchObject({ dtype: 'F32', shape: [384, 32] });
    expect(tensors.get('decoder.final_layer_norm.weight')!.data).toHaveLength(32);
  });

  test('is written back to the same bytes', async () => {
    const original = join(fixtures, 't5/model.safetensors');
    const { tensors, metadata } = await readSafetensors(original);
    await writeSafetensors(at('copy.safetensors'), tensors, metadata);
    expect((await readFile(at('copy.safetensors'))).equals(await readFile(original))).toBe(true);
  });
});

function fileOf(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

const entry = (dtype: string, shape: unknown, data_offsets: unknown) => ({ dtype, shape, data_offsets });

describe('readSafetensors refuses', () => {
  const whole = fileOf({ a: entry('F32', [2], [0, 8]) }, 8);
  const long = Buffer.from(whole);
  long.writeBigUInt64LE(2n ** 63n);
  const sparse = fileOf({}, 0);
  sparse.writeBigUInt64LE(100n);

  const cases: [string, Buffer, RegExp][] = [
    ['an empty file', Buffer.alloc(0), /is not a safetensors file: it has 0 bytes, fewer than the 8/],
    ['a header longer than any', long, /header would take 9223372036854775808 bytes, of at most \d+; copy or download/],
    ['a header longer than the file', sparse, /its header would take 100 bytes, of at most 2/],
    ['a header that is not JSON', fileOf('{"a":', 0), /its header is not JSON \(/],
    ['a header that is not UTF-8', fileOf('{"a\xff":1}', 0).fill(0xff, 11, 12), /its header is not JSON \(/],
    ['a header that is a list', fileOf([], 0), /its header is not a JSON object/],
    [
      'metadata that are not text',
      fileOf({ __metadata__: { step: 3 } }, 0),
      /metadata that are not all text: {"step":3}/,
    ],
    [
      'an entry without a type',
      fileOf({ a: { shape: [], data_offsets: [0, 0] } }, 0),
      /tensor "a" has a bad header entry .*dtype/,
    ],
    ['a negative length', fileOf({ a: entry('F32', [-1], [0, 4]) }, 4), /tensor "a" has a bad header entry .*shape\.0/],
    ['a fractional offset', fileOf({ a: entry('F32', [1], [0, 4.5]) }, 4), /tensor "a" has a bad .*data_offsets\.1/],
    ['one offset', fileOf({ a: entry('F32', [1], [4]) }, 4), /tensor "a" has a bad header entry .*data_offsets/],
    [
      'an unknown type',
      fileOf({ a: entry('F4', [2], [0, 1]) }, 1),
      /tensor "a" is of type "F4"; store it as one of F64, F32/,
    ],
    ['an inherited type', fileOf({ a: entry('toString', [1], [0, 4]) }, 4), /tensor "a" is of type "toString"/],
    [
      'a size that is not that of the shape',
      fileOf({ a: entry('F32', [2, 3], [0, 20]) }, 20),
      /tensor "a" of type F32 and shape \[2,3\] takes 24 bytes, and its offsets 0 to 20 span 20/,
    ],
    [
      'a shape beyond all numbers',
      fileOf({ a: entry('F32', Array(40).fill(1e15), [0, 4]) }, 4),
      /"a" of type F32 .* takes/,
    ],
    [
      'overlapping tensors',
      fileOf({ a: entry('F32', [2], [0, 8]), b: entry('F32', [2], [4, 12]) }, 12),
      /tensor "b" starts at byte 4 and overlaps the one before, which ends at 8/,
    ],
    [
      'a gap between tensors',
      fileOf({ a: entry('U8', [1], [0, 1]), b: entry('F32', [1], [4, 8]) }, 8),
      /tensor "b" starts at byte 4 and leaves a gap to the one before, which ends at 1/,
    ],
    [
      'a file cut short',
      whole.subarray(0, -3),
      /tensor "a" ends at byte 8 of the data, of which the file has 5: it is cut/,
    ],
    [
      'data beyond the tensors',
      Buffer.concat([whole, Buffer.alloc(2)]),
      /has 10 bytes of data, and its tensors end at 8/,
    ],
  ];
  test.each(cases)('%s', async (_, bytes, message) => {
    const path = at('bad.safetensors');
    await writeFile(path, bytes);
    await expect(readSafetensors(path)).rejects.toEqual(refusal('bad-checkpoint', message));
    await expect(readSafetensors(path)).rejects.toThrow(path);
  });

  test('a tensor of terabytes in a small file, before it takes memory', async () => {
    const path = at('huge.safetensors');
    await writeFile(path, fileOf({ a: entry('F32', [1e12], [0, 4e12]) }, 16));
    await expect(readSafetensors(path)).rejects.toEqual(refusal('bad-checkpoint', /of which the file has 16/));
  });

  test('every cut of a file', async () => {
    const path = at('cut.safetensors');
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length));
      await expect(readSafetensors(path), `${length} bytes`).rejects.toEqual(refusal('bad-checkpoint', /again/));
    }
  });

  test('a missing file and a folder', async () => {
    await expect(readSafetensors(at('none'))).rejects.toEqual(
      refusal('unreadable', /none does not exist; check the path/),
    );
    await expect(readSafetensors(folder)).rejects.toEqual(refusal('unreadable', /is not a file/));
  });
});

describe('writeSafetensors refuses', () => {
  const cases: [string, [string, StoredTensor][], RegExp][] = [
    [
      'a name twice',
      [
        ['a', vector(1)],
        ['a', vector(2)],
      ],
      /tensor "a" is given twice/,
    ],
    ['the name of the metadata', [['__metadata__', vector(1)]], /tensor "__metadata__" has the name of the metadata/],
    [
      'data of another size',
      [['a', { dtype: 'F32', shape: [2, 2], data: new Float32Array(3) }]],
      /tensor "a" of type F32 and shape \[2,2\] can't be a Float32Array of 3 elements/,
    ],
    [
      'data of another type',
      [['a', { dtype: 'F32', shape: [1], data: new Int32Array(1) } as unknown as StoredTensor]],
      /tensor "a" of type F32 and shape \[1\] can't be a Int32Array of 1 elements/,
    ],
  ];
  test.each(cases)('%s', async (_, tensors, message) => {
    await expect(writeSafetensors(at('refused'), tensors)).rejects.toEqual(refusal('bad-checkpoint', message));
    expect(await readdir(folder)).not.toContain('refused');
  });
});

describe('a failure to write', () => {
  /** The methods that all handles share. */
  async function handles(): Promise<FileHandle> {
    const file = await open(at('probe'), 'w');
    await file.close();
    return Object.getPrototypeOf(file);
  }

  /** What remains in a folder whose file could not be replaced. */
  async function expectUntouched(path: string, written: Promise<void>, message: RegExp): Promise<void> {
    const entries = await readdir(dirname(path));
    const before = await readFile(path);
    await expect(written).rejects.toEqual(refusal('write-failed', message));
    await expect(written).rejects.toThrow(path);
    expect((await readFile(path)).equals(before)).toBe(true);
    expect((await readdir(dirname(path))).filter((name) => name.endsWith('.partial'))).toEqual([]);
    expect(await readdir(dirname(path))).toEqual(entries.filter((name) => !name.endsWith('.partial')));
  }

  test.each(['writeFile', 'sync'] as const)('of %s leaves the file as it was and nothing beside it', async (method) => {
    const path = at('kept.safetensors');
    await writeSafetensors(path, [['a', vector(1)]]);
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const prototype = await handles();
    const original = prototype.writeFile;
    let calls = 0;
    vi.spyOn(prototype, method).mockImplementation(function (this: FileHandle, ...given: unknown[]) {
      calls++;
      // The header goes through, so that a part is written when the disk is full.
      if (method === 'writeFile' && calls < 3) return Reflect.apply(original, this, given);
      return Promise.reject(full);
    });
    await expectUntouched(path, writeSafetensors(path, [['a', vector(2)]]), /the disk is full; free space/);
    expect(calls).toBe(method === 'sync' ? 1 : 3);
  });

  test('has a code, whatever the cause', async () => {
    const tensors: [string, StoredTensor][] = [['a', vector(1)]];
    await expect(writeSafetensors(at('no/such/folder'), tensors)).rejects.toEqual(refusal('write-failed', /ENOENT/));
    await expect(writeSafetensors(folder, tensors)).rejects.toEqual(
      refusal('write-failed', /it is a folder or a device/),
    );
  });

  let disk: string | undefined;
  beforeAll(async () => {
    const path = await mkdtemp(join(tmpdir(), 'full-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' });
      disk = path;
    } catch {
      await rm(path, { recursive: true });
    }
  });
  afterAll(async () => {
    if (disk === undefined) return;
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  });

  test('on a disk that is full leaves the file as it was (needs the right to mount one)', async ({ skip }) => {
    if (disk === undefined) return skip('no right to mount a small disk');
    const path = join(disk, 'model.safetensors');
    await writeSafetensors(path, [['a', vector(1)]]);
    const large: StoredTensor = { dtype: 'F32', shape: [100_000], data: new Float32Array(100_000).fill(1) };
    await expectUntouched(path, writeSafetensors(path, [['a', large]]), /the disk is full; free space/);
    expect((await readSafetensors(path)).tensors.get('a')).toEqual(vector(1));
  });
});

test('a link stays one', async () => {
  const [path, link] = [at('linked.safetensors'), at('link.safetensors')];
  await writeSafetensors(path, [['a', vector(1)]]);
  await symlink(path, link);
  await writeSafetensors(link, [['a', vector(2)]]);
  expect((await readSafetensors(path)).tensors.get('a')).toEqual(vector(2));
});

describe('a checksum', () => {
  const path = () => at('checked.safetensors');
  const write = (tensors: Readonly<Record<string, StoredTensor>>) =>
    writeSafetensors(path(), Object.entries(tensors), { of: '"crc32":"00000000"' }, true);

  test('is that of header and data, and changes nothing else', async () => {
    await write({ a: vector(1, 2), b: vector(3) });
    const { tensors, metadata } = await readSafetensors(path());
    const { length } = await headerOf(path());
    const bytes = (await readFile(path())).subarray(8);
    bytes.write('00000000', bytes.indexOf(`"crc32":"${metadata.crc32}"`) + 9);
    expect(length).toBeLessThan(bytes.length);
    expect(metadata).toEqual({ of: '"crc32":"00000000"', crc32: crc32(bytes).toString(16).padStart(8, '0') });
    expect([...tensors.get('b')!.data]).toEqual([3]);
    await requireChecksum(path());
  });

  test('of any tensors holds, and of any with a bit changed does not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, arbitraryTensor, { maxKeys: 4 }), fc.nat(), async (tensors, bit) => {
        await write(tensors);
        await requireChecksum(path());
        const file = await readFile(path());
        file[bit % file.length]! ^= 1 << (bit % 8);
        await writeFile(path(), file);
        await expect(requireChecksum(path())).rejects.toMatchObject({ code: 'bad-checkpoint' });
      }),
      { numRuns: 100 },
    );
  });

  test('is missed in a file without one', async () => {
    await writeSafetensors(path(), [['a', vector(1)]]);
    await expect(requireChecksum(path())).rejects.toEqual(refusal('bad-checkpoint', /has no checksum/));
  });
});
