import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where browsers keep SwiftShader, a Vulkan driver that computes on the CPU, and a Vulkan loader beside it. */
const browserFolders = [
  '/usr/lib/chromium',
  '/usr/lib64/chromium-browser',
  '/usr/lib/chromium-browser',
  '/opt/google/chrome',
];

/** dlopen's flags of glibc: resolve when used, and stay loaded though it is no Node.js module. */
const lazyForGood = 0x0001 | 0x1000;

/**
 * Lets this process, before it first uses WebGPU, find the software driver of a browser that is installed; VK_DRIVER_FILES
 * in the environment goes before it. Vulkan reads the environment of the process: in a worker thread this does nothing.
 *
 * @returns the folder of the browser, or undefined where there is none or another driver is asked for.
 */
export function useSoftwareVulkan(): string | undefined {
  if (process.platform !== 'linux' || process.env.VK_DRIVER_FILES !== undefined) return undefined;
  const driver = (folder: string) => join(folder, 'vk_swiftshader_icd.json');
  const folder = browserFolders.find((candidate) => existsSync(driver(candidate)));
  if (folder === undefined) return undefined;
  process.env.VK_DRIVER_FILES = driver(folder);
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  try {
    process.dlopen({ exports: {} }, join(folder, 'libvulkan.so.1'), lazyForGood);
  } catch {
    // It always throws: a loader of Vulkan registers no Node.js module. It is loaded all the same.
  }
  return folder;
}
