import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { jsonSchemas, publishedLaw, version } from '../src/index.js';

test.each(Object.entries(jsonSchemas()))('docs/schemas/%s.json is current (npm run schemas)', (name, schema) => {
  const committed = readFileSync(new URL(`../docs/schemas/${name}.json`, import.meta.url), 'utf8');
  expect(committed).toBe(`${JSON.stringify(schema, null, 2)}\n`);
});

test('the version written into law files is that of the package', () => {
  expect(version).toBe(packageJson.version);
  expect(publishedLaw('besiroglu-2024').provenance.version).toBe(packageJson.version);
});
