import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, inject, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };

const build = inject('build');
const folder = mkdtempSync(join(tmpdir(), 'shapelaw-imports-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Entry points by sub-path, as package.json has them. */
const entries = Object.entries(packageJson.exports).flatMap(([path, target]): [string, string][] =>
  typeof target === 'string' ? [] : [[path, target.default.replace('./dist/', '')]],
);
/** Entry points that run in a browser as they are. */
const portable = ['./flops', './fit', './recommend', './report'];
const engine = /onnxruntime|tensorflow|tfjs/;
/** What draws plots: Plot, what it stands on, and a document to draw in. */
const drawing = /node_modules\/(@observablehq|@xmldom|d3)/;

/** A program that imports a file and prints the address of each module resolved, and the file of each one required. */
const recorder = `
import { createRequire, register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(\`
  import { writeSync } from 'node:fs';
  export async function resolve(specifier, context, next) {
    const resolved = await next(specifier, context);
    writeSync(1, resolved.url + '\\\\n');
    return resolved;
  }
\`));
await import(process.argv[2]);
for (const file of Object.keys(createRequire(import.meta.url).cache)) console.log(file);
`;

/** Every module that importing a file loads. */
function loadedBy(file: string): string[] {
  const program = join(folder, 'recorder.mjs');
  writeFileSync(program, recorder);
  const address = pathToFileURL(file).href;
  return execFileSync(process.execPath, [program, address], { encoding: 'utf8' }).trim().split('\n');
}

/** The modules outside the build that a built file imports, by itself or through others, at once or later. */
function importedFrom(file: string): ReadonlySet<string> {
  const outside = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { fileName } of ts.preProcessFile(readFileSync(path, 'utf8'), true, true).importedFiles) {
      if (fileName.startsWith('.')) visit(join(dirname(path), fileName));
      else outside.add(fileName);
    }
  };
  visit(file);
  return outside;
}

test('package.json names the entry points that are tested here', () => {
  expect(entries.map(([path]) => path)).toEqual(expect.arrayContaining(['.', './runs', ...portable]));
});

describe('no engine is loaded', () => {
  test.each(entries)('by importing %s', (path, file) => {
    const loaded = loadedBy(join(build, file));
    expect(loaded).toContain(pathToFileURL(join(build, file)).href);
    expect(loaded.length).toBeGreaterThan(5);
    expect(loaded.filter((module) => engine.test(module))).toEqual([]);
    // Nor is what draws plots, but by what draws them.
    expect(loaded.some((module) => drawing.test(module))).toBe(path === './report');
  });

  test('which would be seen, imported or required', () => {
    for (const name of ['onnxruntime-node', '@tensorflow/tfjs']) {
      mkdirSync(join(folder, 'node_modules', name), { recursive: true });
      writeFileSync(join(folder, 'node_modules', name, 'index.js'), 'module.exports = {};');
    }
    writeFileSync(join(folder, 'imports.mjs'), "import 'onnxruntime-node';");
    writeFileSync(join(folder, 'requires.cjs'), "require('@tensorflow/tfjs');");
    writeFileSync(join(folder, 'later.mjs'), "export default () => import('onnxruntime-node');");
    expect(loadedBy(join(folder, 'imports.mjs')).some((module) => engine.test(module))).toBe(true);
    expect(loadedBy(join(folder, 'requires.cjs')).some((module) => engine.test(module))).toBe(true);
    expect(loadedBy(join(folder, 'later.mjs')).some((module) => engine.test(module))).toBe(false);
    expect([...importedFrom(join(folder, 'later.mjs'))]).toEqual(['onnxruntime-node']);
  });
});

describe('no module of Node is imported', () => {
  const builtins = (file: string) => [...importedFrom(join(build, file))].filter((name) => isBuiltin(name));

  test.each(entries.filter(([path]) => portable.includes(path)))('by %s', (_, file) => {
    expect(importedFrom(join(build, file)).size).toBeGreaterThan(0);
    expect(builtins(file)).toEqual([]);
  });

  test('but by runs, which reads files', () => {
    expect(builtins('runs/index.js')).toContain('node:fs/promises');
  });
});

test('what is imported is a dependency, or part of Node', () => {
  const { dependencies: always, optionalDependencies, peerDependencies } = packageJson;
  const dependencies = Object.keys({ ...always, ...optionalDependencies, ...peerDependencies });
  for (const file of [...entries.map(([, file]) => file), 'cli/main.js']) {
    for (const name of importedFrom(join(build, file))) {
      const known = isBuiltin(name) || dependencies.some((known) => name === known || name.startsWith(`${known}/`));
      expect(known, `${name}, imported by ${relative(build, join(build, file))}`).toBe(true);
    }
  }
});
