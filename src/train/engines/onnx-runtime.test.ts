import { describe, expect, test, vi } from 'vitest';
import { ShapelawError } from '../../errors.js';
import { onnxExecutor } from './onnx.js';
import { failedToOpen, reasonOf } from './onnx-runtime.js';

const backends = await import('onnxruntime-node').then(
  (ort) => ort.listSupportedBackends().map(({ name }) => name),
  () => undefined,
);
// The package as the registry has it holds no CUDA libraries.
const cuda = await onnxExecutor({ provider: 'cuda' }).catch((error: unknown) => error);

describe('reasonOf', () => {
  // As ONNX Runtime 1.30 says them.
  test.each([
    [
      '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n',
      'Failed to get a WebGPU adapter: No supported adapters',
    ],
    [
      'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
      'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
    ],
    ["Cannot find package 'onnxruntime-node'\n    at here", "Cannot find package 'onnxruntime-node'"],
  ])('of %j', (message, reason) => {
    expect(reasonOf(new Error(message))).toBe(reason);
    expect(reasonOf(message)).toBe(reason);
  });
});

describe('engines that are not there', () => {
  test('say why, and what to install', () => {
    expect(failedToOpen('webgpu', new Error('No supported adapters')).message).toMatch(
      /^no WebGPU engine: No supported adapters; it needs .*Vulkan.* libvulkan1 with mesa-vulkan-drivers/,
    );
  });

  test.skipIf(backends === undefined || !(cuda instanceof Error))('CUDA without its libraries or a GPU', () => {
    expect(cuda).toBeInstanceOf(ShapelawError);
    expect(cuda).toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringMatching(/^no CUDA engine: .*; it needs Linux x64, CUDA 12 .*onnxruntime-node$/),
      details: { engine: 'cuda' },
    });
  });

  test('the package itself', async () => {
    vi.resetModules();
    vi.doMock('onnxruntime-node', () => {
      throw new Error("Cannot find package 'onnxruntime-node'");
    });
    const { loadOnnxRuntime } = await import('./onnx-runtime.js');
    await expect(loadOnnxRuntime('cpu')).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringMatching(
        /^no CPU engine: the package onnxruntime-node can't be loaded: .*; npm install onnxruntime-node$/,
      ),
      details: { engine: 'cpu' },
    });
    vi.doUnmock('onnxruntime-node');
  });

  test.skipIf(backends === undefined)('versions of an engine that is there', async () => {
    const executor = await onnxExecutor({ provider: 'cpu' });
    expect(executor.versions['onnxruntime-node']).toMatch(/^\d+\.\d+\.\d+/);
    await executor.dispose();
  });
});
