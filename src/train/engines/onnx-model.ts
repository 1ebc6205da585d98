import { PbfWriter } from 'pbf';
import type { DType, Slot } from '../graph/index.js';

/** A value of a node's attribute; a float is wrapped, since a whole number may be one. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** One node: an operator of ONNX, or of ONNX Runtime's own where the domain says so. */
export interface OnnxNode {
  readonly operator: string;
  readonly domain?: 'com.microsoft';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

/** A constant of the model, as little-endian bytes. */
export interface OnnxInitializer extends Slot {
  readonly bytes: Uint8Array;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly Slot[];
  readonly outputs: readonly Slot[];
}

/** TensorProto.DataType of ONNX. */
const elementTypes: Readonly<Record<DType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10 };

// Numbers of fields and types: onnx.proto of ONNX 1.17, IR version 9.
function writeAttribute([name, value]: [string, OnnxAttribute], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof value === 'number') {
    pbf.writeVarintField(3, value);
    pbf.writeVarintField(20, 2);
  } else if (typeof value === 'string') {
    pbf.writeStringField(4, value);
    pbf.writeVarintField(20, 3);
  } else if ('float' in value) {
    pbf.writeFloatField(2, value.float);
    pbf.writeVarintField(20, 1);
  } else {
    for (const item of value) pbf.writeVarintField(8, item);
    pbf.writeVarintField(20, 7);
  }
}

function writeNode(node: OnnxNode, pbf: PbfWriter): void {
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, `${node.operator} ${node.outputs[0]}`);
  pbf.writeStringField(4, node.operator);
  for (const attribute of Object.entries(node.attributes ?? {})) pbf.writeMessage(5, writeAttribute, attribute);
  if (node.domain !== undefined) pbf.writeStringField(7, node.domain);
}

function writeInitializer(tensor: OnnxInitializer, pbf: PbfWriter): void {
  for (const length of tensor.dims) pbf.writeVarintField(1, length);
  pbf.writeVarintField(2, elementTypes[tensor.dtype]);
  pbf.writeStringField(8, tensor.name);
  pbf.writeBytesField(9, tensor.bytes);
}

function writeSlot(slot: Slot, pbf: PbfWriter): void {
  pbf.writeStringField(1, slot.name);
  pbf.writeMessage(2, writeType, slot);
}

function writeType(slot: Slot, pbf: PbfWriter): void {
  pbf.writeMessage(1, writeTensorType, slot);
}

function writeTensorType(slot: Slot, pbf: PbfWriter): void {
  pbf.writeVarintField(1, elementTypes[slot.dtype]);
  pbf.writeMessage(2, writeDims, slot);
}

function writeDims(slot: Slot, pbf: PbfWriter): void {
  for (const length of slot.dims) pbf.writeMessage(1, writeDimension, length);
}

function writeDimension(length: number, pbf: PbfWriter): void {
  pbf.writeVarintField(1, length);
}

function writeGraph(graph: OnnxGraph, pbf: PbfWriter): void {
  for (const node of graph.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, graph.name);
  for (const tensor of graph.initializers) pbf.writeMessage(5, writeInitializer, tensor);
  for (const slot of graph.inputs) pbf.writeMessage(11, writeSlot, slot);
  for (const slot of graph.outputs) pbf.writeMessage(12, writeSlot, slot);
}

function writeOperatorSet([domain, version]: readonly [string, number], pbf: PbfWriter): void {
  pbf.writeStringField(1, domain);
  pbf.writeVarintField(2, version);
}

/** The bytes of an ONNX model: operator set 18, and version 1 of ONNX Runtime's own operators. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, 9);
  pbf.writeStringField(2, 'shapelaw');
  pbf.writeMessage(7, writeGraph, graph);
  pbf.writeMessage(8, writeOperatorSet, ['', 18] as const);
  pbf.writeMessage(8, writeOperatorSet, ['com.microsoft', 1] as const);
  return pbf.finish();
}
