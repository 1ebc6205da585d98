import { z } from 'zod';
import { ShapelawError } from '../../errors.js';
import { arrayTypes, elementsOf, type StoredType } from './stored-tensor.js';

/** What a header says of a tensor; the offset counts from the end of the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly offset: number;
}

export interface Header {
  /** In the order of their data. */
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The key of the header that is no tensor. */
const metadataKey = '__metadata__';

const again = 'copy or download the file again';

/** A refusal of a file, for what its header says of one tensor where that is named. */
export function badFile(path: string, problem: string, details: Record<string, unknown> = {}): ShapelawError {
  const { tensor } = details;
  const where = tensor === undefined ? path : `${path}: tensor ${JSON.stringify(tensor)}`;
  return new ShapelawError('bad-checkpoint', `${where} ${problem}`, { path, ...details });
}

export function bytesOf({ dtype, shape }: Pick<HeaderEntry, 'dtype' | 'shape'>): number {
  return elementsOf(shape) * arrayTypes[dtype].BYTES_PER_ELEMENT;
}

const length = z.int().nonnegative();
const entrySchema = z.object({ dtype: z.string(), shape: z.array(length), data_offsets: z.tuple([length, length]) });

function isStoredType(dtype: string): dtype is StoredType {
  return Object.hasOwn(arrayTypes, dtype);
}

function parseEntry(path: string, tensor: string, value: unknown): HeaderEntry & { readonly end: number } {
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const problem = `has a bad header entry ${JSON.stringify(value)}: ${issue!.path.join('.')} ${issue!.message}`;
    throw badFile(path, `${problem}; write the file again`, { tensor });
  }
  const { dtype, shape, data_offsets } = result.data;
  if (!isStoredType(dtype)) {
    const known = Object.keys(arrayTypes).join(', ');
    throw badFile(path, `is of type ${JSON.stringify(dtype)}; store it as one of ${known}`, { tensor, dtype });
  }
  const [offset, end] = data_offsets;
  const bytes = bytesOf({ dtype, shape });
  if (end - offset !== bytes) {
    const problem = `of type ${dtype} and shape [${shape}] takes ${bytes} bytes, and its offsets ${offset} to ${end} span ${end - offset}`;
    throw badFile(path, `${problem}; write the file again`, { tensor, dtype, shape, offset, end });
  }
  return { name: tensor, dtype, shape, offset, end };
}

function parseJson(path: string, bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw badFile(path, `is not a safetensors file: its header is not JSON (${(error as Error).message}); ${again}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw badFile(path, `is not a safetensors file: its header is not a JSON object; ${again}`);
  }
  return value as Record<string, unknown>;
}

function isTextByName(value: unknown): value is Readonly<Record<string, string>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  return Object.values(value).every((text) => typeof text === 'string');
}

/**
 * Reads the header of a safetensors file. As the reference demands, the tensors have to fill the data without a gap.
 *
 * @param path names the file in messages.
 * @param dataBytes length of what follows the header.
 * @throws ShapelawError `bad-checkpoint`, naming the file, the tensor and the numbers at fault.
 */
export function parseHeader(path: string, bytes: Uint8Array, dataBytes: number): Header {
  const { [metadataKey]: metadata = {}, ...rawEntries } = parseJson(path, bytes);
  if (!isTextByName(metadata)) {
    throw badFile(path, `has metadata that are not all text: ${JSON.stringify(metadata)}; write the file again`);
  }

  const entries = Object.entries(rawEntries)
    .map(([name, value]) => parseEntry(path, name, value))
    .sort((a, b) => a.offset - b.offset || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    const { name: tensor, offset } = entry;
    if (entry.end > dataBytes) {
      const problem = `ends at byte ${entry.end} of the data, of which the file has ${dataBytes}: it is cut short`;
      throw badFile(path, `${problem}; ${again}`, { tensor, end: entry.end, dataBytes });
    }
    if (offset !== end) {
      const problem =
        offset < end ? 'overlaps the one before, which ends' : 'leaves a gap to the one before, which ends';
      throw badFile(path, `starts at byte ${offset} and ${problem} at ${end}; write the file again`, {
        tensor,
        offset,
        previousEnd: end,
      });
    }
    end = entry.end;
  }
  if (end !== dataBytes) {
    const problem = `has ${dataBytes} bytes of data, and its tensors end at ${end}`;
    throw badFile(path, `${problem}; ${again}`, { dataBytes, end });
  }
  return { entries, metadata };
}

/**
 * The header of a file that holds the tensors in this order, padded with spaces to a multiple of 8 bytes.
 *
 * @throws ShapelawError `bad-checkpoint` for a name that is taken twice, or that of the metadata.
 */
export function formatHeader(
  path: string,
  tensors: readonly Omit<HeaderEntry, 'offset'>[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const fields = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) fields.set(metadataKey, metadata);
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (name === metadataKey || fields.has(name)) {
      const problem = name === metadataKey ? 'has the name of the metadata' : 'is given twice';
      throw badFile(path, `${problem}; name it otherwise`, { tensor: name });
    }
    const end = offset + bytesOf({ dtype, shape });
    fields.set(name, { dtype, shape, data_offsets: [offset, end] });
    offset = end;
  }
  // An object would move names that are whole numbers to the front.
  const members = [...fields].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(0x20);
  padded.set(json);
  return padded;
}
