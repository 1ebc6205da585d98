import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { ShapelawError } from '../../errors.js';
import { bytesOf, type DType, lean, type Program } from '../graph/index.js';
import type { Executor, HostTensor, PreparedProgram, Values } from './executor.js';
import { inPlaceUpdates } from './in-place.js';
import { letGo } from './let-go.js';
import { lowerToOnnx, outputPrefix, updatePrefix } from './lower-onnx.js';
import type { OnnxProvider } from './onnx-kernels.js';
import { encodeOnnx, type OnnxGraph } from './onnx-model.js';
import { failedToOpen, loadOnnxRuntime, reasonOf } from './onnx-runtime.js';

export interface OnnxOptions {
  readonly provider: OnnxProvider;
  /** Threads of the CPU provider. Defaults to 1. */
  readonly threads?: number;
  /** Prefix of a file for each program with the time and the provider of each of its nodes. Defaults to none. */
  readonly profile?: string;
}

/** A state, and the session that made it where it is on the device. */
interface HeldState {
  readonly tensor: OrtTensor;
  readonly maker?: InferenceSession;
}

/** Bytes copied at once between device and host: the copies need as much of the device's memory. */
const copyBytes = 2 ** 26;

/**
 * Bytes of states up to which a program has the library's arena: a step takes 10 to 20% less time with it, but it grows by powers of 2,
 * up to 2.5 times what the tensors of a large vocabulary take.
 */
const arenaBytes = 2e8;

/** A graph to see whether a provider opens. */
const probe: OnnxGraph = {
  name: 'probe',
  nodes: [{ operator: 'Neg', inputs: ['x'], outputs: ['y'] }],
  initializers: [],
  inputs: [{ name: 'x', dtype: 'float32', dims: [1] }],
  outputs: [{ name: 'y', dtype: 'float32', dims: [1] }],
};

/**
 * An executor on ONNX Runtime.
 *
 * States stay on the device with WebGPU. The Node.js binding can't keep outputs in CUDA's memory: there they are copied to
 * and fro at every step.
 *
 * @throws ShapelawError `engine-unavailable`.
 */
export async function onnxExecutor(options: OnnxOptions): Promise<Executor> {
  const { provider, threads = 1 } = options;
  const ort = await loadOnnxRuntime(provider);
  const onDevice = provider === 'webgpu';
  const states = new Map<string, HeldState>();
  /** Sessions that nobody runs any more but states came from: with WebGPU a tensor is freed through its session. */
  const retired = new Set<InferenceSession>();

  const toOrt = ({ dtype, dims, values }: HostTensor) => new ort.Tensor(dtype, values as Float32Array, dims);
  function open(graph: OnnxGraph, more: InferenceSession.SessionOptions = {}): Promise<InferenceSession> {
    return ort.InferenceSession.create(encodeOnnx(graph), {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // The graph is lowered as the provider's kernels want it.
      graphOptimizationLevel: 'disabled',
      // A plan of memory is kept beside what the first run took, and costs more than it saves.
      enableMemPattern: false,
      enableCpuMemArena: false,
      logSeverityLevel: 3,
      // A node without a kernel on the device would run on the CPU, with copies to and fro: rather an error.
      ...(onDevice ? { extra: { session: { disable_cpu_ep_fallback: '1' } } } : {}),
      ...more,
    });
  }

  // Open as long as the executor, since a device closes with its last session.
  const holder =
    provider === 'cpu'
      ? undefined
      : await open(probe).catch((error: unknown) => {
          throw failedToOpen(provider, error);
        });

  function hold(name: string, state: HeldState): void {
    states.get(name)?.tensor.dispose();
    states.set(name, state);
  }

  /** Releases a session as soon as no state is left that it made. */
  async function release(session?: InferenceSession): Promise<void> {
    if (session !== undefined) retired.add(session);
    if (retired.size === 0) return;
    const makers = new Set([...states.values()].map(({ maker }) => maker));
    for (const done of [...retired].filter((one) => !makers.has(one))) {
      retired.delete(done);
      await done.release();
    }
  }

  /**
   * Copies states to the device or to the host's memory by a graph that only copies: the binding has no other way to upload
   * a tensor, and its way to download one ends the process.
   */
  async function copy(
    names: readonly string[],
    location: 'gpu-buffer' | 'cpu',
    take: (name: string, state: HeldState) => void,
  ): Promise<void> {
    const tensorOf = (name: string) => states.get(name)!.tensor;
    for (const group of grouped(names, (name) => 4 * tensorOf(name).size, copyBytes)) {
      const slots = group.map((name) => ({ name, dtype: tensorOf(name).type as DType, dims: tensorOf(name).dims }));
      const graph: OnnxGraph = {
        name: 'copy',
        nodes: group.map((name) => ({ operator: 'Identity', inputs: [name], outputs: [updatePrefix + name] })),
        initializers: [],
        inputs: slots,
        outputs: slots.map((slot) => ({ ...slot, name: updatePrefix + slot.name })),
      };
      const maker = await open(graph, { preferredOutputLocation: location });
      const results = await maker.run(Object.fromEntries(group.map((name) => [name, tensorOf(name)])));
      for (const name of group) take(name, { tensor: results[updatePrefix + name] as OrtTensor, maker });
      await release(maker);
    }
  }

  async function prepare(program: Program): Promise<PreparedProgram> {
    const slim = lean(program);
    const given = Object.keys(slim.outputs);
    const updates = Object.keys(slim.updates);
    const readStates = slim.states.map(({ name }) => name);
    // On the device each run gives new tensors.
    const inPlace = onDevice ? new Set<string>() : inPlaceUpdates(slim);
    const onlyRead = readStates.filter((name) => !updates.includes(name));
    const stay = Object.fromEntries(updates.map((name) => [updatePrefix + name, 'gpu-buffer' as const]));
    const stateBytes = slim.states.reduce((sum, slot) => sum + bytesOf(slot), 0);
    const session = await open(lowerToOnnx(slim, provider, program.name), {
      enableCpuMemArena: stateBytes <= arenaBytes,
      ...(options.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profile }),
      ...(onDevice && updates.length > 0 ? { preferredOutputLocation: stay } : {}),
    });
    return {
      async run(feeds) {
        if (onDevice) {
          // A state that is replaced comes to the device by its first run; others would be taken along at every run.
          const away = onlyRead.filter((name) => states.get(name)!.maker === undefined);
          await copy(away, 'gpu-buffer', hold);
        }
        const inputs: Record<string, OrtTensor> = {};
        for (const [name, value] of feeds) inputs[name] = toOrt(value);
        for (const name of readStates) inputs[name] = states.get(name)!.tensor;
        const wanted: Record<string, OrtTensor | null> = {};
        for (const name of given) wanted[outputPrefix + name] = null;
        for (const name of updates) wanted[updatePrefix + name] = inPlace.has(name) ? states.get(name)!.tensor : null;
        const results = await session.run(inputs, wanted).catch((error: unknown) => {
          throw runError(provider, error);
        });
        const resultOf = (name: string) => results[name] as OrtTensor;
        for (const name of updates) {
          if (inPlace.has(name)) continue;
          const tensor = resultOf(updatePrefix + name);
          hold(name, onDevice ? { tensor, maker: session } : { tensor });
        }
        if (onDevice) await release();
        return new Map(given.map((name) => [name, toHost(resultOf(outputPrefix + name))]));
      },
      dispose: () => release(session),
    };
  }

  return {
    // ONNX Runtime doesn't tell which adapter it took.
    device: provider,
    versions: { 'onnxruntime-node': ort.env.versions.node ?? 'unknown' },
    prepare,
    async writeStates(values, give = false) {
      for (const [name, value] of values) {
        const before = states.get(name);
        if (before !== undefined && before.maker === undefined && isAlike(before.tensor, value)) {
          (before.tensor.data as Float32Array).set(value.values as Float32Array);
          if (give) letGo(value.values);
        } else hold(name, { tensor: toOrt(give ? value : { ...value, values: value.values.slice() }) });
      }
      await release();
    },
    async readStates(names) {
      const read = new Map<string, HostTensor>();
      const take = (name: string, { tensor }: HeldState) => {
        const host = toHost(tensor);
        read.set(name, { ...host, values: host.values.slice() });
      };
      const away = names.filter((name) => states.get(name)!.maker !== undefined);
      await copy(away, 'cpu', take);
      for (const name of names) if (!read.has(name)) take(name, states.get(name)!);
      return read;
    },
    async dispose() {
      for (const { tensor } of states.values()) tensor.dispose();
      states.clear();
      await release(holder);
    },
  };
}

function isAlike({ type, dims }: OrtTensor, value: HostTensor): boolean {
  return type === value.dtype && dims.join() === value.dims.join() && type !== 'float16';
}

/** Items in their order in groups of up to a total weight, or of one item. */
function grouped<T>(items: readonly T[], weight: (item: T) => number, limit: number): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let total = Number.POSITIVE_INFINITY;
  for (const item of items) {
    total += weight(item);
    if (total > limit) {
      groups.push([]);
      total = weight(item);
    }
    groups.at(-1)!.push(item);
  }
  return groups;
}

function toHost(tensor: OrtTensor): HostTensor {
  const dtype = tensor.type as DType;
  const array = tensor.data as Values;
  // Where JavaScript has a Float16Array the binding gives one.
  const values = dtype === 'float16' ? new Uint16Array(array.buffer, array.byteOffset, array.length) : array;
  return { dtype, dims: tensor.dims, values: values as Values };
}

/** What a run failed by; a device that can't compute in float16 is the user's. */
function runError(provider: OnnxProvider, error: unknown): Error {
  const reason = reasonOf(error);
  if (!/requires f16 but the device does not support it/.test(reason)) return error as Error;
  return new ShapelawError(
    'engine-unavailable',
    `the ${provider} device can't compute in float16 (it lacks the WebGPU feature shader-f16): use float32`,
    { engine: provider, reason },
  );
}
