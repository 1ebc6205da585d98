import { createRequire } from 'node:module';
import util from 'node:util';
import type * as TfCore from '@tensorflow/tfjs-core';
import { ShapelawError } from '../../errors.js';
import { broadcastDims, type DType, GraphError, lean, type Program, type Tensor } from '../graph/index.js';
import type { Executor, HostTensor, PreparedProgram } from './executor.js';

export interface TfjsOptions {
  /** `node-gpu`, `node`, `cpu`, `wasm` or `webgpu`: whatever follows `tfjs-` or `tfjs-backend-` in its package's name. */
  readonly backend: string;
}

type Tf = typeof TfCore;
type TfTensor = TfCore.Tensor;

interface Backend {
  /** The package that brings it, beside or with tfjs-core. */
  readonly package: string;
  /** Its name within TensorFlow.js. */
  readonly name: string;
  readonly device: string;
  /** What to install, and what else it takes. */
  readonly remedy: string;
}

const core = '@tensorflow/tfjs-core';
const libtensorflow = 'its install script downloads libtensorflow 2.9.1 and has to be allowed to run';

const backends: Readonly<Record<string, Backend>> = {
  'node-gpu': {
    package: '@tensorflow/tfjs-node-gpu',
    name: 'tensorflow',
    device: 'GPU (CUDA)',
    remedy: `npm install @tensorflow/tfjs-node-gpu: ${libtensorflow}; it needs an NVIDIA GPU, CUDA 11.2 and cuDNN 8.1, on Linux or Windows x64`,
  },
  node: {
    package: '@tensorflow/tfjs-node',
    name: 'tensorflow',
    device: 'CPU',
    remedy: `npm install @tensorflow/tfjs-node: ${libtensorflow}`,
  },
  cpu: {
    package: '@tensorflow/tfjs-backend-cpu',
    name: 'cpu',
    device: 'CPU',
    remedy: `npm install ${core} @tensorflow/tfjs-backend-cpu: plain JavaScript, for checks only`,
  },
  wasm: {
    package: '@tensorflow/tfjs-backend-wasm',
    name: 'wasm',
    device: 'CPU (WebAssembly)',
    remedy: `npm install ${core} @tensorflow/tfjs-backend-wasm`,
  },
  webgpu: {
    package: '@tensorflow/tfjs-backend-webgpu',
    name: 'webgpu',
    device: 'GPU (WebGPU)',
    remedy: `npm install ${core} @tensorflow/tfjs-backend-webgpu: it needs navigator.gpu, which browsers and Deno have and Node.js has not`,
  },
};

/**
 * An executor that interprets graphs by plain operations of TensorFlow.js. States stay on the device. Integers are int32
 * there, and float16 is refused. The backend is the process's: executors of several backends do not mix.
 *
 * @throws ShapelawError `bad-usage` for an unknown backend; `engine-unavailable` where its package is missing or finds no
 * device, with what to install.
 */
export async function tfjsExecutor(options: TfjsOptions): Promise<Executor> {
  const backend = backends[options.backend];
  if (backend === undefined) {
    const message = `no TensorFlow.js backend "${options.backend}": ${Object.keys(backends).join(', ')}`;
    throw new ShapelawError('bad-usage', message, { backend: options.backend });
  }
  const tf = await load(backend);
  const states = new Map<string, TfTensor>();
  const stateOf = (name: string) => {
    const tensor = states.get(name);
    if (tensor === undefined) throw new GraphError(`state: "${name}" is not given`);
    return tensor;
  };

  return {
    device: backend.device,
    versions: { [core]: tf.version_core, [backend.package]: versionOf(backend.package) },
    async prepare(program): Promise<PreparedProgram> {
      return prepared(tf, program, stateOf, (name, tensor) => {
        states.get(name)?.dispose();
        states.set(name, tensor);
      });
    },
    async writeStates(values, give = false) {
      for (const [name, value] of values) {
        refuseHalf(value.dtype, name);
        states.get(name)?.dispose();
        states.set(name, toTf(tf, give ? value : { ...value, values: value.values.slice() }));
      }
    },
    async readStates(names) {
      const read = new Map<string, HostTensor>();
      for (const name of names) read.set(name, await toHost(stateOf(name)));
      return read;
    },
    async dispose() {
      for (const tensor of states.values()) tensor.dispose();
      states.clear();
    },
  };
}

async function load(backend: Backend): Promise<Tf> {
  const isNode = backend.name === 'tensorflow';
  if (isNode) restoreUtil();
  const unavailable = (reason: string) =>
    new ShapelawError('engine-unavailable', `no TensorFlow.js engine: ${reason}; ${backend.remedy}`, {
      engine: backend.package,
      reason,
    });
  // Names in variables: none of the packages need be installed when this is compiled.
  const get = async (name: string) => {
    const module = await import(name).catch((error: unknown) => {
      throw unavailable(`the package ${name} can't be loaded: ${String((error as Error).message).split('\n')[0]}`);
    });
    return module.default ?? module;
  };

  let tf: Tf;
  if (isNode) tf = await get(backend.package);
  else {
    tf = await get(core);
    // Else it advises to install tfjs-node.
    tf.enableProdMode();
    await get(backend.package);
  }
  const isThere = await tf.setBackend(backend.name).catch(() => false);
  if (!isThere) throw unavailable(`${backend.package} does not start`);
  if (backend.device.includes('CUDA') && (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice !== true)
    throw unavailable(`${backend.package} finds no GPU`);
  return tf;
}

/** Functions of `node:util` that tfjs-node 4.22 calls; the first is gone since Node.js 23. */
function restoreUtil(): void {
  const functions = util as unknown as Record<string, unknown>;
  functions.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  functions.isArray ??= Array.isArray;
}

function versionOf(name: string): string {
  return createRequire(import.meta.url)(`${name}/package.json`).version;
}

function refuseHalf(dtype: DType, what: string): void {
  if (dtype !== 'float16') return;
  throw new ShapelawError('bad-usage', `TensorFlow.js can't compute in float16: use float32, or another engine`, {
    what,
  });
}

function tfTypeOf(dtype: DType): 'float32' | 'int32' | 'bool' {
  return dtype === 'float32' || dtype === 'bool' ? dtype : 'int32';
}

function toTf(tf: Tf, { dtype, dims, values }: HostTensor): TfTensor {
  const numbers = dtype === 'int64' ? Int32Array.from(values as BigInt64Array, int32Of) : values;
  return tf.tensor(numbers as Int32Array, [...dims], tfTypeOf(dtype));
}

function int32Of(value: bigint): number {
  if (value !== BigInt.asIntN(32, value)) throw new GraphError(`input: ${value} is beyond the int32 of TensorFlow.js`);
  return Number(value);
}

async function toHost(tensor: TfTensor, dtype = tensor.dtype as DType): Promise<HostTensor> {
  const values = (await tensor.data()) as Float32Array | Int32Array | Uint8Array;
  const copy = dtype === 'int64' ? BigInt64Array.from(values as Int32Array, BigInt) : values.slice();
  return { dtype, dims: tensor.shape, values: copy };
}

/** One side of a product: the tensor before its last two axes were exchanged, if they were. */
function sideOf(tensor: Tensor): { readonly source: Tensor; readonly transposed: boolean } {
  const { operation, inputs, dims } = tensor;
  if (operation.kind === 'transpose') {
    const axes = dims.map((_, axis) => axis);
    const exchanged = [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
    if (operation.permutation.join() === exchanged.join()) return { source: inputs[0]!, transposed: true };
  }
  return { source: tensor, transposed: false };
}

const isNumber = ({ operation }: Tensor) => operation.kind === 'constant' && typeof operation.values === 'number';
const isZero = ({ operation }: Tensor) => operation.kind === 'constant' && operation.values === 0;

/** The tensors that an operation reads. */
function readsOf({ operation, inputs }: Tensor): readonly Tensor[] {
  if (operation.kind === 'matMul') return inputs.map((input) => sideOf(input).source);
  return operation.kind === 'addRows' && isZero(inputs[0]!) ? inputs.slice(1) : inputs;
}

function prepared(
  tf: Tf,
  program: Program,
  stateOf: (name: string) => TfTensor,
  replaceState: (name: string, tensor: TfTensor) => void,
): PreparedProgram {
  const { order, outputs, updates } = lean(program);
  for (const { dtype, operation } of order) refuseHalf(dtype, operation.kind);
  const results = new Set([...Object.values(outputs), ...Object.values(updates)]);
  const needed = new Set(results);
  for (const tensor of [...order].reverse()) {
    if (needed.has(tensor)) for (const read of readsOf(tensor)) needed.add(read);
  }
  const leaves = ['input', 'state', 'constant'];
  const steps = order.filter((tensor) => needed.has(tensor) && !leaves.includes(tensor.operation.kind));
  const lastReader = new Map<Tensor, Tensor>();
  for (const tensor of steps) for (const read of readsOf(tensor)) lastReader.set(read, tensor);
  const done = new Map<Tensor, Tensor[]>();
  for (const [read, reader] of lastReader) {
    if (!results.has(read)) done.set(reader, [...(done.get(reader) ?? []), read]);
  }

  /** Constants on the device: lists whole, and a number for every element as one. */
  const constants = new Map<Tensor, TfTensor>();
  for (const tensor of order) {
    const { operation, dims, dtype } = tensor;
    if (operation.kind !== 'constant' || !needed.has(tensor)) continue;
    const { values } = operation;
    constants.set(
      tensor,
      typeof values === 'number'
        ? tf.scalar(values, tfTypeOf(dtype))
        : tf.tensor([...values], [...dims], tfTypeOf(dtype)),
    );
  }

  return {
    async run(feeds) {
      /** What this run has made and not yet disposed of. */
      const values = new Map<Tensor, TfTensor>();
      const get = (tensor: Tensor): TfTensor => {
        if (tensor.operation.kind === 'state') return stateOf(tensor.operation.name);
        const constant = constants.get(tensor);
        if (constant === undefined) return values.get(tensor)!;
        return isNumber(tensor) ? tf.broadcastTo(constant, [...tensor.dims]) : constant;
      };
      try {
        for (const tensor of order) {
          if (tensor.operation.kind !== 'input') continue;
          const fed = feeds.get(tensor.operation.name);
          if (fed === undefined) throw new GraphError(`input: "${tensor.operation.name}" is not given`);
          values.set(tensor, toTf(tf, fed));
        }
        for (const tensor of steps) {
          values.set(
            tensor,
            tf.tidy(() => compute(tf, tensor, get, constants)),
          );
          for (const read of done.get(tensor) ?? []) {
            values.get(read)?.dispose();
            values.delete(read);
          }
        }
        const given = new Map<string, HostTensor>();
        for (const [name, tensor] of Object.entries(outputs)) {
          const value = tf.tidy(() => get(tensor).clone());
          given.set(name, await toHost(value, tensor.dtype));
          value.dispose();
        }
        const replacements = Object.entries(updates).map(
          ([name, tensor]) => [name, tf.tidy(() => get(tensor).clone())] as const,
        );
        for (const [name, value] of replacements) replaceState(name, value);
        return given;
      } finally {
        for (const value of values.values()) value.dispose();
      }
    },
    async dispose() {
      for (const tensor of constants.values()) tensor.dispose();
      constants.clear();
    },
  };
}

/** One tensor by the tensors that it reads; what is made on the way is the caller's to dispose of. */
function compute(
  tf: Tf,
  tensor: Tensor,
  get: (tensor: Tensor) => TfTensor,
  constants: ReadonlyMap<Tensor, TfTensor>,
): TfTensor {
  const { operation, inputs, dims, dtype } = tensor;
  const [a, b, c] = inputs as [Tensor, Tensor, Tensor];
  /** Sides that stretch: a number is not written out where the other sides have the shape of the result. */
  const stretched = () => {
    const others = inputs.filter((input) => !isNumber(input)).map((input) => input.dims);
    const shape = others.reduce<readonly number[] | undefined>((all, one) => all && broadcastDims(all, one), []);
    const isWhole = others.length > 0 && shape?.join() === dims.join();
    return inputs.map((input) => (isWhole && isNumber(input) ? constants.get(input)! : get(input)));
  };
  switch (operation.kind) {
    case 'input':
    case 'state':
    case 'constant':
    case 'custom':
      throw new GraphError(`${operation.kind}: is no step`);
    case 'neg':
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'reciprocal':
    case 'tanh':
    case 'relu':
      return tf[operation.kind](get(a));
    case 'isPositive':
      return tf.cast(tf.greater(get(a), 0), 'float32');
    case 'add':
    case 'sub':
    case 'mul':
    case 'maximum':
    case 'minimum':
    case 'greater':
    case 'equal': {
      const [left, right] = stretched() as [TfTensor, TfTensor];
      return tf[operation.kind](left, right);
    }
    case 'div': {
      const [left, right] = stretched() as [TfTensor, TfTensor];
      if (dtype === 'float32') return tf.div(left, right);
      // A quotient of integers is rounded down there, not towards 0.
      return tf.cast(tf.div(tf.cast(left, 'float32'), tf.cast(right, 'float32')), 'int32');
    }
    case 'where': {
      const [condition, yes, no] = stretched() as [TfTensor, TfTensor, TfTensor];
      return tf.where(condition, yes, no);
    }
    case 'cast':
      // In wasm a cast to bool keeps the bits.
      return dtype === 'bool' ? tf.notEqual(get(a), 0) : tf.cast(get(a), tfTypeOf(dtype));
    case 'reshape':
      return tf.reshape(get(a), [...dims]);
    case 'transpose':
      return tf.transpose(get(a), [...operation.permutation]);
    case 'reduceSum':
      return tf.sum(get(a), [...operation.axes], true);
    case 'reduceMean':
      return tf.mean(get(a), [...operation.axes], true);
    case 'reduceMax':
      return tf.max(get(a), [...operation.axes], true);
    case 'matMul': {
      const [left, right] = [sideOf(a), sideOf(b)];
      return tf.matMul(get(left.source), get(right.source), left.transposed, right.transposed);
    }
    case 'softmax':
      return tf.softmax(get(a));
    case 'rmsNorm': {
      const x = get(a);
      return tf.mul(tf.mul(x, inverseRms(tf, x, operation.epsilon)), get(b));
    }
    case 'inverseRms':
      return inverseRms(tf, get(a), operation.epsilon);
    case 'gatherRows':
      return tf.gather(get(a), get(b) as TfCore.Tensor1D);
    case 'addRows': {
      // Rows of one index are added up; unsortedSegmentSum, which does the same, is missing from wasm.
      const indices = tf.reshape(get(b), [b.dims[0]!, 1]);
      const sums = tf.scatterND(indices, get(c), [...dims] as [number, number]);
      return isZero(a) ? sums : tf.add(get(a), sums);
    }
    case 'takeFromRows':
      return tf.reshape(tf.gatherND(get(a), placesInRows(tf, get(b))), [...dims]);
    case 'addToRows': {
      const values = tf.fill([dims[0]!], operation.value);
      return tf.add(get(a), tf.scatterND(placesInRows(tf, get(b)), values, [...dims] as [number, number]));
    }
  }
}

function inverseRms(tf: Tf, x: TfTensor, epsilon: number): TfTensor {
  return tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
}

/** [row, column] of the element of each row that its index names. */
function placesInRows(tf: Tf, indices: TfTensor): TfTensor {
  return tf.stack([tf.range(0, indices.size, 1, 'int32'), indices], 1);
}
