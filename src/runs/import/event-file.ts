import { PbfReader } from 'pbf';
import { ShapelawError } from '../../errors.js';
import { readTfRecords, type TfRecord } from './tfrecord.js';

/** A scalar of an event file. */
export interface Scalar {
  readonly tag: string;
  readonly step: number;
  /** As the file holds it: of 32 bits where it was written so. */
  readonly value: number;
  /** Bytes of the file before its record. */
  readonly offset: number;
}

/** DT_FLOAT and DT_DOUBLE of tensorflow/core/framework/types.proto. */
const dtypes = { float: 1, double: 2 } as const;

interface Value {
  readonly tag: string;
  /** Of a scalar; undefined for anything else. */
  readonly value: number | undefined;
  /** Name of the plugin that shows it, '' where it isn't said. */
  readonly plugin: string;
}

/**
 * Reads the scalars of a TensorBoard event file, in the order they were written: TFRecords of `Event` messages
 * (tensorflow/core/util/event.proto and core/framework/summary.proto), whose scalars are a `simple_value` (TensorFlow 1,
 * PyTorch, tensorboardX) or a tensor of one float or double that the plugin `scalars` shows (TensorFlow 2, Keras). What is no
 * scalar is passed over.
 *
 * @returns the scalars, and the offset of a last record that is cut off, null where none is.
 * @throws ShapelawError `unreadable`, with the offset of a record that is damaged or no event.
 */
export function readEventFile(
  bytes: Uint8Array,
  source: string,
): { readonly scalars: readonly Scalar[]; readonly cutAt: number | null } {
  const { records, cutAt } = readTfRecords(bytes, source);
  // The plugin stands at the first value of a tag alone.
  const pluginOf = new Map<string, string>();
  const scalars: Scalar[] = [];
  for (const record of records) {
    const { step, values } = readEvent(record, source);
    for (const { tag, value, plugin } of values) {
      if (plugin !== '' && !pluginOf.has(tag)) pluginOf.set(tag, plugin);
      if (value === undefined || (pluginOf.get(tag) ?? 'scalars') !== 'scalars') continue;
      scalars.push({ tag, step, value, offset: record.offset });
    }
  }
  return { scalars, cutAt };
}

function readEvent(record: TfRecord, source: string): { readonly step: number; readonly values: readonly Value[] } {
  const pbf = new PbfReader(record.data);
  let step = 0;
  const values: Value[] = [];
  try {
    pbf.readFields((field) => {
      if (field === 2) step = pbf.readVarint(true);
      else if (field === 5) message(pbf, (inner) => inner === 1 && values.push(readValue(pbf)));
    }, undefined);
  } catch {
    throw noEvent(record, source);
  }
  if (pbf.pos !== record.data.length || Number.isNaN(step)) throw noEvent(record, source);
  return { step, values };
}

function noEvent({ offset }: TfRecord, source: string): ShapelawError {
  return new ShapelawError(
    'unreadable',
    `${source}, offset ${offset}: this record is whole but no event of TensorBoard; give event files alone`,
    { file: source, offset },
  );
}

function message(pbf: PbfReader, read: (field: number) => void): void {
  pbf.readMessage(read, undefined);
}

function readValue(pbf: PbfReader): Value {
  let tag = '';
  let plugin = '';
  let value: number | undefined;
  message(pbf, (field) => {
    if (field === 1) tag = pbf.readString();
    else if (field === 2) value = pbf.readFloat();
    else if (field === 8) value = readTensor(pbf);
    else if (field === 9) {
      message(pbf, (metadata) => {
        if (metadata !== 1) return;
        message(pbf, (data) => {
          if (data === 1) plugin = pbf.readString();
        });
      });
    }
  });
  return { tag, value, plugin };
}

/** The one float or double of a tensor; undefined for any other tensor. */
function readTensor(pbf: PbfReader): number | undefined {
  let dtype = 0;
  let content = new Uint8Array();
  const floats: number[] = [];
  const doubles: number[] = [];
  message(pbf, (field) => {
    if (field === 1) dtype = pbf.readVarint();
    else if (field === 4) content = Uint8Array.from(pbf.readBytes());
    else if (field === 5) readNumbers(pbf, floats, () => pbf.readFloat());
    else if (field === 6) readNumbers(pbf, doubles, () => pbf.readDouble());
  });
  const view = new DataView(content.buffer);
  if (dtype === dtypes.float) {
    if (content.length === 4) return view.getFloat32(0, true);
    return floats.length === 1 ? floats[0] : undefined;
  }
  if (dtype !== dtypes.double) return undefined;
  if (content.length === 8) return view.getFloat64(0, true);
  return doubles.length === 1 ? doubles[0] : undefined;
}

/** A repeated field, packed or not. */
function readNumbers(pbf: PbfReader, into: number[], read: () => number): void {
  const packed = 2;
  const end = pbf.type === packed ? pbf.readVarint() + pbf.pos : pbf.pos + 1;
  while (pbf.pos < end) into.push(read());
}
