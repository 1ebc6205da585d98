// Writes the JSON Schemas beside this file: npm run schemas
import { writeFileSync } from 'node:fs';
import { jsonSchemas } from '../../dist/index.js';

for (const [name, schema] of Object.entries(jsonSchemas())) {
  writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
