import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { ShapelawError } from '../../errors.js';
import { badFile, bytesOf, formatHeader, type HeaderEntry, parseHeader } from './safetensors-header.js';
import { arrayTypes, elementsOf, type StoredTensor, type StoredType } from './stored-tensor.js';
import { writeAside } from './write-aside.js';

// The format: https://github.com/huggingface/safetensors. The length of the header in 8 bytes, little-endian; the header,
// JSON; the data of the tensors.

const lengthBytes = 8;

/** The reference refuses longer headers. */
const longestHeader = 100_000_000;

/** Key of the metadata that holds the CRC-32 of header and data, in hexadecimal, and what stands in its place while it is computed. */
const checksumKey = 'crc32';
const noChecksum = '00000000';

/** What a safetensors file holds. */
export interface SafetensorsFile<Tensor = StoredTensor> {
  /** By name, in the order of their data. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor whose data are made or read when they are asked for, so that not all need be in memory at once. */
export interface LazyTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  load(): Promise<StoredTensor['data']>;
}

const fileProblems: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; check the path',
  EACCES: 'may not be read; check its permissions',
};

function unreadable(path: string, error: unknown): ShapelawError {
  const { code, message } = error as NodeJS.ErrnoException;
  const problem = fileProblems[code ?? ''] ?? `could not be read: ${message}`;
  return new ShapelawError('unreadable', `${path} ${problem}`, { path });
}

/** Fills the bytes from a position on; a file may give less than it is asked for. */
async function fill(file: FileHandle, path: string, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw badFile(path, 'became shorter while it was read; wait until it is written');
    done += bytesRead;
  }
}

function bytesIn({ data }: StoredTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function allocate({ dtype, shape }: HeaderEntry): StoredTensor {
  const data = new arrayTypes[dtype](elementsOf(shape));
  return { dtype, shape, data } as StoredTensor;
}

/** The tensors as the header has them, checked against the file's length. */
async function readHeader(file: FileHandle, path: string) {
  const found = await file.stat();
  if (!found.isFile()) throw new ShapelawError('unreadable', `${path} is not a file; name one`, { path });
  const length = Buffer.alloc(lengthBytes);
  if (found.size < lengthBytes) {
    const problem = `is not a safetensors file: it has ${found.size} bytes, fewer than the ${lengthBytes} of a header's length`;
    throw badFile(path, `${problem}; copy or download it again`, { bytes: found.size });
  }
  await fill(file, path, length, 0);
  const headerBytes = length.readBigUInt64LE();
  if (headerBytes > found.size - lengthBytes || headerBytes > longestHeader) {
    const limit = Math.min(found.size - lengthBytes, longestHeader);
    const problem = `is not a safetensors file or is cut short: its header would take ${headerBytes} bytes, of at most ${limit}`;
    throw badFile(path, `${problem}; copy or download it again`, { headerBytes: String(headerBytes), limit });
  }
  const header = Buffer.alloc(Number(headerBytes));
  await fill(file, path, header, lengthBytes);
  const start = lengthBytes + header.length;
  return { start, header, ...parseHeader(path, header, found.size - start) };
}

async function reading<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    return await read(file);
  } catch (error) {
    throw error instanceof ShapelawError ? error : unreadable(path, error);
  } finally {
    await file?.close();
  }
}

async function readTensor(file: FileHandle, path: string, entry: HeaderEntry, start: number): Promise<StoredTensor> {
  const tensor = allocate(entry);
  await fill(file, path, bytesIn(tensor), start + entry.offset);
  return tensor;
}

/**
 * Reads a safetensors file, every tensor of it, each into an array of its own. The whole header is checked before any
 * memory is taken for data.
 *
 * @throws ShapelawError `unreadable` where there is no such file or it may not be read; `bad-checkpoint` where it is cut
 * short or is not of the format, naming the tensor and the numbers at fault.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return reading(path, async (file) => {
    const { entries, metadata, start } = await readHeader(file, path);
    const tensors = new Map<string, StoredTensor>();
    for (const entry of entries) tensors.set(entry.name, await readTensor(file, path, entry, start));
    return { tensors, metadata };
  });
}

/**
 * Reads what a safetensors file holds, and no data: each tensor reads its own. The file must stay as it is until then.
 *
 * @throws ShapelawError as `readSafetensors`.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile<LazyTensor>> {
  const { entries, metadata, start } = await reading(path, (file) => readHeader(file, path));
  const lazy = (entry: HeaderEntry): LazyTensor => ({
    dtype: entry.dtype,
    shape: entry.shape,
    load: async () => (await reading(path, (file) => readTensor(file, path, entry, start))).data,
  });
  return { tensors: new Map(entries.map((entry) => [entry.name, lazy(entry)])), metadata };
}

/**
 * Checks the header and the data of a file that {@link writeSafetensors} wrote with a checksum.
 *
 * @throws ShapelawError `bad-checkpoint` where a bit has changed or there is no checksum; as `readSafetensors`.
 */
export async function requireChecksum(path: string): Promise<void> {
  await reading(path, async (file) => {
    const { metadata, start, entries, header } = await readHeader(file, path);
    const stated = metadata[checksumKey];
    if (stated === undefined) throw badFile(path, 'has no checksum: it is damaged, or of another program');
    const end = start + entries.reduce((sum, entry) => sum + bytesOf(entry), 0);
    const chunk = new Uint8Array(Math.min(checkedBytes, end - start));
    const place = checksumPlace(header, stated);
    if (place >= 0) header.write(noChecksum, place);
    let checksum = crc32(header);
    for (let at = start; at < end; at += chunk.length) {
      const part = chunk.subarray(0, Math.min(chunk.length, end - at));
      await fill(file, path, part, at);
      checksum = crc32(part, checksum);
    }
    if (hexadecimal(checksum) === stated) return;
    const problem = `has data of checksum ${hexadecimal(checksum)}, and was written with ${stated}: it is damaged`;
    throw badFile(path, problem, { checksum: hexadecimal(checksum), stated });
  });
}

/** Bytes that are read at once to be checked. */
const checkedBytes = 2 ** 22;

/** Where the checksum stands in a header. */
function checksumPlace(header: Buffer, checksum: string): number {
  const member = `"${checksumKey}":"${checksum}"`;
  const at = header.indexOf(member);
  return at < 0 ? at : at + member.length - 1 - checksum.length;
}

function hexadecimal(checksum: number): string {
  return checksum.toString(16).padStart(noChecksum.length, '0');
}

/** Larger elements first, as the reference orders them, so that all are aligned to their size; else in the order given. */
function inFileOrder(tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>) {
  const bytes = ({ dtype }: { readonly dtype: StoredType }) => arrayTypes[dtype].BYTES_PER_ELEMENT;
  return [...tensors].map(([name, tensor]) => ({ name, ...tensor })).sort((a, b) => bytes(b) - bytes(a));
}

function requireFitting(
  path: string,
  { name, dtype, shape }: { readonly name: string; readonly dtype: StoredType; readonly shape: readonly number[] },
  data: StoredTensor['data'],
): void {
  if (data instanceof arrayTypes[dtype] && data.byteLength === bytesOf({ dtype, shape })) return;
  const problem = `of type ${dtype} and shape [${shape}] can't be a ${data.constructor.name} of ${data.length} elements`;
  throw badFile(path, `${problem}; pass an array of its type and size`, { tensor: name, dtype, shape });
}

/**
 * Writes a safetensors file, aside and renamed, so that its name never holds a part of it (see `writeAside`). No copy of
 * the data is made; the arrays must not change before the promise settles. Those of a lazy tensor are asked for when their
 * turn has come, and let go after.
 *
 * @param metadata text by name, for anything that the caller wants to keep with the tensors. Defaults to none.
 * @param checked whether the metadata get a checksum of the file, for {@link requireChecksum}. Defaults to false.
 * @throws ShapelawError `write-failed` where the file can't be written, as on a full disk, which leaves what stood there;
 * `bad-checkpoint` where a tensor's data don't fit its type and shape or two tensors have one name; what `load` throws.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, StoredTensor | LazyTensor]>,
  metadata: Readonly<Record<string, string>> = {},
  checked = false,
): Promise<void> {
  const ordered = inFileOrder(tensors);
  for (const tensor of ordered) if ('data' in tensor) requireFitting(path, tensor, tensor.data);
  const header = formatHeader(path, ordered, checked ? { ...metadata, [checksumKey]: noChecksum } : metadata);
  const length = Buffer.alloc(lengthBytes);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeAside(path, async (file) => {
    await file.writeFile(length);
    await file.writeFile(header);
    let checksum = crc32(header);
    for (const tensor of ordered) {
      const data = 'data' in tensor ? tensor.data : await tensor.load();
      requireFitting(path, tensor, data);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      await file.writeFile(bytes);
      // zlib begins anew at data without an address, as those of no bytes are.
      if (checked && bytes.length > 0) checksum = crc32(bytes, checksum);
    }
    if (!checked) return;
    const place = checksumPlace(Buffer.from(header), noChecksum);
    await file.write(Buffer.from(hexadecimal(checksum)), 0, noChecksum.length, lengthBytes + place);
  });
}
