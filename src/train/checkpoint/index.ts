export {
  type ReadT5Options,
  readHuggingFaceT5,
  type T5Checkpoint,
  type Weight,
  type WriteT5Options,
  writeHuggingFaceT5,
} from './huggingface.js';
export { makeFolder, writeProblem } from './make-folder.js';
export {
  type LazyTensor,
  openSafetensors,
  readSafetensors,
  requireChecksum,
  type SafetensorsFile,
  writeSafetensors,
} from './safetensors.js';
export { type StoredArrays, type StoredTensor, type StoredType, toFloat32 } from './stored-tensor.js';
export { type NamedShape, requireT5, type T5Shape, t5Tensors } from './t5-tensors.js';
export { writeAside } from './write-aside.js';
