import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ShapelawError } from '../../errors.js';
import type { OnnxProvider } from './onnx-kernels.js';

export type OnnxRuntime = typeof import('onnxruntime-node');

const providerNames: Readonly<Record<OnnxProvider, string>> = { cpu: 'CPU', webgpu: 'WebGPU', cuda: 'CUDA' };

/** Where the package has each provider, and how a person gets what is not in the package. */
const remedies: Readonly<Record<OnnxProvider, string>> = {
  cpu: 'install onnxruntime-node again',
  webgpu:
    'it needs Linux x64, macOS on Apple silicon or Windows, and a graphics driver: on Linux a Vulkan loader and driver ' +
    "(Debian and Ubuntu: libvulkan1 with mesa-vulkan-drivers, or NVIDIA's driver, in a container with " +
    'NVIDIA_DRIVER_CAPABILITIES=all)',
  cuda:
    'it needs Linux x64, CUDA 12 with cuDNN 9, and libraries that the install script of onnxruntime-node downloads: ' +
    'ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node',
};

function unavailable(provider: OnnxProvider, reason: string): ShapelawError {
  return new ShapelawError(
    'engine-unavailable',
    `no ${providerNames[provider]} engine: ${reason}; ${remedies[provider]}`,
    { engine: provider, reason },
  );
}

/** First line of what ONNX Runtime says, without the place in its source that stands before. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^\/\S+:\d+ .*? was false\. /s, '')
    .split('\n')[0]!
    .trim();
}

/**
 * ONNX Runtime, if it is installed and its build for this machine holds the provider.
 *
 * @throws ShapelawError `engine-unavailable`.
 */
export async function loadOnnxRuntime(provider: OnnxProvider): Promise<OnnxRuntime> {
  const ort: OnnxRuntime = await import('onnxruntime-node').catch((error: unknown) => {
    const reason = `the package onnxruntime-node can't be loaded: ${reasonOf(error)}`;
    throw new ShapelawError(
      'engine-unavailable',
      `no ${providerNames[provider]} engine: ${reason}; npm install onnxruntime-node`,
      { engine: provider, reason },
    );
  });
  const { platform, arch } = process;
  if (!ort.listSupportedBackends().some(({ name }) => name === provider))
    throw unavailable(provider, `onnxruntime-node has none for ${platform} ${arch}`);
  // Looked for first: a failed attempt writes to standard error.
  if (provider === 'cuda' && !existsSync(join(libraryFolder(), 'libonnxruntime_providers_cuda.so')))
    throw unavailable(provider, 'onnxruntime-node was installed without its CUDA libraries');
  if (provider === 'webgpu' && platform === 'linux' && !hasVulkan())
    throw unavailable(provider, 'there is no Vulkan loader (libvulkan.so.1)');
  return ort;
}

/** Whether the system has a loader of Vulkan. */
function hasVulkan(): boolean {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
  } catch (error) {
    // Where it is there, loading it fails all the same: it registers no module of Node.js.
    return !/cannot open shared object file/.test((error as Error).message);
  }
  return true;
}

/** The folder of the libraries of onnxruntime-node for this machine. */
function libraryFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** A failure to open a provider, as the user's. */
export function failedToOpen(provider: OnnxProvider, error: unknown): ShapelawError {
  return unavailable(provider, reasonOf(error));
}
